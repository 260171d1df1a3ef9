/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The data directory of an endpoint: its lock, its identity (cluster id, CA,
 * server certificate), its key pairs, its PostgreSQL. Blocking calls, made
 * before the event loop runs. */
#ifndef DSQL_LOCAL_STATE_H
#define DSQL_LOCAL_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsql.h"

/* What the command line says; filled by local_options_read(). Strings are
 * borrowed from argv or static. */
struct local_options {
    const char *listen;    /* address, default 127.0.0.1 */
    bool listen_public;    /* the flag that allows an address that is not loopback */
    int port;              /* 0: any free port */
    const char *data;      /* NULL with ephemeral, or the default directory of the user */
    bool ephemeral;
    const char *postgres;  /* folder with initdb and postgres, or NULL: look for it */
    const char *region;
    int rtt_ms;
    const char *ready_file; /* NULL: none */
    bool background;        /* start once, print the ready line, return */
    int idle_exit_s;        /* stop after so long without a client; 0: never */
    bool verbose;
};

/* Reads the command line. Returns 0 to go on, or 1 with *status set: the
 * program is to exit so (--help, --version: 0; bad usage: 2, said on stderr). */
int local_options_read(int argc, char **argv, struct local_options *options, int *status);

/* All paths are absolute. */
struct local_state {
    char dir[1024];
    char ca_file[1100];
    char cert_file[1100]; /* leaf, then CA */
    char key_file[1100];
    char credentials_file[1100];
    char ready_file[1100]; /* always written, beside the one that was asked for */
    char log_file[1100];
    char cluster_id[27];
    char region[64];
    bool ephemeral; /* removed at the end */
    int lock_fd;
};

/* Opens or makes the directory (0700) and takes its lock. DSQL_E_IO with the
 * sentence to print when it is in use, unreadable, or not ours; data of another version of
 * PostgreSQL is found out by local_postgres_start(). */
DSQL_MUST_CHECK int local_state_open(const struct local_options *options, struct local_state *state,
                                     struct dsql_error *error);
/* Drops the lock; removes an ephemeral directory. */
void local_state_close(struct local_state *state);

/* The PostgreSQL behind the endpoint: a child process that dies with us. */
struct local_postgres {
    pid_t pid;             /* 0: not running */
    char bindir[1024];     /* from which it runs (perhaps a copy that its user can read) */
    char datadir[1100];
    char socket_dir[108];
    char socket_path[108]; /* SOCKET_DIR/.s.PGSQL.5432 */
    char user[64];         /* operating-system user, "" when our own */
    int version;           /* major */
};

/* Finds the programs, makes the cluster at the first start (initdb and the
 * bootstrap statements of bootstrap.sql), starts it and waits until it
 * answers. Ends an orphan of an earlier run first. */
DSQL_MUST_CHECK int local_postgres_start(const struct local_options *options,
                                         const struct local_state *state,
                                         struct local_postgres *postgres, struct dsql_error *error);
/* Starts it again after it died (pid is 0); does not wait: until
 * local_postgres_answers() says true, connections fail. */
DSQL_MUST_CHECK int local_postgres_restart(struct local_postgres *postgres,
                                           struct dsql_error *error);
bool local_postgres_answers(const struct local_postgres *postgres);
/* Fast shutdown; waits for the end. */
void local_postgres_stop(struct local_postgres *postgres);

/* ------------------------------------------------------------------ sign-in */

/* The key pairs of the credentials file, read again when the file changes. */
struct local_keys;
DSQL_MUST_CHECK int local_keys_open(const char *credentials_file, struct local_keys **keys,
                                    struct dsql_error *error);
void local_keys_close(struct local_keys *keys);

struct local_sign_in {
    const char *token;
    size_t token_length;
    const char *user;       /* of the start-up packet */
    const char *sni;        /* "" when the client sent none */
    const char *cluster_id; /* of this endpoint */
    const char *region;
    int64_t now;
};

/* Judges a token. 0: welcome, and arn holds the key pair's dsql_arn ("" when
 * its profile has none). DSQL_E_CREDENTIALS: refused, error->message is the
 * text for the HINT of the service's 08006. Constant-time comparison. */
DSQL_MUST_CHECK int local_sign_in_verify(struct local_keys *keys,
                                         const struct local_sign_in *sign_in, char *arn,
                                         size_t arn_size, struct dsql_error *error);

#endif
