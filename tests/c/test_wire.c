/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The byte queue and the framing of messages. */
#include "wire.h"

#include "check.h"

static void
queue_gives_back_what_was_put(void)
{
    struct dsql__buffer buffer = {0};
    unsigned char next = 0, expected = 0;
    bool same = true;
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < round % 37; i++) {
            dsql__put_byte(&buffer, (char)next++);
        }
        size_t take = dsql__buffer_length(&buffer) / 2;
        for (size_t i = 0; i < take; i++) {
            same &= (unsigned char)dsql__buffer_begin(&buffer)[i] == expected++;
        }
        dsql__buffer_consume(&buffer, take);
    }
    CHECK(same);
    CHECK(!buffer.failed);
    dsql__buffer_clear(&buffer);
    CHECK(buffer.data == NULL);
}

static void
queue_that_cannot_grow_stays_failed(void)
{
    struct dsql__buffer buffer = {0};
    CHECK(dsql__buffer_reserve(&buffer, SIZE_MAX / 2) == NULL);
    CHECK(buffer.failed);
    dsql__put_int32(&buffer, 1);
    CHECK(dsql__buffer_length(&buffer) == 0);
    dsql__buffer_clear(&buffer);
}

static void
memory_is_given_back_when_empty(void)
{
    struct dsql__buffer buffer = {0};
    static char block[200000];
    dsql__buffer_put(&buffer, block, sizeof block);
    dsql__buffer_trim(&buffer);
    CHECK(buffer.size >= sizeof block);
    dsql__buffer_consume(&buffer, sizeof block);
    dsql__buffer_trim(&buffer);
    CHECK(buffer.size == 0);
    dsql__buffer_clear(&buffer);
}

static void
message_is_framed_and_found_again(void)
{
    struct dsql__buffer buffer = {0};
    struct dsql__message message;
    size_t mark = dsql__message_begin(&buffer, 'Q');
    dsql__put_string(&buffer, "SELECT 1");
    dsql__message_end(&buffer, mark);
    dsql__message_put_empty(&buffer, 'S');
    size_t size = dsql__buffer_length(&buffer);
    CHECK(size == 14 + 5);
    for (size_t have = 0; have < 14; have++) {
        CHECK(dsql__message_peek(buffer.data, have, 100, false, &message) == DSQL__MORE);
    }
    CHECK(dsql__message_peek(buffer.data, size, 100, false, &message) == 0);
    CHECK(message.type == 'Q' && message.length == 9 && message.total == 14);
    CHECK_TEXT(message.body, "SELECT 1");
    CHECK(dsql__message_peek(buffer.data, 5, 100, true, &message) == 0);
    CHECK(dsql__message_peek(buffer.data, size, 8, false, &message) == DSQL_E_PROTOCOL);
    dsql__buffer_clear(&buffer);
}

static void
impossible_lengths_are_refused(void)
{
    struct dsql__message message;
    CHECK(dsql__message_peek("Q\0\0\0\3", 5, 100, true, &message) == DSQL_E_PROTOCOL);
    CHECK(dsql__message_peek("Q\xff\xff\xff\xff", 5, SIZE_MAX, true, &message) == DSQL_E_PROTOCOL);
    CHECK(dsql__packet_peek("\x80\0\0\0", 4, SIZE_MAX, &message) == DSQL_E_PROTOCOL);
}

static void
reader_stops_at_the_end(void)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader,
                      "\x01\x02\x03\x04\xff\xfe"
                      "abc\0z",
                      11);
    CHECK(dsql__get_int32(&reader) == 0x01020304);
    CHECK(dsql__get_int16(&reader) == -2);
    CHECK_TEXT(dsql__get_string(&reader), "abc");
    CHECK(!reader.failed);
    CHECK_TEXT(dsql__get_string(&reader), ""); /* no NUL behind the z */
    CHECK(reader.failed);
    CHECK(dsql__get_byte(&reader) == 0 && dsql__get_int32(&reader) == 0);
    CHECK(dsql__get_bytes(&reader, 1) == NULL);
}

static void
diagnostic_survives_the_wire(void)
{
    struct dsql__buffer buffer = {0};
    struct dsql__message message;
    struct dsql_diagnostic out = {
        .severity = "ERROR",
        .sqlstate = "42601",
        .message = "what",
        .hint = "do this",
        .position = "7",
        .constraint = "t_pkey",
    };
    struct dsql_diagnostic in;
    dsql__diagnostic_put(&buffer, 'E', &out);
    CHECK(dsql__message_peek(buffer.data, dsql__buffer_length(&buffer), 1000, false, &message) ==
          0);
    CHECK(dsql__diagnostic_read(message.body, message.length, &in) == 0);
    CHECK_TEXT(in.sqlstate, "42601");
    CHECK_TEXT(in.message, "what");
    CHECK_TEXT(in.hint, "do this");
    CHECK_TEXT(in.position, "7");
    CHECK_TEXT(in.constraint, "t_pkey");
    CHECK(in.detail == NULL && in.table == NULL);
    CHECK(dsql__diagnostic_read(message.body, message.length - 2, &in) == DSQL_E_PROTOCOL);
    dsql__buffer_clear(&buffer);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(queue_gives_back_what_was_put),   TEST(queue_that_cannot_grow_stays_failed),
        TEST(memory_is_given_back_when_empty), TEST(message_is_framed_and_found_again),
        TEST(impossible_lengths_are_refused),  TEST(reader_stops_at_the_end),
        TEST(diagnostic_survives_the_wire),
    };
    return RUN(tests);
}
