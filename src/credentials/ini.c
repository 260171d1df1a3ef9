/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reader of AWS's configuration files; see ini.h. */
#include "ini.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where the reader stands: the section, and the key whose value may go on. */
struct state {
    struct dsql__ini *ini;
    struct dsql__ini_text section;
    bool in_section;
    bool in_value;
    bool nested;   /* the key has nothing on its line: what follows is a section in it */
    size_t indent; /* of the key */
};

const char *
dsql__ini_line_end(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r') {
        at++;
    }
    return at;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct dsql__ini_text
strip(struct dsql__ini_text text)
{
    while (text.length > 0 && (is_space(*text.at) || *text.at == '\n')) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 &&
           (is_space(text.at[text.length - 1]) || text.at[text.length - 1] == '\n')) {
        text.length--;
    }
    return text;
}

static int
add(struct dsql__ini *ini, struct dsql__ini_text section, struct dsql__ini_text key,
    struct dsql__ini_text value)
{
    if (ini->count == ini->size) {
        size_t size = ini->size ? ini->size * 2 : 32;
        struct dsql__ini_entry *grown = realloc(ini->entries, size * sizeof *grown);
        if (grown == NULL) {
            return DSQL_E_NOMEM;
        }
        ini->entries = grown;
        ini->size = size;
    }
    ini->entries[ini->count++] = (struct dsql__ini_entry){section, key, value};
    return 0;
}

/* [NAME] with anything behind the last bracket. */
static int
read_heading(struct state *state, struct dsql__ini_text line)
{
    size_t end = line.length;
    while (end > 0 && line.at[end - 1] != ']') {
        end--;
    }
    if (end < 3) {
        return DSQL_E_CONFIG;
    }
    state->section = (struct dsql__ini_text){line.at + 1, end - 2};
    state->in_section = true;
    state->in_value = false;
    return add(state->ini, state->section, (struct dsql__ini_text){0}, (struct dsql__ini_text){0});
}

static int
read_key(struct state *state, struct dsql__ini_text line, size_t indent)
{
    size_t cut = 0;
    while (cut < line.length && line.at[cut] != '=' && line.at[cut] != ':') {
        cut++;
    }
    struct dsql__ini_text key = strip((struct dsql__ini_text){line.at, cut});
    if (!state->in_section || cut == line.length || key.length == 0) {
        return DSQL_E_CONFIG;
    }
    struct dsql__ini_text value =
        strip((struct dsql__ini_text){line.at + cut + 1, line.length - cut - 1});
    state->in_value = true;
    state->nested = value.length == 0;
    state->indent = indent;
    return add(state->ini, state->section, key, value);
}

static int
read_line(struct state *state, struct dsql__ini_text raw)
{
    struct dsql__ini_text line = strip(raw);
    size_t indent = (size_t)(line.at - raw.at);
    if (memchr(raw.at, '\0', raw.length) != NULL) {
        return DSQL_E_CONFIG; /* UTF-16, or no text */
    }
    if (line.length == 0 || *line.at == '#' || *line.at == ';') {
        return 0; /* also in the midst of a value, which may go on behind it */
    }
    if (state->in_value && indent > state->indent) {
        struct dsql__ini_text *value = &state->ini->entries[state->ini->count - 1].value;
        if (state->nested && memchr(line.at, '=', line.length) == NULL) {
            return DSQL_E_CONFIG;
        }
        value->length = (size_t)(line.at + line.length - value->at);
        return 0;
    }
    if (*line.at == '[') {
        int failure = read_heading(state, line);
        if (failure != DSQL_E_CONFIG) {
            return failure;
        }
    }
    return read_key(state, line, indent);
}

/* ----------------------------------------------------- what stands twice */

static int
compare_text(struct dsql__ini_text a, struct dsql__ini_text b, bool folded)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = 0;
    if (shorter > 0) {
        order = folded ? strncasecmp(a.at, b.at, shorter) : memcmp(a.at, b.at, shorter);
    }
    if (order != 0) {
        return order;
    }
    return a.length < b.length ? -1 : a.length > b.length;
}

