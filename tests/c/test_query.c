/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Statements and events of a connection whose server is this test: it reads what
 * was sent from the other end of a pair of sockets, and writes what it likes. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "conn.h"

#define ZED "Z\0\0\0\5I"
#define ZED_IN_TRANSACTION "Z\0\0\0\5T"
#define PARSED "1\0\0\0\4"
#define BOUND "2\0\0\0\4"
#define CLOSED "3\0\0\0\4"
#define NO_DATA "n\0\0\0\4"
/* One column "a", int4. */
#define COLUMNS "T\0\0\0\32\0\1a\0\0\0\0\0\0\0\0\0\0\27\0\4\377\377\377\377\0\1"
#define ROW "D\0\0\0\16\0\1\0\0\0\4\0\0\0\7"
#define SELECTED "C\0\0\0\15SELECT 1\0"
#define INSERTED "C\0\0\0\17INSERT 0 3\0"
#define BEGUN "C\0\0\0\12BEGIN\0"
#define FAILED "E\0\0\0\33SERROR\0C42601\0Mwrong\0\0\0"

static struct dsql_conn *conn;
static int server;

static void
open_pair(void)
{
    int pair[2];
    conn = calloc(1, sizeof *conn);
    if (conn == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        abort();
    }
    for (int i = 0; i < 2; i++) {
        fcntl(pair[i], F_SETFL, O_NONBLOCK);
    }
    conn->phase = DSQL__CONNECTED;
    conn->transaction = 'I';
    conn->transport.fd = pair[0];
    server = pair[1];
}

static void
close_pair(void)
{
    dsql_conn_free(conn);
    close(server);
}

static void
say(const char *bytes, size_t size)
{
    CHECK(write(server, bytes, size) == (ssize_t)size);
}
#define SAY(text) say(text, sizeof(text) - 1)

/* The types of the messages that the client has sent, "PBDES" and the like. */
static const char *
heard(void)
{
    static char types[512];
    static char bytes[1 << 16];
    struct dsql__message message;
    size_t count = 0;
    CHECK(dsql_flush(conn, NULL) == 0);
    ssize_t size = read(server, bytes, sizeof bytes);
    for (char *at = bytes; size > 0 && count < sizeof types - 1;) {
        CHECK(dsql__message_peek(at, (size_t)size, 1 << 20, false, &message) == 0);
        types[count++] = message.type;
        at += message.total;
        size -= (ssize_t)message.total;
    }
    types[count] = '\0';
    return types;
}

static int
ask(const char *sql)
{
    return dsql_send_query(conn, sql, strlen(sql), NULL, 0, 0, NULL);
}

/* The kinds of the events that come, one letter each, "." where more must be
 * awaited, "!" where the connection is over. */
static const char *
events(void)
{
    static const char letters[] = "?crdeniotz";
    static char kinds[256];
    struct dsql_event event = {0};
    size_t count = 0;
    /* What goes out with dsql_next() is never answered in the same call. */
    if (conn->phase == DSQL__CONNECTED) {
        CHECK(dsql_flush(conn, NULL) == 0);
    }
    while (count < sizeof kinds - 2) {
        int result = conn->requests.count > 0 ? dsql_next(conn, &event, NULL) : 1;
        if (result != 0) {
            kinds[count++] = result > 0 ? '.' : '!';
            break;
        }
        kinds[count++] = letters[event.kind];
    }
    kinds[count] = '\0';
    return kinds;
}

static void
a_statement_is_parsed_once(void)
{
    open_pair();
    for (int i = 0; i < 3; i++) {
        CHECK(ask("SELECT a FROM t") == 0 && dsql_send_sync(conn, NULL) == 0);
        CHECK_TEXT(heard(), i == 0 ? "PBDES" : "BES");
        if (i == 0) {
            SAY(PARSED BOUND COLUMNS ROW SELECTED ZED);
        } else {
            SAY(BOUND ROW SELECTED ZED);
        }
        CHECK_TEXT(events(), "crdz.");
    }
    CHECK(dsql_send_query(conn, "SELECT a FROM t", 15, NULL, 0, DSQL_NO_CACHE, NULL) == 0);
    CHECK_TEXT(heard(), "PBDE");
    close_pair();
}

static void
other_types_are_another_statement(void)
{
    struct dsql_value values[] = {{.type = 23, .data = "\0\0\0\1", .length = 4, .binary = 1},
                                  {.type = 20, .data = NULL}};
    open_pair();
    for (int i = 0; i < 2; i++) {
        CHECK(dsql_send_query(conn, "SELECT $1", 9, &values[i], 1, 0, NULL) == 0);
        CHECK(dsql_send_sync(conn, NULL) == 0);
        CHECK_TEXT(heard(), "PBDES");
        SAY(PARSED BOUND COLUMNS ROW SELECTED ZED);
        CHECK_TEXT(events(), "crdz.");
    }
    close_pair();
}

