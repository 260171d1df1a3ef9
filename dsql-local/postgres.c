/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* PostgreSQL as a child process: made by initdb, started, watched, stopped. */
#include "postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "files.h"
#include "interrupt.h"

#define START_SECONDS 120
#define STOP_SECONDS 30
#define RESTARTS 50
#define HALF "making-" /* begins the name of a database that is not whole */

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

/* --------------------------------------------------------------- its processes */

/* In the child: becomes the other user, with a clean environment, and runs. */
static void
run_as(const struct local_postgres *postgres, const char *const argv[], int output, pid_t parent)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
        local_user_become(&postgres->owner) != 0 || chdir("/") != 0) {
        _exit(126);
    }
    close_range(3, ~0U, 0);
    setsid();                        /* a terminal's Ctrl-C is for us, who then stop it in order */
    prctl(PR_SET_PDEATHSIG, SIGINT); /* fast shutdown when we are killed */
    if (parent != 0 && getppid() != parent) {
        _exit(126);
    }
    /* execve() changes neither, though its type does not say so. */
    execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
    _exit(127);
}

static pid_t
spawn(const struct local_postgres *postgres, const char *const argv[], const char *output_file)
{
    int output = open(output_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (output < 0) {
        return -1;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        run_as(postgres, argv, output, parent);
    }
    close(output);
    return pid;
}

/* The last lines of a log, for a sentence. */
static void
log_tail(const char *file, char *tail, size_t size)
{
    tail[0] = '\0';
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    off_t end = lseek(fd, 0, SEEK_END), from = end > 300 ? end - 300 : 0;
    ssize_t got = pread(fd, tail, size - 1 < 300 ? size - 1 : 300, from);
    close(fd);
    tail[got > 0 ? got : 0] = '\0';
    for (char *at = tail; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\t') {
            *at = ' ';
        }
    }
}

static int
fail_with_log(const struct local_postgres *postgres, const char *what, struct dsql_error *error)
{
    char tail[301];
    log_tail(postgres->log_file, tail, sizeof tail);
    return dsql__fail(error, DSQL_E_IO, "%s; its log ends: %s", what, tail[0] ? tail : "(empty)");
}

/* ------------------------------------------------------------------- initdb */

/* Half clusters, of starts that were killed; an initdb that still works on one
 * then has nothing to work on. True when there was none any more. */
static bool
remove_halves(const struct local_postgres *postgres)
{
    char path[PATH_MAX];
    bool none = true;
    DIR *home = opendir(postgres->home);
    for (struct dirent *entry; home != NULL && (entry = readdir(home)) != NULL;) {
        if (strncmp(entry->d_name, HALF, sizeof HALF - 1) == 0) {
            snprintf(path, sizeof path, "%s/%s", postgres->home, entry->d_name);
            local_tree_remove(path);
            none = false;
        }
    }
    if (home != NULL) {
        closedir(home);
    }
    return none;
}

