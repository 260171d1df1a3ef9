/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Finding the text of an element; see xml.h. */
#include "xml.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "wire.h"

struct name {
    const char *at;
    size_t length;
};

struct scan {
    const char *at, *end;
    struct name open[DSQL__XML_DEPTH]; /* whole names, with prefixes */
    int depth;
    const char *path;
    int inside; /* the depth of the element that was found; 0: none */
    bool found; /* and ended */
    struct dsql__buffer value;
};

static bool
begins_with(const struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, word, length) == 0;
}

/* Passes over what ends with these bytes; false when they do not come. */
static bool
skip_past(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    const char *found = memmem(scan->at, (size_t)(scan->end - scan->at), word, length);
    if (found == NULL) {
        return false;
    }
    scan->at = found + length;
    return true;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct name
take_name(struct scan *scan)
{
    struct name name = {.at = scan->at};
    while (scan->at < scan->end && !is_space(*scan->at) &&
           memchr("/>=<\"'", *scan->at, 6) == NULL) {
        scan->at++;
    }
    name.length = (size_t)(scan->at - name.at);
    return name;
}

/* Without its prefix. */
static bool
is_named(struct name name, const char *word, size_t length)
{
    const char *colon = memchr(name.at, ':', name.length);
    if (colon != NULL) {
        name.length -= (size_t)(colon + 1 - name.at);
        name.at = colon + 1;
    }
    return name.length == length && memcmp(name.at, word, length) == 0;
}

/* Whether the innermost open elements are those of the path. */
static bool
is_at_path(const struct scan *scan)
{
    const char *end = scan->path + strlen(scan->path);
    int depth = scan->depth;
    while (depth > 0) {
        const char *slash = memrchr(scan->path, '/', (size_t)(end - scan->path));
        const char *word = slash != NULL ? slash + 1 : scan->path;
        if (!is_named(scan->open[--depth], word, (size_t)(end - word))) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        end = slash;
    }
    return false;
}

static bool
close_element(struct scan *scan, struct name name)
{
    if (scan->depth == 0) {
        return false;
    }
    struct name open = scan->open[scan->depth - 1];
    if (open.length != name.length || memcmp(open.at, name.at, name.length) != 0) {
        return false;
    }
    if (scan->inside == scan->depth) {
        scan->inside = 0;
        scan->found = true;
    }
    scan->depth--;
    return true;
}

/* Attributes, up to the end of the tag. */
static bool
skip_attributes(struct scan *scan, bool *empty)
{
    while (scan->at < scan->end) {
        char byte = *scan->at++;
        if (byte == '>') {
            *empty = scan->at[-2] == '/';
            return true;
        }
        if (byte == '<') {
            return false;
        }
        if (byte == '"' || byte == '\'') {
            const char quote[] = {byte, '\0'};
            if (!skip_past(scan, quote)) {
                return false;
            }
        }
    }
    return false;
}

static bool
take_tag(struct scan *scan)
{
    bool empty;
    scan->at++;
    if (begins_with(scan, "/")) {
        scan->at++;
        struct name name = take_name(scan);
        while (scan->at < scan->end && is_space(*scan->at)) {
            scan->at++;
        }
        return begins_with(scan, ">") && (scan->at++, close_element(scan, name));
    }
    struct name name = take_name(scan);
    if (name.length == 0 || scan->depth == DSQL__XML_DEPTH || scan->inside != 0 ||
        !skip_attributes(scan, &empty)) {
        return false;
    }
    scan->open[scan->depth++] = name;
    if (!scan->found && is_at_path(scan)) {
        scan->inside = scan->depth;
    }
    return !empty || close_element(scan, name);
}

/* One of the five entities, or a character by its number below 128. */
static bool
take_entity(struct scan *scan, char *character)
{
    static const struct {
        const char *name;
        char character;
    } entities[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
    };
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        if (begins_with(scan, entities[i].name)) {
            scan->at += strlen(entities[i].name);
            *character = entities[i].character;
            return true;
        }
    }
    bool hexadecimal = begins_with(scan, "&#x");
    unsigned int number = 0;
    if (!begins_with(scan, "&#")) {
        return false;
    }
    for (scan->at += hexadecimal ? 3 : 2; scan->at < scan->end && *scan->at != ';'; scan->at++) {
        static const char digits[] = "0123456789abcdef";
        char byte = *scan->at >= 'A' && *scan->at <= 'F' ? (char)(*scan->at | 0x20) : *scan->at;
        const char *digit = memchr(digits, byte, hexadecimal ? 16 : 10);
        if (digit == NULL || number > 127) {
            return false;
        }
        number = number * (hexadecimal ? 16 : 10) + (unsigned int)(digit - digits);
    }
    *character = (char)number;
    return scan->at < scan->end && *scan->at++ == ';' && number > 0 && number < 128;
}

static void
put_text(struct scan *scan, const char *text, size_t length)
{
    if (scan->inside != 0) {
        dsql__buffer_put(&scan->value, text, length);
    }
}

static bool
take_text(struct scan *scan)
{
    char character;
    if (*scan->at == '&') {
        if (!take_entity(scan, &character)) {
            return false;
        }
        put_text(scan, &character, 1);
        return true;
    }
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != '<' && *scan->at != '&') {
        if (*scan->at++ == '\0') {
            return false;
        }
    }
    put_text(scan, from, (size_t)(scan->at - from));
    return true;
}

static bool
take_cdata(struct scan *scan)
{
    static const char begin[] = "<![CDATA[", end[] = "]]>";
    scan->at += sizeof begin - 1;
    const char *from = scan->at;
    if (!skip_past(scan, end)) {
        return false;
    }
    size_t length = (size_t)(scan->at - from) - (sizeof end - 1);
    put_text(scan, from, length);
    return memchr(from, '\0', length) == NULL;
}

static bool
take_piece(struct scan *scan)
{
    if (*scan->at != '<') {
        return take_text(scan);
    }
    if (begins_with(scan, "<?")) {
        return skip_past(scan, "?>");
    }
    if (begins_with(scan, "<!--")) {
        scan->at += 4;
        return skip_past(scan, "-->");
    }
    if (begins_with(scan, "<![CDATA[")) {
        return take_cdata(scan);
    }
    return !begins_with(scan, "<!") && take_tag(scan);
}

int
dsql__xml_text(const char *text, size_t length, const char *path, char **value)
{
    struct scan scan = {.at = text, .end = text + length, .path = path};
    bool good = true;
    *value = NULL;
    while (good && scan.at < scan.end) {
        good = take_piece(&scan);
    }
    if (!good || scan.depth != 0) {
        dsql__buffer_clear(&scan.value);
        return DSQL_E_PROTOCOL;
    }
    if (!scan.found) {
        return 0;
    }
    dsql__put_byte(&scan.value, '\0');
    if (scan.value.failed) {
        dsql__buffer_clear(&scan.value);
        return DSQL_E_NOMEM;
    }
    *value = scan.value.data; /* nothing was consumed: the queue begins at its memory */
    return 0;
}