static void
begin_travels_with_the_first_statement(void)
{
    open_pair();
    CHECK(dsql_begin(conn, "BEGIN", NULL) == 0);
    CHECK_TEXT(heard(), "");
    CHECK(dsql_end(conn, 1, NULL) == 0);
    CHECK_TEXT(heard(), "");
    CHECK(dsql_begin(conn, "BEGIN", NULL) == 0);
    CHECK(ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBEPBDES");
    SAY(PARSED BOUND BEGUN PARSED BOUND NO_DATA INSERTED ZED_IN_TRANSACTION);
    CHECK_TEXT(events(), "dz.");
    CHECK(dsql_conn_transaction(conn) == 'T');
    CHECK(dsql_begin(conn, "BEGIN", NULL) == DSQL_E_STATE);
    CHECK(dsql_end(conn, 1, NULL) == 1);
    CHECK_TEXT(heard(), "Q");
    SAY("C\0\0\0\13COMMIT\0" ZED);
    CHECK_TEXT(events(), "dz.");
    CHECK(dsql_end(conn, 0, NULL) == 0);
    close_pair();
}

static void
what_follows_an_error_is_skipped_and_parsed_later(void)
{
    open_pair();
    CHECK(ask("WRONG") == 0 && ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDEPBDES");
    SAY(FAILED ZED);
    CHECK_TEXT(events(), "ez.");
    CHECK(ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDES");
    SAY(PARSED BOUND NO_DATA INSERTED ZED);
    CHECK_TEXT(events(), "dz.");
    close_pair();
}

static void
nothing_is_sent_for_a_batch_that_has_failed(void)
{
    open_pair();
    CHECK(ask("WRONG") == 0);
    CHECK_TEXT(heard(), "PBDE");
    SAY(FAILED);
    CHECK_TEXT(events(), "e.");
    CHECK(ask("INSERT") == 0);
    CHECK_TEXT(heard(), "");
    CHECK(dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "S");
    SAY(ZED);
    CHECK_TEXT(events(), "z.");
    close_pair();
}

static void
a_later_batch_does_not_rely_on_a_parse_that_may_fail(void)
{
    open_pair();
    CHECK(ask("WRONG") == 0 && ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK(ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDEPBDESPBDES");
    SAY(FAILED ZED PARSED BOUND NO_DATA INSERTED ZED);
    CHECK_TEXT(events(), "ezdz.");
    close_pair();
}

static void
the_least_recently_used_statement_is_closed(void)
{
    char sql[32];
    open_pair();
    for (int i = 0; i <= DSQL__STATEMENTS_KEPT; i++) {
        snprintf(sql, sizeof sql, "INSERT %d", i);
        CHECK(ask(sql) == 0 && dsql_send_sync(conn, NULL) == 0);
        CHECK_TEXT(heard(), i < DSQL__STATEMENTS_KEPT ? "PBDES" : "CPBDES");
        if (i == DSQL__STATEMENTS_KEPT) {
            SAY(CLOSED);
        }
        SAY(PARSED BOUND NO_DATA INSERTED ZED);
        CHECK_TEXT(events(), "dz.");
    }
    CHECK(ask("INSERT 1") == 0);
    CHECK_TEXT(heard(), "BE");
    CHECK(ask("INSERT 0") == 0);
    CHECK_TEXT(heard(), "CPBDE");
    close_pair();
}

static void
a_stale_plan_is_dropped(void)
{
    open_pair();
    CHECK(ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDES");
    SAY(PARSED BOUND NO_DATA INSERTED ZED);
    CHECK_TEXT(events(), "dz.");
    CHECK(ask("INSERT") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "BES");
    SAY("E\0\0\0\31SERROR\0C26000\0Mgone\0\0" ZED);
    CHECK_TEXT(events(), "ez.");
    CHECK(ask("INSERT") == 0);
    CHECK_TEXT(heard(), "CPBDE");
    close_pair();
}

static void
copy_in_is_ended_with_its_own_sync(void)
{
    open_pair();
    CHECK(dsql_send_query(conn, "COPY", 4, NULL, 0, DSQL_COPY, NULL) == 0);
    CHECK_TEXT(heard(), "PBDEH");
    CHECK(dsql_send_copy_data(conn, "1\n", 2, NULL) == DSQL_E_STATE);
    SAY(PARSED BOUND NO_DATA "G\0\0\0\11\0\0\1\0\0");
    CHECK_TEXT(events(), "i.");
    CHECK(ask("INSERT") == DSQL_E_STATE);
    CHECK(dsql_send_copy_data(conn, "1\n", 2, NULL) == 0);
    CHECK(dsql_send_copy_end(conn, NULL, NULL) == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "dcS");
    SAY("C\0\0\0\13COPY 1\0" ZED);
    CHECK_TEXT(events(), "dz.");
    close_pair();
}

static void
copy_that_nobody_expected_is_failed_with_another_sync(void)
{
    open_pair();
    CHECK(ask("COPY") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDES");
    SAY(PARSED BOUND NO_DATA "G\0\0\0\11\0\0\1\0\0");
    CHECK_TEXT(events(), "i.");
    CHECK(dsql_send_copy_end(conn, "no", NULL) == 0);
    CHECK_TEXT(heard(), "fS");
    SAY(FAILED ZED);
    CHECK_TEXT(events(), "ez.");
    close_pair();
}

static const char conversation[] =
    PARSED BOUND COLUMNS ROW ROW SELECTED "N\0\0\0\21SNOTICE\0Mhm\0\0S\0\0\0\21TimeZone\0UTC\0" ZED;

static void
bytes_may_come_one_by_one(void)
{
    char all[64] = "";
    open_pair();
    CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
    for (size_t i = 0; i < sizeof conversation - 1; i++) {
        say(conversation + i, 1);
        const char *came = events();
        CHECK(came[strlen(came) - 1] == '.');
        strncat(all, came, strlen(came) - 1);
    }
    CHECK_TEXT(all, "crrdnz");
    CHECK_TEXT(dsql_conn_parameter(conn, "TimeZone"), "UTC");
    close_pair();
}

static void
the_end_of_the_stream_is_an_error_at_each_byte(void)
{
    for (size_t i = 0; i < sizeof conversation - 1; i++) {
        open_pair();
        CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
        say(conversation, i);
        shutdown(server, SHUT_WR);
        const char *came = events();
        CHECK(came[strlen(came) - 1] == '!');
        CHECK(ask("SELECT") == DSQL_E_CLOSED);
        CHECK(dsql_conn_fd(conn) == -1);
        close_pair();
    }
}

static void
an_answer_too_many_is_not_the_next_ones(void)
{
    open_pair();
    CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
    SAY(PARSED BOUND COLUMNS ROW SELECTED ZED PARSED BOUND COLUMNS ROW SELECTED ZED);
    CHECK_TEXT(events(), "crdz.");
    CHECK(ask("SELECT other") == DSQL_E_PROTOCOL);
    CHECK(ask("SELECT other") == DSQL_E_CLOSED);
    close_pair();
}

static void
what_comes_unasked_is_kept_for_the_next_request(void)
{
    open_pair();
    CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
    SAY(PARSED BOUND COLUMNS ROW SELECTED ZED "N\0\0\0\21SNOTICE\0Mhm\0\0N\0");
    CHECK_TEXT(events(), "crdz.");
    CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
    SAY("\0\0\21SNOTICE\0Mhm\0\0" BOUND ROW SELECTED ZED);
    CHECK_TEXT(events(), "nncrdz.");
    close_pair();
}

/* None of these is an answer to one statement. */
static void
a_broken_protocol_ends_the_connection(void)
{
#define BAD(text) {text, sizeof(text) - 1}
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        BAD(ZED),
        BAD(BOUND),
        BAD(PARSED PARSED),
        BAD(PARSED BOUND ROW),
        BAD(PARSED BOUND NO_DATA ROW),
        BAD(PARSED BOUND COLUMNS "D\0\0\0\6\0\2"),
        BAD(PARSED BOUND COLUMNS "D\0\0\0\5\0"),
        BAD(PARSED BOUND COLUMNS COLUMNS),
        BAD(PARSED BOUND COLUMNS ZED),
        BAD(PARSED BOUND "T\0\0\0\7\0\1a"),
        BAD(PARSED BOUND "T\0\0\0\6\377\377"),
        BAD(PARSED BOUND "T\0\0\0\6\177\377"),
        BAD(PARSED BOUND NO_DATA "C\0\0\0\5C"),
        BAD(PARSED BOUND NO_DATA INSERTED "Z\0\0\0\5X"),
        BAD(PARSED BOUND NO_DATA INSERTED "Z\0\0\0\4"),
        BAD(PARSED BOUND NO_DATA INSERTED "C\0\0\0\5\0"),
        BAD("1\0\0\0\3"),
        BAD("1\377\377\377\377"),
        BAD("D\177\377\377\377"),
        BAD("S\0\0\0\5a"),
        BAD("N\0\0\0\5S"),
        BAD("E\0\0\0\4"),
        BAD("R\0\0\0\10\0\0\0\0"),
        BAD("W\0\0\0\7\0\0\0"),
        BAD("\0\0\0\0\4"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dsql_error error = {0};
        struct dsql_event event = {0};
        int result;
        open_pair();
        CHECK(ask("SELECT") == 0 && dsql_send_sync(conn, NULL) == 0);
        CHECK_TEXT(heard(), "PBDES");
        say(bad[i].bytes, bad[i].size);
        do {
            result = dsql_next(conn, &event, &error);
        } while (result == 0);
        if (result != DSQL_E_PROTOCOL || error.code != DSQL_E_PROTOCOL) {
            fprintf(stderr, "case %zu gives %d: %s\n", i, result, error.message);
        }
        CHECK(result == DSQL_E_PROTOCOL && error.code == DSQL_E_PROTOCOL);
        CHECK(dsql_next(conn, &event, NULL) == DSQL_E_CLOSED);
        close_pair();
    }
}

static void
wrong_requests_are_refused(void)
{
    struct dsql_event event = {0};
    open_pair();
    CHECK(dsql_next(conn, &event, NULL) == DSQL_E_STATE);
    CHECK(dsql_send_query(conn, "SELECT\0", 7, NULL, 0, 0, NULL) == DSQL_E_INVALID);
    CHECK(dsql_send_query(conn, "SELECT", 6, NULL, 65536, 0, NULL) == DSQL_E_INVALID);
    CHECK(dsql_send_query(conn, NULL, 0, NULL, 0, 0, NULL) == DSQL_E_INVALID);
    CHECK(dsql_send_script(conn, NULL, NULL) == DSQL_E_INVALID);
    CHECK(dsql_exec(conn, NULL, NULL, 0, NULL, NULL, NULL) == DSQL_E_INVALID);
    CHECK(dsql_begin(conn, "", NULL) == DSQL_E_INVALID);
    CHECK(dsql_unsent(conn) == 0);
    close_pair();
}

static void
columns_and_rows_tell_what_the_server_said(void)
{
    struct dsql_event event = {0};
    const char *value;
    size_t length;
    open_pair();
    CHECK(ask("SELECT a") == 0 && dsql_send_sync(conn, NULL) == 0);
    CHECK_TEXT(heard(), "PBDES");
    SAY(PARSED BOUND COLUMNS ROW "C\0\0\0\23SELECT 1234567\0" ZED);
    CHECK(dsql_next(conn, &event, NULL) == 0 && event.kind == DSQL_EVENT_COLUMNS);
    CHECK(event.count == 1 && event.columns[0].type == 23 && event.columns[0].size == 4);
    CHECK_TEXT(event.columns[0].name, "a");
    CHECK(dsql_next(conn, &event, NULL) == 0 && event.kind == DSQL_EVENT_ROW);
    CHECK(dsql_row_get(&event, 0, &value, &length) == 0 && length == 4 && value[3] == 7);
    CHECK(dsql_row_get(&event, 1, &value, &length) == DSQL_E_INVALID);
    CHECK(dsql_next(conn, &event, NULL) == 0 && event.kind == DSQL_EVENT_COMPLETE);
    CHECK(event.rows == 1234567);
    CHECK_TEXT(event.tag, "SELECT 1234567");
    close_pair();
}

static const struct check_test tests[] = {
    TEST(a_statement_is_parsed_once),
    TEST(other_types_are_another_statement),
    TEST(begin_travels_with_the_first_statement),
    TEST(what_follows_an_error_is_skipped_and_parsed_later),
    TEST(nothing_is_sent_for_a_batch_that_has_failed),
    TEST(a_later_batch_does_not_rely_on_a_parse_that_may_fail),
    TEST(the_least_recently_used_statement_is_closed),
    TEST(a_stale_plan_is_dropped),
    TEST(copy_in_is_ended_with_its_own_sync),
    TEST(copy_that_nobody_expected_is_failed_with_another_sync),
    TEST(bytes_may_come_one_by_one),
    TEST(the_end_of_the_stream_is_an_error_at_each_byte),
    TEST(an_answer_too_many_is_not_the_next_ones),
    TEST(what_comes_unasked_is_kept_for_the_next_request),
    TEST(a_broken_protocol_ends_the_connection),
    TEST(wrong_requests_are_refused),
    TEST(columns_and_rows_tell_what_the_server_said),
};

int
main(void)
{
    return RUN(tests);
}