static int
run_initdb(const struct local_postgres *postgres, const char *datadir, struct dsql_error *error)
{
    char program[PATH_MAX];
    int status;
    snprintf(program, sizeof program, "%s/initdb", postgres->bindir);
    const char *const argv[] = {
        program, "-D",   datadir,      "-U",        "postgres",          "-A", "trust",
        "-E",    "UTF8", "--locale=C", "--no-sync", "--no-instructions", NULL};
    pid_t pid = spawn(postgres, argv, postgres->log_file), ended = -1;
    while (pid > 0 && (ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
        kill(pid, SIGINT);
    }
    if (pid < 0 || ended != pid) {
        return dsql__fail(error, DSQL_E_IO, "cannot run %.200s: %s", program, strerror(errno));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return fail_with_log(postgres, "initdb could not make the database", error);
    }
    return 0;
}

/* Made beside its place: what stands at datadir is a whole one. The name is new
 * each time, since an initdb whose dsql-local was killed clears its own away. */
static int
make_cluster(const struct local_postgres *postgres, struct dsql_error *error)
{
    char half[PATH_MAX];
    if (isatty(STDERR_FILENO)) {
        fputs("dsql-local: making the database (first start) ...\n", stderr);
    }
    for (int tries = 0; tries < STOP_SECONDS * 50 && !remove_halves(postgres); tries++) {
        nap();
    }
    snprintf(half, sizeof half, "%s/" HALF "XXXXXX", postgres->home);
    if (mkdtemp(half) == NULL || local_user_own(&postgres->owner, half) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make %.300s: %s", half, strerror(errno));
    }
    int failure = run_initdb(postgres, half, error);
    if (failure == 0 && rename(half, postgres->datadir) != 0) {
        failure = dsql__fail(error, DSQL_E_IO, "cannot make %.300s: %s", postgres->datadir,
                             strerror(errno));
    }
    if (failure != 0) {
        local_tree_remove(half);
    }
    return failure;
}

/* Settings that stand behind the service's ways; later ones win. */
static int
write_settings(const struct local_postgres *postgres, const struct local_options *options,
               bool ephemeral, struct dsql_error *error)
{
    char path[PATH_MAX], text[2048];
    snprintf(path, sizeof path, "%s/postgresql.auto.conf", postgres->datadir);
    int length =
        snprintf(text, sizeof text,
                 "# GENERATED by dsql-local at each start; do not edit\n"
                 "listen_addresses = ''\n"
                 "unix_socket_directories = '%s'\n"
                 "unix_socket_permissions = 0700\n"
                 "max_connections = 1100\n"
                 "shared_buffers = 64MB\n"
                 "shared_preload_libraries = 'dsql_local'\n"
                 "dynamic_library_path = '%s:$libdir'\n"
                 "default_table_access_method = 'btree_table'\n"
                 "max_parallel_workers_per_gather = 0\n" /* a worker does not know the overlay */
                 "max_parallel_maintenance_workers = 0\n"
                 "default_transaction_isolation = 'repeatable read'\n"
                 "timezone = 'UTC'\n"
                 "log_timezone = 'UTC'\n"
                 "deadlock_timeout = '100ms'\n" /* after which autovacuum gives way to DDL, too */
                 "client_connection_check_interval = '1s'\n"
                 "autovacuum_naptime = '30s'\n"
                 "jit = off\n"
                 "temp_file_limit = '131072kB'\n"
                 "dsql_local.max_transaction_age = '%ds'\n"
                 "max_wal_size = '256MB'\n"
                 "log_min_messages = fatal\n"
                 "log_min_error_statement = panic\n"
                 "%s",
                 postgres->socket_dir, postgres->socket_dir, options->transaction_age_s,
                 ephemeral ? "fsync = off\nfull_page_writes = off\n" : "");
    int failure = local_file_write(path, text, (size_t)length, 0600, error);
    if (failure == 0 && local_user_own(&postgres->owner, path) != 0) {
        failure = dsql__fail(error, DSQL_E_IO, "cannot give %.200s to user %s", path,
                             postgres->owner.name);
    }
    return failure;
}

static int
check_version(const struct local_postgres *postgres, struct dsql_error *error)
{
    char path[PATH_MAX], line[32];
    snprintf(path, sizeof path, "%s/PG_VERSION", postgres->datadir);
    local_file_line(path, line, sizeof line);
    if (atoi(line) == postgres->version) {
        return 0;
    }
    return dsql__fail(error, DSQL_E_IO,
                      "the data in %.200s is of PostgreSQL %s but %.200s is version %d: give the "
                      "right one with --postgres, or another directory with --data",
                      postgres->datadir, line, postgres->bindir, postgres->version);
}

/* ----------------------------------------------------------------- the server */

/* The number in a lock file is another process's by now, or of one that has
 * ended and that nobody buries; PostgreSQL would take either for a server. */
static void
remove_locks(const struct local_postgres *postgres, const char *pid_file)
{
    char lock[PATH_MAX];
    snprintf(lock, sizeof lock, "%s.lock", postgres->socket_path);
    unlink(pid_file);
    unlink(lock);
}

/* A server of an earlier run whose dsql-local was killed: it has the signal to
 * end already; wait for it, and insist. */
static int
end_orphan(struct local_postgres *postgres, struct dsql_error *error)
{
    char path[PATH_MAX], line[32];
    snprintf(path, sizeof path, "%s/postmaster.pid", postgres->datadir);
    for (int tries = 0; tries < STOP_SECONDS * 50; tries++) {
        local_file_line(path, line, sizeof line);
        pid_t pid = (pid_t)atol(line);
        postgres->unclean |= line[0] != '\0';
        if (pid <= 1 || !local_process_is_in(pid, postgres->datadir)) {
            remove_locks(postgres, path);
            return 0;
        }
        kill(pid, tries < STOP_SECONDS * 25 ? SIGINT : SIGQUIT);
        nap();
    }
    return dsql__fail(error, DSQL_E_IO,
                      "a PostgreSQL of an earlier run (process %s) does not end: end it by hand",
                      line);
}

static int
start_server(struct local_postgres *postgres, struct dsql_error *error)
{
    char program[PATH_MAX];
    snprintf(program, sizeof program, "%s/postgres", postgres->bindir);
    const char *const argv[] = {program, "-D", postgres->datadir, NULL};
    postgres->pid = spawn(postgres, argv, postgres->log_file);
    if (postgres->pid < 0) {
        postgres->pid = 0;
        return dsql__fail(error, DSQL_E_IO, "cannot start %.200s: %s", program, strerror(errno));
    }
    return 0;
}

bool
local_postgres_answers(const struct local_postgres *postgres)
{
    return local_upstream_run(postgres->socket_path, "", 0, NULL) == 0;
}

static int
wait_until_ready(struct local_postgres *postgres, struct dsql_error *error)
{
    int status;
    for (int tries = 0; tries < START_SECONDS * 50; tries++) {
        if (waitpid(postgres->pid, &status, WNOHANG) == postgres->pid) {
            postgres->pid = 0;
            return fail_with_log(postgres, "PostgreSQL could not be started", error);
        }
        if (local_postgres_answers(postgres)) {
            return 0;
        }
        if (local_interrupted()) {
            return dsql__fail(error, DSQL_E_IO, "interrupted");
        }
        nap();
    }
    return fail_with_log(postgres, "PostgreSQL did not become ready within two minutes", error);
}

int
local_postgres_restart(struct local_postgres *postgres, struct dsql_error *error)
{
    return start_server(postgres, error);
}

void
local_postgres_stop(struct local_postgres *postgres)
{
    int status;
    for (int tries = 0; postgres->pid > 0 && tries < STOP_SECONDS * 50; tries++) {
        if (tries == STOP_SECONDS * 25) {
            kill(postgres->pid, SIGQUIT); /* at once; recovery happens at the next start */
        } else if (tries % 10 == 0) {
            /* Fast: rolls back, checkpoints, ends. Said again, since a child that
             * has not become PostgreSQL yet does not hear it. */
            kill(postgres->pid, SIGINT);
        }
        if (waitpid(postgres->pid, &status, WNOHANG) == postgres->pid) {
            postgres->pid = 0;
            break;
        }
        nap();
    }
    if (postgres->socket_dir_is_ours && postgres->socket_dir[0] != '\0') {
        local_tree_remove(postgres->socket_dir);
    }
}

/* ----------------------------------------------------------------- the whole */

/* In the data directory, unless the path is too long for a socket or holds what
 * means something in PostgreSQL's settings. */
static int
make_socket_place(struct local_postgres *postgres, struct dsql_error *error)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
    char *dir = postgres->socket_dir;
    int length = snprintf(dir, sizeof postgres->socket_dir, "%s/socket", postgres->home);
    bool made;
    if (length + sizeof "/.s.PGSQL.5432" > 107 || postgres->home[strspn(postgres->home, plain)]) {
        snprintf(dir, sizeof postgres->socket_dir, "/tmp/dsql-local-XXXXXX");
        made = postgres->socket_dir_is_ours = mkdtemp(dir) != NULL;
    } else {
        made = mkdir(dir, 0700) == 0 || errno == EEXIST;
    }
    if (!made || local_user_own(&postgres->owner, dir) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make %.100s: %s", dir, strerror(errno));
    }
    snprintf(postgres->socket_path, sizeof postgres->socket_path, "%.90s/.s.PGSQL.5432", dir);
    return 0;
}