static int
compare_entries(const void *left, const void *right)
{
    const struct dsql__ini_entry *a = *(struct dsql__ini_entry *const *)left;
    const struct dsql__ini_entry *b = *(struct dsql__ini_entry *const *)right;
    int order = compare_text(a->section, b->section, false);
    return order ? order : compare_text(a->key, b->key, true);
}

/* *twice: the later of two entries with one name, or NULL. */
static int
find_twice(const struct dsql__ini *ini, const struct dsql__ini_entry **twice)
{
    *twice = NULL;
    struct dsql__ini_entry **sorted = malloc((ini->count + 1) * sizeof(struct dsql__ini_entry *));
    if (sorted == NULL) {
        return DSQL_E_NOMEM;
    }
    for (size_t i = 0; i < ini->count; i++) {
        sorted[i] = &ini->entries[i];
    }
    qsort(sorted, ini->count, sizeof *sorted, compare_entries);
    for (size_t i = 1; i < ini->count && *twice == NULL; i++) {
        if (compare_entries(&sorted[i - 1], &sorted[i]) == 0 &&
            !dsql__ini_equal(sorted[i]->section, "DEFAULT")) {
            *twice = sorted[i] > sorted[i - 1] ? sorted[i] : sorted[i - 1];
        }
    }
    free(sorted);
    return 0;
}

static size_t
line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++) {
        line += *text == '\n' || (*text == '\r' && text[1] != '\n');
    }
    return line;
}

/* ---------------------------------------------------------------- the whole */

int
dsql__ini_parse(const char *text, size_t length, struct dsql__ini *ini, size_t *line)
{
    struct state state = {.ini = ini};
    const struct dsql__ini_entry *twice;
    const char *at = text, *end = text + length;
    memset(ini, 0, sizeof *ini);
    if (length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3; /* a byte order mark */
    }
    int failure = 0;
    *line = 0;
    while (failure == 0 && at < end) {
        const char *stop = dsql__ini_line_end(at, end);
        (*line)++;
        failure = read_line(&state, (struct dsql__ini_text){at, (size_t)(stop - at)});
        at = stop == end ? end : stop + 1 + (*stop == '\r' && stop + 1 < end && stop[1] == '\n');
    }
    if (failure == 0) {
        failure = find_twice(ini, &twice);
        if (failure == 0 && twice != NULL) {
            *line = line_of(text, twice->key.at ? twice->key.at : twice->section.at);
            failure = DSQL_E_CONFIG;
        }
    }
    if (failure != 0) {
        dsql__ini_clear(ini);
    }
    return failure;
}

void
dsql__ini_clear(struct dsql__ini *ini)
{
    free(ini->entries);
    memset(ini, 0, sizeof *ini);
}

bool
dsql__ini_has_section(const struct dsql__ini *ini, struct dsql__ini_text section)
{
    for (size_t i = 0; i < ini->count; i++) {
        if (compare_text(ini->entries[i].section, section, false) == 0) {
            return true;
        }
    }
    return false;
}

struct dsql__ini_text
dsql__ini_get(const struct dsql__ini *ini, struct dsql__ini_text section, const char *key)
{
    struct dsql__ini_text fallback = {0}, wanted = {key, strlen(key)};
    for (size_t i = 0; i < ini->count; i++) {
        const struct dsql__ini_entry *entry = &ini->entries[i];
        if (entry->key.at == NULL || compare_text(entry->key, wanted, true) != 0) {
            continue;
        }
        if (compare_text(entry->section, section, false) == 0) {
            return entry->value;
        }
        if (dsql__ini_equal(entry->section, "DEFAULT")) {
            fallback = entry->value;
        }
    }
    return fallback;
}

bool
dsql__ini_equal(struct dsql__ini_text text, const char *word)
{
    return text.at != NULL && text.length == strlen(word) &&
           memcmp(text.at, word, text.length) == 0;
}

char *
dsql__ini_copy(struct dsql__ini_text text)
{
    return strndup(text.at, text.length);
}
