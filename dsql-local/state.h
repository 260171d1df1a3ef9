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
#include "inject.h"

enum local_stats_form { LOCAL_STATS_NONE, LOCAL_STATS_TABLE, LOCAL_STATS_JSON };

/* What the command line says; filled by local_options_read(). Strings are
 * borrowed from argv or static. */
struct local_options {
    const char *listen; /* address, default 127.0.0.1 */
    bool listen_public; /* the flag that allows an address that is not loopback */
    int port;           /* 0: any free port */
    const char *data;   /* NULL with ephemeral, or the default directory of the user */
    bool ephemeral;
    const char *postgres; /* folder with initdb and postgres, or NULL: look for it */
    const char *region;
    int rtt_ms;
    const char *ready_file;      /* NULL: none */
    bool background;             /* start once, print the ready line, return */
    int idle_exit_s;             /* stop after so long without a client; 0: never */
    int connection_rate;         /* new connections a second; 0: any number */
    int max_connections;         /* open at a time */
    int connection_age_s;        /* a connection's life; 0: no end */
    int transaction_age_s;       /* a transaction's life */
    int job_delay_ms;            /* what jobs take; 0: done when their statement is */
    int drain_s;                 /* what open transactions have to end after SIGTERM */
    struct local_inject inject;  /* faults asked for */
    const char *inject_text;     /* as the command line has it, or NULL */
    enum local_stats_form stats; /* not NONE: ask a running endpoint, print, return */
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
/* Makes a directory (0700; as root 0711) with those above it, unless it is there. */
DSQL_MUST_CHECK int local_state_make_directory(const char *dir, struct dsql_error *error);
/* Drops the lock; removes an ephemeral directory. */
void local_state_close(struct local_state *state);

#endif