/* PostgreSQL's part of the data directory, owned by its user. */
static int
make_places(const struct local_state *state, struct local_postgres *postgres,
            struct dsql_error *error)
{
    snprintf(postgres->home, sizeof postgres->home, "%s/pg", state->dir);
    snprintf(postgres->datadir, sizeof postgres->datadir, "%s/pg/data", state->dir);
    snprintf(postgres->log_file, sizeof postgres->log_file, "%s/postgres.log", state->dir);
    int failure = local_user_choose(&postgres->owner, postgres->datadir, error);
    if (failure != 0) {
        return failure;
    }
    if ((mkdir(postgres->home, 0700) != 0 && errno != EEXIST) ||
        local_user_own(&postgres->owner, postgres->home) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make %.300s: %s", postgres->home,
                          strerror(errno));
    }
    if (local_user_can(&postgres->owner, postgres->home, W_OK) != 0) {
        return dsql__fail(error, DSQL_E_IO,
                          "the user %s, under whom PostgreSQL runs, cannot reach %.200s: choose a "
                          "directory outside of private homes with --data",
                          postgres->owner.name, state->dir);
    }
    return make_socket_place(postgres, error);
}

/* Finds the programs, and makes the database unless it is there. */
static int
prepare(const struct local_options *options, const struct local_state *state,
        struct local_postgres *postgres, struct dsql_error *error)
{
    int failure = make_places(state, postgres, error);
    if (failure == 0) {
        failure = local_postgres_find(options, state, postgres, error);
    }
    if (failure != 0) {
        return failure;
    }
    failure = local_module_write(postgres, error);
    if (failure != 0) {
        return failure;
    }
    failure = access(postgres->datadir, F_OK) == 0 ? check_version(postgres, error)
                                                   : make_cluster(postgres, error);
    if (failure == 0) {
        failure = end_orphan(postgres, error);
    }
    return failure ? failure : write_settings(postgres, options, state->ephemeral, error);
}

int
local_postgres_start(const struct local_options *options, const struct local_state *state,
                     struct local_postgres *postgres, struct dsql_error *error)
{
    *postgres = (struct local_postgres){0};
    int failure = prepare(options, state, postgres, error);
    if (failure != 0) {
        return failure;
    }
    /* A killed server's processes may take a moment to see it, and until then
     * the next one does not start. */
    int tries = postgres->unclean ? RESTARTS : 1;
    do {
        failure = start_server(postgres, error);
        if (failure == 0) {
            failure = wait_until_ready(postgres, error);
        }
    } while (failure != 0 && postgres->pid == 0 && --tries > 0 && !local_interrupted());
    return failure ? failure : local_bootstrap(postgres, error);
}
