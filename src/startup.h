/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The start-up phase of PostgreSQL's protocol: what the client says, and what
 * the server's messages up to the first ReadyForQuery mean. Works on the
 * connection's two queues, never on its socket. */
#ifndef DSQL_STARTUP_H
#define DSQL_STARTUP_H

#include "conn.h"

/* What the server may say before it knows us: no message is larger, nor all
 * together. */
#define DSQL__STARTUP_MESSAGE (64u * 1024u)
#define DSQL__STARTUP_TOTAL (1024u * 1024u)

/* Of one attempt. A struct of zeros begins. */
struct dsql__startup {
    bool asked;   /* the password was asked for */
    bool allowed; /* AuthenticationOk came */
    size_t total; /* bytes read so far */
};

/* Strings may be NULL: left out. */
void dsql__startup_put(struct dsql__buffer *out, const char *user, const char *dbname,
                       const char *application_name, const char *settings);
void dsql__startup_put_password(struct dsql__buffer *out, const char *password);

#define DSQL__STARTUP_PASSWORD 2 /* the server asks for the password */
/* Reads what `in` holds. 0: signed in; DSQL__MORE: more bytes are needed;
 * DSQL__STARTUP_PASSWORD: once; DSQL_E_SERVER: refused, see conn->refusal;
 * DSQL_E_PROTOCOL, DSQL_E_UNSUPPORTED, DSQL_E_NOMEM. */
DSQL_MUST_CHECK int dsql__startup_read(struct dsql_conn *conn, struct dsql__startup *startup,
                                       struct dsql_error *error);

/* By the message, then by the hint. */
enum dsql_refusal dsql__startup_judge(const struct dsql_diagnostic *refusal);

#endif
