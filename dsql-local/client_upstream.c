/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A client's connection to PostgreSQL: made when its first statement comes, or
 * at sign-in where only PostgreSQL can tell whether the client is welcome (a
 * role other than admin, settings whose values have to be judged). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server.h"
#include "service.h"

static void
ask_for_role(struct local_client *client)
{
    struct dsql__buffer *out = &client->back.out;
    static const char head[] = "SELECT pg_catalog.dsql_local_may_sign_in(E'";
    client->phase = CLIENT_ROLE;
    size_t mark = dsql__message_begin(out, 'Q');
    dsql__buffer_put(out, head, sizeof head - 1);
    for (const char *at = client->arn; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\') {
            dsql__put_byte(out, *at);
        }
        dsql__put_byte(out, *at);
    }
    dsql__put_string(out, "')");
    dsql__message_end(out, mark);
    local_stream_update(&client->back);
}

static void
refuse(struct local_client *client, const struct dsql__message *message)
{
    struct dsql_diagnostic diagnostic;
    if (dsql__diagnostic_read(message->body, message->length, &diagnostic) != 0 ||
        diagnostic.sqlstate == NULL || diagnostic.message == NULL) {
        local_client_close(client);
    } else if (strcmp(diagnostic.sqlstate, "53300") == 0) {
        client_refuse_by(client, REFUSED_TOO_MANY, RULE_CONNECTIONS, NULL);
    } else if (strcmp(diagnostic.sqlstate, "28000") == 0) {
        client_deny(client, diagnostic.message);
    } else if (strcmp(diagnostic.sqlstate, "57P03") == 0) {
        client_refuse_by(client, REFUSED_POSTGRES, RULE_WAKING_UP, NULL);
    } else {
        client_refuse(client, REFUSED_POSTGRES, diagnostic.sqlstate, diagnostic.message,
                      diagnostic.hint);
    }
}

static void
begin_session(struct local_client *client)
{
    if (!client->greeted) {
        client->catalog_seen = client->server->catalog;
    }
    client->phase = CLIENT_SESSION;
    local_server_add_session(client->server, client);
    local_session_start(&client->session, client->server, &client->front, &client->back);
    client->session.catalog_seen = client->catalog_seen;
    client->session.backend_pid = client->backend_pid;
    if (!client->greeted) {
        client_welcome(client);
    }
    local_session_from_client(&client->session); /* the first statement, if it came already */
    if (client->session.broken || client->gone) {
        local_client_close(client);
    }
}

static void
on_sign_in_ready(struct local_client *client)
{
    if (client->phase == CLIENT_UPSTREAM && !client->greeted &&
        strcmp(client->startup.user, "admin") != 0) {
        ask_for_role(client);
    } else if (client->phase == CLIENT_UPSTREAM || client->role_allowed) {
        begin_session(client);
    } else {
        char hint[512];
        snprintf(hint, sizeof hint, "Role %.64s is not granted to %s; run AWS IAM GRANT as admin.",
                 client->startup.user,
                 client->arn[0] ? client->arn : "this key pair (its profile has no dsql_arn)");
        client_deny(client, hint);
    }
}

static void
sign_in_message(struct local_client *client, const struct dsql__message *message)
{
    struct dsql__reader reader;
    switch (message->type) {
    case 'K':
        dsql__reader_init(&reader, message->body, message->length);
        client->backend_pid = dsql__get_int32(&reader);
        break;
    case 'S':
        if (client->phase == CLIENT_UPSTREAM && !client->greeted) {
            service_pass_parameter(&client->greeting, message);
        }
        break;
    case 'D': /* one column: int16 count, int32 length, "t" or "f" */
        client->role_allowed = message->length == 7 && message->body[6] == 't';
        break;
    case 'E':
        refuse(client, message);
        break;
    default: /* AuthenticationOk, notices, the row's description */
        break;
    }
}

static bool
signing_in(const struct local_client *client)
{
    return client->phase == CLIENT_UPSTREAM || client->phase == CLIENT_ROLE;
}

static void
read_sign_in(struct local_client *client)
{
    struct dsql__buffer *in = &client->back.in;
    struct dsql__message message;
    while (signing_in(client)) {
        int more = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                      STREAM_HIGH_WATER, false, &message);
        if (more == DSQL__MORE) {
            return;
        }
        if (more != 0) {
            local_client_close(client);
            return;
        }
        bool ready = message.type == 'Z';
        sign_in_message(client, &message);
        if (client->phase == CLIENT_GOING) {
            return;
        }
        dsql__buffer_consume(in, message.total);
        if (ready) {
            on_sign_in_ready(client);
        }
    }
}

static void
on_back_ready(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (signing_in(client)) {
        read_sign_in(client);
    } else if (client->phase == CLIENT_SESSION) {
        local_session_from_postgres(&client->session);
        if (client->session.broken) {
            local_client_close(client);
            return;
        }
    }
    client_leave_if_idle(client);
}

static void
on_back_ended(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_SESSION) {
        local_session_from_postgres(&client->session); /* its last words */
    }
    local_client_end(client, "57P01",
                     "terminating connection: the PostgreSQL behind the endpoint has ended it",
                     NULL);
}

static void
on_back_drained(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_SESSION) {
        local_session_from_client(&client->session);
    }
}

static const struct local_stream_events back_events = {
    .ready = on_back_ready,
    .drained = on_back_drained,
    .ended = on_back_ended,
    .closed = client_on_stream_closed,
};

void
client_connect_upstream(struct local_client *client)
{
    struct local_server *server = client->server;
    errno = 0;
    int fd = server->postgres->pid == 0
                 ? -1
                 : local_upstream_socket(server->postgres->socket_path, SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == EMFILE || errno == ENFILE)) {
        client_refuse_by(client, REFUSED_TOO_MANY, RULE_CONNECTIONS, NULL);
        return;
    }
    if (fd < 0) {
        client_refuse_by(client, REFUSED_POSTGRES, RULE_WAKING_UP, NULL);
        return;
    }
    if (local_stream_init(&client->back, &server->loop, fd, STREAM_PLAIN, &back_events, client) !=
        0) {
        local_client_close(client);
        return;
    }
    client->back_open = true;
    client->phase = CLIENT_UPSTREAM;
    local_startup_put(&client->startup, &client->back.out);
    local_stream_update(&client->back);
}
