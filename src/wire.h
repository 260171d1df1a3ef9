/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* PostgreSQL's protocol 3.0 as bytes: a byte queue, the framing of messages,
 * and the few message bodies that both ends need. Bytes and lengths go in,
 * never a socket. Source: PostgreSQL documentation, "Frontend/Backend
 * Protocol". */
#ifndef DSQL_WIRE_H
#define DSQL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsql.h"

/* A queue of bytes: written at the end, consumed at the start. A struct of
 * zeros is an empty queue. After a failed allocation `failed` stays set and
 * all further puts do nothing, so that callers check once. */
struct dsql__buffer {
    char *data;
    size_t start, end, size;
    bool failed;
};

/* Bytes waiting, and where they begin (borrowed until the next put; NULL where
 * there is no memory yet). */
static inline size_t
dsql__buffer_length(const struct dsql__buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline char *
dsql__buffer_begin(const struct dsql__buffer *buffer)
{
    return buffer->data != NULL ? buffer->data + buffer->start : NULL;
}

/* Room for `more` bytes behind the end; NULL (and failed) without memory. */
char *dsql__buffer_reserve(struct dsql__buffer *buffer, size_t more);
/* Says that `count` bytes were written to what reserve() returned. */
void dsql__buffer_commit(struct dsql__buffer *buffer, size_t count);
void dsql__buffer_consume(struct dsql__buffer *buffer, size_t count);
void dsql__buffer_put(struct dsql__buffer *buffer, const void *bytes, size_t count);
/* Gives back the memory of an empty queue. */
void dsql__buffer_trim(struct dsql__buffer *buffer);
/* Wipes and frees. */
void dsql__buffer_clear(struct dsql__buffer *buffer);

void dsql__put_byte(struct dsql__buffer *buffer, char value);
void dsql__put_int16(struct dsql__buffer *buffer, int16_t value);
void dsql__put_int32(struct dsql__buffer *buffer, int32_t value);
/* With its NUL. */
void dsql__put_string(struct dsql__buffer *buffer, const char *string);

/* Begins a message (type 0: a start-up packet, which has no type byte); the
 * result goes to dsql__message_end(), which fills in the length. */
size_t dsql__message_begin(struct dsql__buffer *buffer, char type);
void dsql__message_end(struct dsql__buffer *buffer, size_t mark);
/* A message with no body. */
void dsql__message_put_empty(struct dsql__buffer *buffer, char type);

/* A message in a queue. */
struct dsql__message {
    char type;        /* 0 for a start-up packet */
    const char *body; /* borrowed from the queue */
    size_t length;    /* of the body */
    size_t total;     /* with type and length: what to consume */
};

#define DSQL__MORE 1 /* not an error: feed more bytes */

/* Looks at the first message of the queue. 0, DSQL__MORE, or DSQL_E_PROTOCOL
 * when its length is impossible or its body larger than limit. With header_only
 * the body need not be there yet. */
DSQL_MUST_CHECK int dsql__message_peek(const char *bytes, size_t size, size_t limit,
                                       bool header_only, struct dsql__message *message);
/* The same for a packet without a type byte (start-up, SSLRequest). */
DSQL_MUST_CHECK int dsql__packet_peek(const char *bytes, size_t size, size_t limit,
                                      struct dsql__message *message);

/* Reads a body; past its end everything is 0 or "" and failed is set. */
struct dsql__reader {
    const char *at, *end;
    bool failed;
};

void dsql__reader_init(struct dsql__reader *reader, const char *bytes, size_t size);
char dsql__get_byte(struct dsql__reader *reader);
int16_t dsql__get_int16(struct dsql__reader *reader);
int32_t dsql__get_int32(struct dsql__reader *reader);
/* Borrowed from the body, NUL-terminated there. */
const char *dsql__get_string(struct dsql__reader *reader);
const char *dsql__get_bytes(struct dsql__reader *reader, size_t count);

/* ErrorResponse ('E') and NoticeResponse ('N'); fields that struct dsql_diagnostic
 * lacks are not kept. */
/* Borrowed from the body. */
DSQL_MUST_CHECK int dsql__diagnostic_read(const char *body, size_t length,
                                          struct dsql_diagnostic *diagnostic);
/* Whether the server ends the connection with it. */
bool dsql__diagnostic_is_fatal(const struct dsql_diagnostic *diagnostic);
void dsql__diagnostic_put(struct dsql__buffer *buffer, char type,
                          const struct dsql_diagnostic *diagnostic);

/* Special version numbers of start-up packets. */
#define DSQL__PROTOCOL_3_0 196608
#define DSQL__SSL_REQUEST 80877103
#define DSQL__GSS_REQUEST 80877104
#define DSQL__CANCEL_REQUEST 80877102

#endif
