/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* %s and %(name)s made $1, $2; see placeholders.h. */
#include "placeholders.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part that stays as it is, but for %% in it. */
static void
put_text(struct dsql__buffer *out, const char *at, const char *end)
{
    while (at < end) {
        const char *percent = memchr(at, '%', (size_t)(end - at));
        bool twice = percent != NULL && end - percent >= 2 && percent[1] == '%';
        const char *stop = percent == NULL ? end : percent + 1;
        dsql__buffer_put(out, at, (size_t)(stop - at));
        at = twice ? stop + 1 : stop;
    }
}

/* The number of a name, 1 and up; 0: no memory. */
static size_t
number_of(struct dsql__placeholders *found, struct dsql__text name)
{
    size_t length = (size_t)(name.end - name.at);
    for (size_t i = 0; length > 0 && i < found->count; i++) {
        const struct dsql__text *other = &found->names[i];
        if ((size_t)(other->end - other->at) == length && memcmp(other->at, name.at, length) == 0) {
            return i + 1;
        }
    }
    if (found->count == found->size) {
        size_t size = found->size ? found->size * 2 : 8;
        struct dsql__text *names = realloc(found->names, size * sizeof *names);
        if (names == NULL) {
            return 0;
        }
        found->names = names;
        found->size = size;
    }
    found->names[found->count++] = name;
    return found->count;
}

/* The placeholder whose "%" is before at: its end and its name; NULL: it is none. */
static const char *
placeholder(const char *at, const char *end, struct dsql__text *name)
{
    *name = (struct dsql__text){at, at};
    if (at < end && *at == 's') {
        return at + 1;
    }
    const char *close = at < end && *at == '(' ? memchr(at, ')', (size_t)(end - at)) : NULL;
    if (close == NULL || close == at + 1 || end - close < 2 || close[1] != 's') {
        return NULL;
    }
    *name = (struct dsql__text){at + 1, close};
    return close + 2;
}

static int
put_number(struct dsql__placeholders *found, struct dsql__text name)
{
    char text[24];
    size_t number = number_of(found, name);
    int length = snprintf(text, sizeof text, "$%zu", number);
    dsql__buffer_put(&found->text, text, (size_t)length);
    return number == 0 || found->text.failed ? DSQL_E_NOMEM : 0;
}

int
dsql__placeholders_read(const char *sql, size_t length, struct dsql__placeholders *found)
{
    struct dsql__text text = {sql, sql + length};
    *found = (struct dsql__placeholders){0};
    for (;;) {
        const char *before = text.at, *after;
        struct dsql__text token = dsql__sql_next(&text), name;
        bool single = text.at == token.at + 1;
        if (single && *token.at == '$' && text.at < text.end && *text.at >= '0' &&
            *text.at <= '9') {
            found->count = 0;
            return 0;
        }
        if (single && *token.at == '%' && (after = placeholder(text.at, text.end, &name)) != NULL) {
            put_text(&found->text, before, token.at);
            if (put_number(found, name) != 0) {
                return DSQL_E_NOMEM;
            }
            text.at = after;
            continue;
        }
        if (single && *token.at == '%' && text.at < text.end && *text.at == '%') {
            text.at++;
        }
        put_text(&found->text, before, text.at);
        if (token.at == token.end) {
            return found->text.failed ? DSQL_E_NOMEM : 0;
        }
    }
}

void
dsql__placeholders_clear(struct dsql__placeholders *found)
{
    dsql__buffer_clear(&found->text);
    free(found->names);
    *found = (struct dsql__placeholders){0};
}
