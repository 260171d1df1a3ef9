/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The start-up phase; see startup.h. */
#include "startup.h"

#include <string.h>

#include "error.h"

#define AUTHENTICATION_OK 0
#define AUTHENTICATION_CLEARTEXT 3

static void
put_pair(struct dsql__buffer *out, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        dsql__put_string(out, name);
        dsql__put_string(out, value);
    }
}

void
dsql__startup_put(struct dsql__buffer *out, const char *user, const char *dbname,
                  const char *application_name, const char *settings)
{
    size_t mark = dsql__message_begin(out, 0);
    dsql__put_int32(out, DSQL__PROTOCOL_3_0);
    put_pair(out, "user", user);
    put_pair(out, "database", dbname);
    put_pair(out, "client_encoding", "UTF8");
    put_pair(out, "application_name", application_name);
    put_pair(out, "options", settings);
    dsql__put_byte(out, 0);
    dsql__message_end(out, mark);
}

void
dsql__startup_put_password(struct dsql__buffer *out, const char *password)
{
    size_t mark = dsql__message_begin(out, 'p');
    dsql__put_string(out, password);
    dsql__message_end(out, mark);
}

static int
violated(const struct dsql__message *message, struct dsql_error *error)
{
    return dsql__fail(error, DSQL_E_PROTOCOL,
                      "the server broke the protocol while signing in (message 0x%02x): check that "
                      "host and port are an Aurora DSQL endpoint's",
                      (unsigned char)message->type);
}

static int
on_authentication(struct dsql__startup *startup, const struct dsql__message *message,
                  struct dsql_error *error)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    int32_t kind = dsql__get_int32(&reader);
    if (reader.failed || startup->allowed) {
        return violated(message, error);
    }
    if (kind == AUTHENTICATION_OK && message->length == 4) {
        startup->allowed = true;
        return DSQL__MORE;
    }
    if (kind == AUTHENTICATION_CLEARTEXT && message->length == 4 && !startup->asked) {
        startup->asked = true;
        return DSQL__STARTUP_PASSWORD;
    }
    if (kind == AUTHENTICATION_OK || kind == AUTHENTICATION_CLEARTEXT) {
        return violated(message, error);
    }
    return dsql__fail(error, DSQL_E_UNSUPPORTED,
                      "the server asks for authentication of kind %d, Aurora DSQL for a token "
                      "only: check that host and port are an Aurora DSQL endpoint's",
                      kind);
}

static int
on_key(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_error *error)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    conn->backend_id = dsql__get_int32(&reader);
    conn->backend_key = dsql__get_int32(&reader);
    return reader.failed ? violated(message, error) : DSQL__MORE;
}

static int
on_ready(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_error *error)
{
    if (message->length != 1 || message->body[0] != 'I') {
        return violated(message, error);
    }
    conn->transaction = 'I';
    return 0;
}

static int
on_parameter(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_error *error)
{
    switch (dsql__conn_keep_parameter(conn, message)) {
    case 0:
        return DSQL__MORE;
    case DSQL_E_NOMEM:
        return dsql__fail_nomem(error);
    default:
        return violated(message, error);
    }
}

/* DSQL__MORE: go on with the next message. */
static int
on_message(struct dsql_conn *conn, struct dsql__startup *startup,
           const struct dsql__message *message, struct dsql_error *error)
{
    switch (message->type) {
    case 'R':
        return on_authentication(startup, message, error);
    case 'E':
        return dsql__conn_refuse(conn, message, error);
    case 'N': /* nobody listens yet */
    case 'v': /* the server speaks an older minor version: 3.0 is what we speak */
        return DSQL__MORE;
    case 'S':
        return startup->allowed ? on_parameter(conn, message, error) : violated(message, error);
    case 'K':
        return startup->allowed ? on_key(conn, message, error) : violated(message, error);
    case 'Z':
        return startup->allowed ? on_ready(conn, message, error) : violated(message, error);
    default:
        return violated(message, error);
    }
}

int
dsql__startup_read(struct dsql_conn *conn, struct dsql__startup *startup, struct dsql_error *error)
{
    struct dsql__buffer *in = &conn->transport.in;
    for (;;) {
        struct dsql__message message = {0};
        int peeked = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                        DSQL__STARTUP_MESSAGE, false, &message);
        if (peeked == DSQL__MORE) {
            return DSQL__MORE;
        }
        startup->total += message.total;
        if (peeked != 0 || startup->total > DSQL__STARTUP_TOTAL) {
            return dsql__fail(error, DSQL_E_PROTOCOL,
                              "the server sends more than a greeting while signing in: check that "
                              "host and port are an Aurora DSQL endpoint's");
        }
        int result = on_message(conn, startup, &message, error);
        dsql__buffer_consume(in, message.total);
        if (result != DSQL__MORE) {
            return result;
        }
    }
}

enum dsql_refusal
dsql__startup_judge(const struct dsql_diagnostic *refusal)
{
    enum dsql_refusal judged = dsql_refusal_of(refusal->sqlstate, refusal->message);
    return judged != DSQL_REFUSED ? judged : dsql_refusal_of(NULL, refusal->hint);
}
