/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A server that answers statements: each succeeds without rows unless the test
 * has planned otherwise. For one file of a program. */
#ifndef DSQL_TESTS_TALKER_H
#define DSQL_TESTS_TALKER_H

#include <semaphore.h>

#include "check.h"
#include "server.h"

/* Letters, one for each that comes, good behind the last: '.' good, 'c' a
 * conflict, 's' the service fails, 'd' a duplicate key, 'x' the connection ends. */
struct talk {
    const char *statements; /* batches of them */
    const char *commits;
    /* what was seen */
    _Atomic int connections, statements_seen, commits_seen, rollbacks_seen;
    _Atomic char last; /* type of the last message before the end; 0: none */
    bool end_idle;     /* set by the test: each connection ends behind its first COMMIT */
};

static char
planned(const char *plan, int number)
{
    return plan != NULL && (size_t)number < strlen(plan) ? plan[number] : '.';
}

static bool
talk_say(struct peer *peer, const char *bytes, size_t size)
{
    return peer_send(peer, bytes, size);
}
#define TALK_SAY(peer, text) talk_say(peer, text, sizeof(text) - 1)

/* The answer of a planned failure; false: the connection ends. */
static bool
talk_fail(struct peer *peer, char how)
{
    switch (how) {
    case 'c':
        return peer_refuse(peer, "ERROR", "40001", "change conflicts with another transaction",
                           NULL);
    case 's':
        return peer_refuse(peer, "ERROR", "XX000", "server unavailable", NULL);
    case 'd':
        return peer_refuse(peer, "ERROR", "23505", "duplicate key", NULL);
    default:
        return false;
    }
}

static bool
talk_end_transaction(struct talk *talk, struct peer *peer, bool commit)
{
    char how = commit ? planned(talk->commits, talk->commits_seen) : '.';
    talk->commits_seen += commit;
    talk->rollbacks_seen += !commit;
    bool said = how == '.' ? (commit ? TALK_SAY(peer, "C\0\0\0\013COMMIT\0")
                                     : TALK_SAY(peer, "C\0\0\0\015ROLLBACK\0"))
                           : talk_fail(peer, how);
    return said && TALK_SAY(peer, "Z\0\0\0\005I") && !(commit && talk->end_idle);
}

/* Answers messages until the end of the connection. */
static void
talk_on(struct talk *talk, struct peer *peer)
{
    struct dsql__message message = {0};
    bool going = true;
    while (going && peer_read(peer, false, &message)) {
        char how = '.';
        talk->last = message.type;
        switch (message.type) {
        case 'P':
            going = TALK_SAY(peer, "1\0\0\0\004");
            break;
        case 'B':
            going = TALK_SAY(peer, "2\0\0\0\004");
            break;
        case 'D':
            going = TALK_SAY(peer, "n\0\0\0\004");
            break;
        case 'E':
            going = TALK_SAY(peer, "C\0\0\0\017INSERT 0 1\0");
            break;
        case 'S':
            how = planned(talk->statements, talk->statements_seen++);
            going = how == '.' ? TALK_SAY(peer, "Z\0\0\0\005T")
                               : talk_fail(peer, how) && TALK_SAY(peer, "Z\0\0\0\005E");
            break;
        case 'Q':
            going = talk_end_transaction(talk, peer, message.body[0] == 'C');
            break;
        default:
            going = message.type == 'X';
            break;
        }
        dsql__buffer_consume(&peer->read, message.total);
    }
}

static void
serve_talk(struct server *server, struct peer *peer)
{
    struct talk *talk = server->context;
    if (peer_greet(server, peer) && peer_ask(peer, NULL)) {
        talk->connections++;
        talk->last = 0;
        if (peer_welcome(peer)) {
            talk_on(talk, peer);
        }
    }
}

static struct dsql_conn_options
talk_options(const struct server *server)
{
    static char access_key[] = "AKIA", secret_key[] = "S", session_token[] = "T";
    static const struct dsql_credentials credentials = {
        .access_key = access_key, .secret_key = secret_key, .session_token = session_token};
    return (struct dsql_conn_options){
        .host = "localhost",
        .port = (uint16_t)server->port,
        .ca_file = server->ca_file,
        .credentials = &credentials,
    };
}

#endif
