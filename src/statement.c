/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Prepared statements of a connection and the columns of their results; see
 * statement.h. */
#include "statement.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define TABLE_SIZE (sizeof((struct dsql__statements *)0)->table / sizeof(struct dsql__statement *))

/* FNV-1a; only a connection's own statements meet here. */
static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3u;
    }
    return hash;
}

static uint64_t
hash_statement(const char *sql, size_t length, const struct dsql_value *values, int count)
{
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, sql, length);
    for (int i = 0; i < count; i++) {
        hash = hash_bytes(hash, &values[i].type, sizeof values[i].type);
    }
    return hash;
}

static bool
is_same(const struct dsql__statement *statement, const char *sql, size_t length,
        const struct dsql_value *values, int count)
{
    if (statement->length != length || statement->count != count ||
        memcmp(statement->sql, sql, length) != 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (statement->types[i] != values[i].type) {
            return false;
        }
    }
    return true;
}

struct dsql__statement *
dsql__statement_new(const char *sql, size_t length, const struct dsql_value *values, int count)
{
    size_t types = sizeof(uint32_t) * (size_t)count;
    struct dsql__statement *made = calloc(1, sizeof *made + types + length + 1);
    if (made == NULL) {
        return NULL;
    }
    made->references = 1;
    made->count = count;
    made->length = length;
    made->types = (uint32_t *)(made + 1);
    made->sql = (char *)made->types + types;
    for (int i = 0; i < count; i++) {
        made->types[i] = values[i].type;
    }
    memcpy(made->sql, sql, length);
    return made;
}

void
dsql__statement_release(struct dsql__statement *statement)
{
    if (statement != NULL && --statement->references == 0) {
        dsql__columns_release(statement->columns);
        free(statement);
    }
}

/* ---------------------------------------------------------------- by use */

static void
unlink_use(struct dsql__statements *statements, struct dsql__statement *statement)
{
    *(statement->newer ? &statement->newer->older : &statements->newest) = statement->older;
    *(statement->older ? &statement->older->newer : &statements->oldest) = statement->newer;
    statement->newer = statement->older = NULL;
}

static void
link_newest(struct dsql__statements *statements, struct dsql__statement *statement)
{
    statement->older = statements->newest;
    *(statement->older ? &statement->older->newer : &statements->oldest) = statement;
    statements->newest = statement;
}

struct dsql__statement *
dsql__statement_find(struct dsql__statements *statements, const char *sql, size_t length,
                     const struct dsql_value *values, int count)
{
    uint64_t hash = hash_statement(sql, length, values, count);
    struct dsql__statement **chain = &statements->table[hash % TABLE_SIZE];
    for (struct dsql__statement *found = *chain; found != NULL; found = found->next) {
        if (found->hash == hash && is_same(found, sql, length, values, count)) {
            if (found != statements->newest) {
                unlink_use(statements, found);
                link_newest(statements, found);
            }
            return found;
        }
    }
    struct dsql__statement *made = dsql__statement_new(sql, length, values, count);
    if (made != NULL) {
        made->hash = hash;
        made->number = ++statements->last_number;
        made->cached = true;
        made->next = *chain;
        *chain = made;
        link_newest(statements, made);
        statements->count++;
    }
    return made;
}

/* The cache's reference goes to the caller. */
static void
take_out(struct dsql__statements *statements, struct dsql__statement *statement)
{
    struct dsql__statement **at = &statements->table[statement->hash % TABLE_SIZE];
    while (*at != statement) {
        at = &(*at)->next;
    }
    *at = statement->next;
    statement->next = NULL;
    statement->cached = false;
    unlink_use(statements, statement);
    statements->count--;
}

void
dsql__statements_close_later(struct dsql__statements *statements, struct dsql__statement *statement)
{
    statement->references++;
    statement->next = statements->closing;
    statements->closing = statement;
}

struct dsql__statement *
dsql__statements_to_close(struct dsql__statements *statements)
{
    struct dsql__statement *first = statements->closing;
    if (first != NULL) {
        statements->closing = first->next;
        first->next = NULL;
    }
    return first;
}

void
dsql__statements_drop(struct dsql__statements *statements, struct dsql__statement *statement)
{
    if (!statement->cached) {
        return;
    }
    take_out(statements, statement);
    if (statement->ready || statement->batch != 0) {
        dsql__statements_close_later(statements, statement);
    }
    dsql__statement_release(statement);
}

void
dsql__statements_trim(struct dsql__statements *statements)
{
    while (statements->count > DSQL__STATEMENTS_KEPT) {
        dsql__statements_drop(statements, statements->oldest);
    }
}

void
dsql__statements_drop_all(struct dsql__statements *statements)
{
    while (statements->oldest != NULL) {
        dsql__statements_drop(statements, statements->oldest);
    }
}

void
dsql__statements_clear(struct dsql__statements *statements)
{
    dsql__statements_drop_all(statements);
    for (struct dsql__statement *closing = dsql__statements_to_close(statements); closing != NULL;
         closing = dsql__statements_to_close(statements)) {
        dsql__statement_release(closing);
    }
}

/* --------------------------------------------------------------- columns */

#define COLUMN_BYTES 18 /* of a column in a RowDescription, behind its name */

static void
read_columns(struct dsql__reader *reader, struct dsql__columns *columns, char *names)
{
    for (int i = 0; i < columns->count; i++) {
        struct dsql_column *column = &columns->columns[i];
        const char *name = dsql__get_string(reader);
        size_t size = strlen(name) + 1;
        memcpy(names, name, size);
        column->name = names;
        names += size;
        column->table = (uint32_t)dsql__get_int32(reader);
        column->attribute = dsql__get_int16(reader);
        column->type = (uint32_t)dsql__get_int32(reader);
        column->size = dsql__get_int16(reader);
        column->modifier = dsql__get_int32(reader);
        dsql__get_int16(reader); /* the format: what Bind asked for */
    }
}

struct dsql__columns *
dsql__columns_read(const char *body, size_t length, int *failure)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, body, length);
    int count = dsql__get_int16(&reader);
    *failure = DSQL_E_PROTOCOL;
    if (reader.failed || count < 0 || (size_t)count > length / (COLUMN_BYTES + 1)) {
        return NULL;
    }
    /* All that is not numbers is names; a name that lacks its NUL is read as "". */
    size_t block = sizeof(struct dsql__columns) + sizeof(struct dsql_column) * (size_t)count;
    struct dsql__columns *made = malloc(block + length + (size_t)count);
    if (made == NULL) {
        *failure = DSQL_E_NOMEM;
        return NULL;
    }
    made->references = 1;
    made->count = count;
    read_columns(&reader, made, (char *)made + block);
    if (reader.failed || reader.at != reader.end) {
        free(made);
        return NULL;
    }
    *failure = 0;
    return made;
}

void
dsql__columns_release(struct dsql__columns *columns)
{
    if (columns != NULL && --columns->references == 0) {
        free(columns);
    }
}
