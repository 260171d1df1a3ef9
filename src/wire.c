/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Framing of PostgreSQL's protocol 3.0; see wire.h. */
#include "wire.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define BUFFER_FIRST 4096

char *
dsql__buffer_reserve(struct dsql__buffer *buffer, size_t more)
{
    if (buffer->failed) {
        return NULL;
    }
    if (buffer->data != NULL && buffer->size - buffer->end >= more) {
        return buffer->data + buffer->end;
    }
    size_t length = dsql__buffer_length(buffer);
    if (buffer->data != NULL && length + more <= buffer->size &&
        buffer->start >= buffer->size / 2) {
        memmove(buffer->data, buffer->data + buffer->start, length);
        buffer->start = 0;
        buffer->end = length;
        return buffer->data + length;
    }
    if (more > SIZE_MAX / 4 || length > SIZE_MAX / 4) {
        buffer->failed = true;
        return NULL;
    }
    size_t size = buffer->size ? buffer->size : BUFFER_FIRST;
    while (size - length < more) {
        size *= 2;
    }
    char *data = malloc(size);
    if (data == NULL) {
        buffer->failed = true;
        return NULL;
    }
    if (length > 0) {
        memcpy(data, buffer->data + buffer->start, length);
    }
    if (buffer->data != NULL) {
        OPENSSL_cleanse(buffer->data, buffer->end);
        free(buffer->data);
    }
    buffer->data = data;
    buffer->size = size;
    buffer->start = 0;
    buffer->end = length;
    return data + length;
}

void
dsql__buffer_commit(struct dsql__buffer *buffer, size_t count)
{
    buffer->end += count;
}

void
dsql__buffer_consume(struct dsql__buffer *buffer, size_t count)
{
    buffer->start += count;
    if (buffer->start == buffer->end) {
        buffer->start = buffer->end = 0;
    }
}

void
dsql__buffer_put(struct dsql__buffer *buffer, const void *bytes, size_t count)
{
    char *at = count > 0 ? dsql__buffer_reserve(buffer, count) : NULL;
    if (at != NULL) {
        memcpy(at, bytes, count);
        buffer->end += count;
    }
}

void
dsql__buffer_trim(struct dsql__buffer *buffer)
{
    if (dsql__buffer_length(buffer) == 0 && !buffer->failed) {
        dsql__buffer_clear(buffer);
    }
}

void
dsql__buffer_clear(struct dsql__buffer *buffer)
{
    if (buffer->data != NULL) {
        OPENSSL_cleanse(buffer->data, buffer->size);
        free(buffer->data);
    }
    memset(buffer, 0, sizeof *buffer);
}

void
dsql__put_byte(struct dsql__buffer *buffer, char value)
{
    dsql__buffer_put(buffer, &value, 1);
}

void
dsql__put_int16(struct dsql__buffer *buffer, int16_t value)
{
    uint16_t bits = (uint16_t)value;
    unsigned char bytes[2] = {(unsigned char)(bits >> 8), (unsigned char)bits};
    dsql__buffer_put(buffer, bytes, sizeof bytes);
}

static void
store_int32(char *at, uint32_t bits)
{
    at[0] = (char)(bits >> 24);
    at[1] = (char)(bits >> 16);
    at[2] = (char)(bits >> 8);
    at[3] = (char)bits;
}

void
dsql__put_int32(struct dsql__buffer *buffer, int32_t value)
{
    char bytes[4];
    store_int32(bytes, (uint32_t)value);
    dsql__buffer_put(buffer, bytes, sizeof bytes);
}

void
dsql__put_string(struct dsql__buffer *buffer, const char *string)
{
    dsql__buffer_put(buffer, string, strlen(string) + 1);
}

size_t
dsql__message_begin(struct dsql__buffer *buffer, char type)
{
    if (type != 0) {
        dsql__put_byte(buffer, type);
    }
    size_t mark = dsql__buffer_length(buffer);
    dsql__put_int32(buffer, 0);
    return mark;
}

void
dsql__message_end(struct dsql__buffer *buffer, size_t mark)
{
    if (buffer->failed) {
        return;
    }
    size_t length = dsql__buffer_length(buffer) - mark;
    if (length > INT32_MAX) {
        buffer->failed = true;
        return;
    }
    store_int32(dsql__buffer_begin(buffer) + mark, (uint32_t)length);
}

void
dsql__message_put_empty(struct dsql__buffer *buffer, char type)
{
    dsql__message_end(buffer, dsql__message_begin(buffer, type));
}

