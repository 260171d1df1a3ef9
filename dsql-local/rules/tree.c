/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reader of JSON parse trees; see tree.h. */
#include "tree.h"

#include <ctype.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- arena */

#define BLOCK_SIZE ((size_t)16 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void *
arena_get(struct arena *arena, size_t size)
{
    const size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + unit - 1) / unit * unit;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = malloc(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct arena_block){.next = arena->blocks, .size = room};
        arena->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memset(memory, 0, size);
}

char *
arena_copy(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_get(arena, length + 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

void
arena_clear(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}

/* -------------------------------------------------------------------- JSON */

#define DEPTH_LIMIT 2000

struct reader {
    const char *at, *end;
    struct arena *arena;
    unsigned depth;
    int failure;
};

static void *
fail(struct reader *reader, int failure)
{
    if (reader->failure == 0) {
        reader->failure = failure;
    }
    return NULL;
}

static char
next_char(struct reader *reader)
{
    while (reader->at < reader->end && isspace((unsigned char)*reader->at)) {
        reader->at++;
    }
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool
read_hex4(const char *at, const char *end, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        if (at + i >= end || !isxdigit((unsigned char)at[i])) {
            return false;
        }
        char c = (char)tolower((unsigned char)at[i]);
        *value = *value * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static char *
put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

/* One escape sequence behind its backslash. */
static char *
read_escape(struct reader *reader, char *to)
{
    static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
    char c = *reader->at++;
    unsigned code;
    if (c == 'u') {
        if (!read_hex4(reader->at, reader->end, &code)) {
            return fail(reader, DSQL_E_PROTOCOL);
        }
        reader->at += 4;
        return put_utf8(to, code);
    }
    const char *known = strchr(from, c);
    *to++ = known != NULL && c != '\0' ? into[known - from] : c;
    return to;
}

static const char *
read_string(struct reader *reader)
{
    const char *close = ++reader->at;
    while (close < reader->end && *close != '"') {
        close += *close == '\\' ? 2 : 1;
    }
    if (close >= reader->end) {
        return fail(reader, DSQL_E_PROTOCOL);
    }
    /* An escape is never shorter than what it stands for. */
    char *text = arena_get(reader->arena, (size_t)(close - reader->at) + 1), *to = text;
    if (text == NULL) {
        return fail(reader, DSQL_E_NOMEM);
    }
    while (reader->at < close && to != NULL) {
        if (*reader->at == '\\') {
            reader->at++;
            to = read_escape(reader, to);
        } else {
            *to++ = *reader->at++;
        }
    }
    reader->at = close + 1;
    return to != NULL ? text : NULL;
}

static struct tree *read_value(struct reader *reader);

static struct tree *
read_members(struct reader *reader, struct tree *node, char close)
{
    struct tree **last = &node->first;
    reader->at++;
    if (next_char(reader) == close) {
        reader->at++;
        return node;
    }
    for (;;) {
        const char *key = NULL;
        if (close == '}') {
            if (next_char(reader) != '"' || (key = read_string(reader)) == NULL ||
                next_char(reader) != ':') {
                return fail(reader, DSQL_E_PROTOCOL);
            }
            reader->at++;
        }
        struct tree *member = read_value(reader);
        if (member == NULL) {
            return NULL;
        }
        member->key = key;
        *last = member;
        last = &member->next;
        char separator = next_char(reader);
        reader->at += separator != '\0';
        if (separator == close) {
            return node;
        }
        if (separator != ',') {
            return fail(reader, DSQL_E_PROTOCOL);
        }
    }
}

static struct tree *
read_word(struct reader *reader, struct tree *node)
{
    const char *from = reader->at;
    while (reader->at < reader->end &&
           (isalnum((unsigned char)*reader->at) || strchr("+-.", *reader->at) != NULL) &&
           *reader->at != '\0') {
        reader->at++;
    }
    node->text = arena_copy(reader->arena, from, (size_t)(reader->at - from));
    if (node->text == NULL) {
        return fail(reader, DSQL_E_NOMEM);
    }
    if (*node->text == '\0') {
        return fail(reader, DSQL_E_PROTOCOL);
    }
    node->kind = strcmp(node->text, "true") == 0    ? TREE_TRUE
                 : strcmp(node->text, "false") == 0 ? TREE_FALSE
                 : strcmp(node->text, "null") == 0  ? TREE_NULL
                                                    : TREE_NUMBER;
    return node;
}

static struct tree *
read_value(struct reader *reader)
{
    struct tree *node = arena_get(reader->arena, sizeof *node);
    if (node == NULL) {
        return fail(reader, DSQL_E_NOMEM);
    }
    char c = next_char(reader);
    if (c == '{' || c == '[') {
        if (++reader->depth > DEPTH_LIMIT) {
            return fail(reader, DSQL_E_PROTOCOL);
        }
        node->kind = c == '{' ? TREE_OBJECT : TREE_LIST;
        node = read_members(reader, node, c == '{' ? '}' : ']');
        reader->depth--;
        return node;
    }
    if (c == '"') {
        node->kind = TREE_STRING;
        node->text = read_string(reader);
        return node->text ? node : NULL;
    }
    return read_word(reader, node);
}

int
tree_read(const char *json, size_t length, struct arena *arena, struct tree **tree)
{
    struct reader reader = {.at = json, .end = json + length, .arena = arena};
    *tree = read_value(&reader);
    if (*tree != NULL && next_char(&reader) != '\0') {
        *tree = NULL;
        return DSQL_E_PROTOCOL;
    }
    return *tree != NULL ? 0 : reader.failure;
}

/* ------------------------------------------------------------------- access */

const struct tree *
tree_get(const struct tree *node, const char *path)
{
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        const struct tree *member = node->kind == TREE_OBJECT ? node->first : NULL;
        while (member != NULL &&
               (strlen(member->key) != length || memcmp(member->key, path, length) != 0)) {
            member = member->next;
        }
        node = member;
        path += length + (path[length] == '.');
    }
    return node;
}

const char *
tree_text(const struct tree *node, const char *path)
{
    const struct tree *found = tree_get(node, path);
    return found != NULL && found->kind == TREE_STRING ? found->text : NULL;
}

bool
tree_true(const struct tree *node, const char *path)
{
    const struct tree *found = tree_get(node, path);
    return found != NULL && found->kind == TREE_TRUE;
}

long
tree_number(const struct tree *node, const char *path, long otherwise)
{
    const struct tree *found = tree_get(node, path);
    return found != NULL && found->kind == TREE_NUMBER ? strtol(found->text, NULL, 10) : otherwise;
}

bool
tree_is(const struct tree *node, const char *path, const char *text)
{
    const char *found = tree_text(node, path);
    return found != NULL && strcmp(found, text) == 0;
}

size_t
tree_count(const struct tree *list)
{
    size_t count = 0;
    for (const struct tree *item = list ? list->first : NULL; item != NULL; item = item->next) {
        count++;
    }
    return count;
}

int
tree_visit(const struct tree *node, const char *key,
           int (*visit)(const struct tree *found, void *context), void *context)
{
    if (node == NULL) {
        return 0;
    }
    if (node->kind == TREE_OBJECT && node->key != NULL && strcmp(node->key, key) == 0) {
        int result = visit(node, context);
        if (result != 0) {
            return result;
        }
    }
    for (const struct tree *member = node->first; member != NULL; member = member->next) {
        int result = tree_visit(member, key, visit, context);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int
take_first(const struct tree *found, void *context)
{
    *(const struct tree **)context = found;
    return 1;
}

const struct tree *
tree_find(const struct tree *node, const char *key)
{
    const struct tree *found = NULL;
    tree_visit(node, key, take_first, &found);
    return found;
}
