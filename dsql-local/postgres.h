/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The PostgreSQL behind the endpoint: where it is found, under which user it
 * runs, its life as a child process. Blocking, but for restart() and
 * answers(), which the event loop may call. */
#ifndef DSQL_LOCAL_POSTGRES_H
#define DSQL_LOCAL_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

#include "state.h"

/* PostgreSQL refuses to run as root. */
struct local_user {
    bool other; /* than our own */
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* Our own user; as root the owner of the database that is there already, else
 * "postgres", or "nobody" where there is none. */
DSQL_MUST_CHECK int local_user_choose(struct local_user *user, const char *datadir,
                                      struct dsql_error *error);
/* In a child: 0 when this process is that user now, for good. */
int local_user_become(const struct local_user *user);
/* Gives a file to the user. 0 or -1 with errno. */
int local_user_own(const struct local_user *user, const char *path);
/* Whether the user may (access()'s mode); 0 or -1. */
int local_user_can(const struct local_user *user, const char *path, int mode);
/* Whether a process works in this directory, as a PostgreSQL does in its data. */
bool local_process_is_in(pid_t pid, const char *dir);

struct local_postgres {
    pid_t pid; /* 0: not running */
    struct local_user owner;
    char bindir[1024]; /* from which it runs: perhaps a copy that its user can read */
    char home[1100];   /* DIR/pg */
    char datadir[1100];
    char log_file[1100];
    char socket_dir[128];
    char socket_path[128];   /* SOCKET_DIR/.s.PGSQL.5432, 107 bytes at most */
    bool socket_dir_is_ours; /* under /tmp: removed at the end */
    int version;             /* major */
    bool unclean;            /* it was killed the last time */
};

/* Whether this program carries the module for a PostgreSQL of this version. */
bool local_module_exists(int version);
/* "15, 16": the versions that it carries one for. */
const char *local_module_versions(void);
/* Writes the module to where PostgreSQL looks for it (socket_dir). */
DSQL_MUST_CHECK int local_module_write(const struct local_postgres *postgres,
                                       struct dsql_error *error);

/* Finds the programs: options->postgres, DSQL_LOCAL_POSTGRES, the system's
 * (16 first, then the newest), PATH; of a version that there is a module for. Copies them where
 * their user cannot read them. Fills bindir and version. */
DSQL_MUST_CHECK int local_postgres_find(const struct local_options *options,
                                        const struct local_state *state,
                                        struct local_postgres *postgres, struct dsql_error *error);

/* Makes the cluster at the first start, starts it, waits until it answers, and
 * runs bootstrap.sql where it has not run yet. Ends an orphan of an earlier
 * run first. */
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

/* Signs in over the socket as the superuser and runs a text (may be empty).
 * 0, DSQL_E_IO when nobody answers, or DSQL_E_PROTOCOL with the server's error. */
DSQL_MUST_CHECK int local_upstream_run(const char *socket_path, const char *sql, size_t length,
                                       struct dsql_error *error);
/* Signs in as admin; the ParameterStatus messages that PostgreSQL greets with go
 * to the end of parameters. */
struct dsql__buffer;
DSQL_MUST_CHECK int local_upstream_greeting(const char *socket_path,
                                            struct dsql__buffer *parameters,
                                            struct dsql_error *error);
DSQL_MUST_CHECK int local_bootstrap(const struct local_postgres *postgres,
                                    struct dsql_error *error);

#endif