static uint32_t
load_int32(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int
peek(const char *bytes, size_t size, size_t prefix, size_t limit, bool header_only,
     struct dsql__message *message)
{
    if (size < prefix + 4) {
        return DSQL__MORE;
    }
    uint32_t length = load_int32(bytes + prefix);
    if (length < 4 || length > INT32_MAX || length - 4 > limit) {
        return DSQL_E_PROTOCOL;
    }
    message->type = prefix ? bytes[0] : 0;
    message->body = bytes + prefix + 4;
    message->length = length - 4;
    message->total = prefix + length;
    return header_only || size >= message->total ? 0 : DSQL__MORE;
}

int
dsql__message_peek(const char *bytes, size_t size, size_t limit, bool header_only,
                   struct dsql__message *message)
{
    return peek(bytes, size, 1, limit, header_only, message);
}

int
dsql__packet_peek(const char *bytes, size_t size, size_t limit, struct dsql__message *message)
{
    return peek(bytes, size, 0, limit, false, message);
}

void
dsql__reader_init(struct dsql__reader *reader, const char *bytes, size_t size)
{
    reader->at = bytes;
    reader->end = size > 0 ? bytes + size : bytes; /* bytes may be NULL */
    reader->failed = false;
}

const char *
dsql__get_bytes(struct dsql__reader *reader, size_t count)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < count) {
        reader->failed = true;
        return NULL;
    }
    const char *at = reader->at;
    reader->at += count;
    return at;
}

char
dsql__get_byte(struct dsql__reader *reader)
{
    const char *at = dsql__get_bytes(reader, 1);
    return at ? *at : 0;
}

int16_t
dsql__get_int16(struct dsql__reader *reader)
{
    const unsigned char *at = (const unsigned char *)dsql__get_bytes(reader, 2);
    return at ? (int16_t)(uint16_t)(at[0] << 8 | at[1]) : 0;
}

int32_t
dsql__get_int32(struct dsql__reader *reader)
{
    const char *at = dsql__get_bytes(reader, 4);
    return at ? (int32_t)load_int32(at) : 0;
}

const char *
dsql__get_string(struct dsql__reader *reader)
{
    size_t left = reader->failed ? 0 : (size_t)(reader->end - reader->at);
    const char *nul = left ? memchr(reader->at, 0, left) : NULL;
    if (nul == NULL) {
        reader->failed = true;
        return "";
    }
    const char *at = reader->at;
    reader->at = nul + 1;
    return at;
}

/* Where a field's value is kept, in the order in which PostgreSQL sends them. */
static const struct {
    char field;
    size_t offset;
} diagnostic_fields[] = {
    {'S', offsetof(struct dsql_diagnostic, severity)},
    {'C', offsetof(struct dsql_diagnostic, sqlstate)},
    {'M', offsetof(struct dsql_diagnostic, message)},
    {'D', offsetof(struct dsql_diagnostic, detail)},
    {'H', offsetof(struct dsql_diagnostic, hint)},
    {'P', offsetof(struct dsql_diagnostic, position)},
    {'W', offsetof(struct dsql_diagnostic, where)},
    {'s', offsetof(struct dsql_diagnostic, schema)},
    {'t', offsetof(struct dsql_diagnostic, table)},
    {'c', offsetof(struct dsql_diagnostic, column)},
    {'d', offsetof(struct dsql_diagnostic, datatype)},
    {'n', offsetof(struct dsql_diagnostic, constraint)},
};

#define DIAGNOSTIC_FIELDS (sizeof diagnostic_fields / sizeof diagnostic_fields[0])

int
dsql__diagnostic_read(const char *body, size_t length, struct dsql_diagnostic *diagnostic)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, body, length);
    memset(diagnostic, 0, sizeof *diagnostic);
    for (char field = dsql__get_byte(&reader); field != 0; field = dsql__get_byte(&reader)) {
        const char *value = dsql__get_string(&reader);
        for (size_t i = 0; i < DIAGNOSTIC_FIELDS; i++) {
            if (diagnostic_fields[i].field == field) {
                memcpy((char *)diagnostic + diagnostic_fields[i].offset, &value, sizeof value);
            }
        }
    }
    return reader.failed ? DSQL_E_PROTOCOL : 0;
}

bool
dsql__diagnostic_is_fatal(const struct dsql_diagnostic *diagnostic)
{
    const char *severity = diagnostic->severity;
    return severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

static void
put_field(struct dsql__buffer *buffer, char field, const char *value)
{
    if (value != NULL) {
        dsql__put_byte(buffer, field);
        dsql__put_string(buffer, value);
    }
}

void
dsql__diagnostic_put(struct dsql__buffer *buffer, char type,
                     const struct dsql_diagnostic *diagnostic)
{
    size_t mark = dsql__message_begin(buffer, type);
    put_field(buffer, 'V', diagnostic->severity);
    for (size_t i = 0; i < DIAGNOSTIC_FIELDS; i++) {
        const char *value;
        memcpy(&value, (const char *)diagnostic + diagnostic_fields[i].offset, sizeof value);
        put_field(buffer, diagnostic_fields[i].field, value);
    }
    dsql__put_byte(buffer, 0);
    dsql__message_end(buffer, mark);
}
