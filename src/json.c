/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Checking and looking up in JSON texts; see json.h. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

struct scan {
    const char *at, *end;
    int depth;
};

static void
skip_space(struct scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL) {
        scan->at++;
    }
}

static bool
take(struct scan *scan, char byte)
{
    if (scan->at < scan->end && *scan->at == byte) {
        scan->at++;
        return true;
    }
    return false;
}

static bool
take_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0) {
        return false;
    }
    scan->at += length;
    return true;
}

static bool
take_digits(struct scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return scan->at > from;
}

static bool
take_number(struct scan *scan)
{
    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan)) {
        return false;
    }
    if (take(scan, '.') && !take_digits(scan)) {
        return false;
    }
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) {
            take(scan, '-');
        }
        return take_digits(scan);
    }
    return true;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; -1 when they are none. */
static long
hex_unit(const char *at, const char *end)
{
    long unit = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool
take_escape(struct scan *scan)
{
    if (scan->at == scan->end) {
        return false;
    }
    char kind = *scan->at++;
    if (kind == 'u') {
        if (hex_unit(scan->at, scan->end) < 0) {
            return false;
        }
        scan->at += 4;
        return true;
    }
    return memchr("\"\\/bfnrt", kind, 8) != NULL;
}

static bool
take_string(struct scan *scan)
{
    if (!take(scan, '"')) {
        return false;
    }
    while (scan->at < scan->end) {
        char byte = *scan->at++;
        if (byte == '"') {
            return true;
        }
        if ((unsigned char)byte < 0x20 || (byte == '\\' && !take_escape(scan))) {
            return false;
        }
    }
    return false;
}

static bool take_value(struct scan *scan);

static bool
take_members(struct scan *scan, bool named, char close)
{
    if (scan->depth == DSQL__JSON_DEPTH) {
        return false;
    }
    scan->depth++;
    skip_space(scan);
    bool good = true, more = !take(scan, close);
    while (good && more) {
        skip_space(scan);
        if (named) {
            good = take_string(scan);
            skip_space(scan);
            good = good && take(scan, ':');
        }
        good = good && take_value(scan);
        more = good && take(scan, ',');
        if (good && !more) {
            good = take(scan, close);
        }
    }
    scan->depth--;
    return good;
}

/* A value and the white space around it. */
static bool
take_value(struct scan *scan)
{
    bool good;
    skip_space(scan);
    if (take(scan, '{')) {
        good = take_members(scan, true, '}');
    } else if (take(scan, '[')) {
        good = take_members(scan, false, ']');
    } else if (scan->at < scan->end && *scan->at == '"') {
        good = take_string(scan);
    } else {
        good = take_word(scan, "true") || take_word(scan, "false") || take_word(scan, "null") ||
               take_number(scan);
    }
    skip_space(scan);
    return good;
}

/* Without the white space that follows. */
static struct dsql__json
slice(const char *from, const char *to)
{
    while (to > from && memchr(" \t\r\n", to[-1], 4) != NULL) {
        to--;
    }
    return (struct dsql__json){from, (size_t)(to - from)};
}

int
dsql__json_parse(const char *text, size_t length, struct dsql__json *value)
{
    struct scan scan = {.at = text, .end = text + length};
    *value = (struct dsql__json){0};
    skip_space(&scan);
    const char *from = scan.at;
    if (!take_value(&scan) || scan.at != scan.end) {
        return DSQL_E_PROTOCOL;
    }
    *value = slice(from, scan.at);
    return 0;
}

struct dsql__json
dsql__json_member(struct dsql__json object, const char *name)
{
    struct dsql__json found = {0};
    size_t wanted = strlen(name);
    if (object.at == NULL) {
        return found;
    }
    struct scan scan = {.at = object.at, .end = object.at + object.length};
    if (!take(&scan, '{')) {
        return found;
    }
    skip_space(&scan);
    while (scan.at < scan.end && *scan.at == '"') {
        const char *key = scan.at + 1;
        take_string(&scan);
        size_t length = (size_t)(scan.at - key) - 1;
        skip_space(&scan);
        take(&scan, ':');
        skip_space(&scan);
        const char *from = scan.at;
        take_value(&scan);
        if (length == wanted && memcmp(key, name, wanted) == 0) {
            found = slice(from, scan.at);
        }
        take(&scan, ',');
        skip_space(&scan);
    }
    return found;
}

/* Writes a code point as UTF-8; halves of pairs, which UTF-8 cannot have, as "?". */
static char *
put_utf8(char *to, long point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point >= 0xD800 && point < 0xE000) {
        *to++ = '?';
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

/* What follows \u, perhaps with the second half of a pair. */
static char *
decode_unit(const char **from, const char *end, char *to)
{
    long point = hex_unit(*from, end);
    *from += 4;
    if (point >= 0xD800 && point < 0xDC00 && end - *from >= 6 && memcmp(*from, "\\u", 2) == 0) {
        long second = hex_unit(*from + 2, end);
        if (second >= 0xDC00 && second < 0xE000) {
            point = 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
            *from += 6;
        }
    }
    return put_utf8(to, point);
}

int
dsql__json_string(struct dsql__json value, char **text)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    *text = NULL;
    if (value.length < 2 || *value.at != '"') {
        return DSQL_E_PROTOCOL;
    }
    char *made = malloc(value.length); /* decoding never lengthens: \uXXXX makes 3 bytes at most */
    if (made == NULL) {
        return DSQL_E_NOMEM;
    }
    const char *from = value.at + 1, *end = value.at + value.length - 1;
    char *to = made;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
        } else if (from[1] == 'u') {
            from += 2;
            to = decode_unit(&from, end, to);
        } else {
            *to++ = meant[strchr(escapes, from[1]) - escapes];
            from += 2;
        }
    }
    *to = '\0';
    if (memchr(made, '\0', (size_t)(to - made)) != NULL) {
        dsql__wipe_free(made);
        return DSQL_E_PROTOCOL;
    }
    *text = made;
    return 0;
}

bool
dsql__json_integer(struct dsql__json value, int64_t *number)
{
    size_t at = 0;
    bool minus = value.length > 0 && *value.at == '-';
    *number = 0;
    if (value.length > 18) {
        return false; /* no time of ours has more digits */
    }
    for (at = minus; at < value.length; at++) {
        if (value.at[at] < '0' || value.at[at] > '9') {
            return false;
        }
        *number = *number * 10 + (value.at[at] - '0');
    }
    if (minus) {
        *number = -*number;
    }
    return value.length > minus;
}
