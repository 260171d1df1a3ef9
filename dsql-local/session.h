/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A signed-in client: its messages go to a PostgreSQL connection of its own,
 * the replies come back, and the rules of Aurora DSQL apply in between.
 *
 * How a rule is applied without copying PostgreSQL's transaction logic: a
 * statement that is refused is replaced by one that PostgreSQL is sure to
 * refuse (a call of a function that does not exist), and the error that comes
 * back is replaced by the service's. Skipping to Sync, aborted transactions and
 * the order of replies thus remain PostgreSQL's own.
 *
 * Every message sent to PostgreSQL that has a reply leaves a struct reply in a
 * queue; replies to messages of our own (`hidden`) never reach the client. One
 * batch (a Query, or all up to a Sync) is under way at a time: the state of the
 * transaction is then known when the next one is judged. */
#ifndef DSQL_LOCAL_SESSION_H
#define DSQL_LOCAL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "names.h"
#include "stream.h"
#include "wire.h"

struct local_server;
struct local_session;

enum reply_kind {
    REPLY_PARSE,
    REPLY_BIND,
    REPLY_CLOSE,
    REPLY_DESCRIBE,
    REPLY_EXECUTE,   /* one Execute message */
    REPLY_STATEMENT, /* one statement of a Query message */
    REPLY_READY,     /* ReadyForQuery, after Sync or at the end of a Query */
};

/* The service's words for a refusal; strings borrowed from a text or static. */
struct refusal {
    const char *sqlstate; /* NULL: not refused */
    const char *message;
    const char *hint;
};

struct reply {
    enum reply_kind kind;
    bool hidden; /* ours: swallow it */
    bool held;   /* keep the completion until a later reply `releases` it */
    bool releases;
    bool forget_name;    /* REPLY_PARSE, REPLY_BIND: name is registered, and wrong if this fails */
    bool fail;           /* report `refusal` when this completes (a COMMIT that became ROLLBACK) */
    bool check_prepared; /* REPLY_PARSE of the row check's own statement */
    struct refusal refusal;                  /* replaces the error that comes back */
    struct local_text *text;                 /* shared; NULL for hidden ones */
    const struct rules_statement *statement; /* of text, or NULL */
    char *name;                              /* with forget_name; owned */
    char job_id[27];
    /* For the P field of errors, in characters: the statement stands at sent in
     * what PostgreSQL got, length long, and at original in the client's text. */
    size_t sent, length, original;
};

/* What the transaction under way has done, as far as the rules care. */
struct transaction {
    bool block;    /* BEGIN was sent: it lasts until COMMIT or ROLLBACK */
    bool worked;   /* a statement that takes a snapshot was sent */
    bool ddl;      /* one was sent: no second, and no DML */
    bool dml;      /* sent: no DDL; rows are counted */
    bool ddl_done; /* completed: COMMIT changes the catalog */
    bool failed;   /* an error came back: PostgreSQL answers 25P02 until the end */
};

struct local_session {
    struct local_server *server;
    struct local_stream *front, *back;
    struct local_names statements, portals;
    struct reply *replies; /* ring */
    size_t replies_first, replies_count, replies_size;
    struct transaction transaction;
    char status;              /* of the last ReadyForQuery: I, T or E */
    bool busy;                /* a batch is under way: its ReadyForQuery is awaited */
    bool copy_in;             /* CopyData goes through as it comes */
    bool copy_extended;       /* the COPY was started by Execute: its Sync is still to come */
    bool copy_counts;         /* rows are to be counted after CopyDone */
    bool skipping;            /* an error was reported: ignore messages up to Sync */
    bool ddl_running;         /* counted in server->ddl_running */
    bool recount;             /* rows of a failed transaction are still in PostgreSQL's counters */
    bool check_prepared;      /* PostgreSQL knows the row check's statement */
    bool doomed;              /* aborted for another session's DDL: OC001 is still to be told */
    uint64_t catalog_seen;    /* server->catalog at the last OC001 or sign-in */
    struct dsql__buffer held; /* completion waiting for its check */
    size_t passing;           /* bytes of a large message still to be passed on */
    bool broken;              /* out of memory or protocol violated: close */
};

/* Starts relaying; both streams are ready. catalog_seen becomes current. */
void local_session_start(struct local_session *session, struct local_server *server,
                         struct local_stream *front, struct local_stream *back);
void local_session_clear(struct local_session *session);

/* Bytes came from the client, or room to handle more. */
void local_session_from_client(struct local_session *session);
/* Bytes came from PostgreSQL. */
void local_session_from_postgres(struct local_session *session);
/* Another session is about to change the catalog: a transaction that waits for
 * its client gives way at once and learns of it (OC001) at its next statement. */
void local_session_doom(struct local_session *session);

/* ------------------------------------------------ between the session's files */

/* The new last reply, zeroed; NULL (and broken) without memory. */
struct reply *session_expect(struct local_session *session, enum reply_kind kind);
struct reply *session_first(struct local_session *session);
/* The last but `back` of the awaited replies, which must be there. */
struct reply *session_last(struct local_session *session, size_t back);
void session_pop(struct local_session *session);

/* What is to become of a statement, given the transaction it comes into. */
enum verdict {
    VERDICT_SEND,
    VERDICT_REFUSE,          /* send the sure refusal instead */
    VERDICT_ROLLBACK_INSTEAD /* a COMMIT that must fail: roll back, then report */
};
enum verdict session_judge(struct local_session *session, const struct rules_statement *statement,
                           struct refusal *refusal);
/* Notes that the statement was sent. */
void session_note_sent(struct local_session *session, const struct rules_statement *statement);
/* The service's form of a refusal by a rule without arguments. */
struct refusal session_refusal(int rule);

/* The statement that PostgreSQL surely refuses. */
#define SESSION_REFUSED "SELECT pg_catalog.dsql_local_refused()"
#define SESSION_CHECK "SELECT pg_catalog.dsql_local_check()"
#define SESSION_BEFORE_DDL "SELECT pg_catalog.dsql_local_before_ddl()"
#define SESSION_FLUSH "SELECT pg_catalog.pg_stat_force_next_flush()"

/* The call that records a job, in memory of its own (free()), or NULL. */
char *session_job_call(const struct rules_statement *statement, const char *job_id);
/* A new job id: 26 letters of lower-case base32. */
void session_job_id(char job_id[27]);

/* Whether PostgreSQL is to run just the client's bytes. */
bool session_is_verbatim(const struct rules_statement *statement, const char *sql);

/* Characters (not bytes) of UTF-8 text. */
size_t session_characters(const char *text, size_t length);

/* A whole Query message (session_query.c). */
void session_query(struct local_session *session, const char *sql, size_t length);
/* A Query of our own whose replies are all swallowed. */
void session_query_hidden(struct local_session *session, const char *sql);
/* Answers a message as a Query that is refused. */
void session_query_refused(struct local_session *session, const struct refusal *refusal);
/* One message of the extended protocol (session_extended.c). */
void session_extended(struct local_session *session, const struct dsql__message *message);
/* The row check as messages of the extended protocol. */
void session_check_extended(struct local_session *session);
/* Sends an error to the client. */
void session_report(struct local_session *session, const struct refusal *refusal);

#endif
