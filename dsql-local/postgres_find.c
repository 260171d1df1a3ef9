/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where PostgreSQL's programs are, which version they are, and a copy of them
 * for a user who cannot read them (a virtual environment in a private home). */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "files.h"
#include "postgres.h"

#define SYSTEM_PLACE "/usr/lib/postgresql"
#define PREFERRED_VERSION 16

static bool
has_programs(const char *bindir)
{
    static const char *const programs[] = {"initdb", "postgres"};
    char path[PATH_MAX];
    struct stat facts;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", bindir, programs[i]);
        if (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode)) {
            return false;
        }
    }
    return true;
}

/* Reads "postgres (PostgreSQL) 16.14" from the program itself. */
static int
ask_version(const char *bindir)
{
    char path[PATH_MAX], line[128] = "";
    int ends[2], status;
    snprintf(path, sizeof path, "%s/postgres", bindir);
    if (pipe(ends) != 0) {
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = {path, (char[]){"--version"}, NULL};
        char *const environment[] = {(char[]){"LC_ALL=C"}, NULL};
        dup2(ends[1], 1);
        close_range(3, ~0U, 0);
        execve(path, argv, environment);
        _exit(127);
    }
    close(ends[1]);
    size_t have = 0;
    ssize_t got;
    while (pid > 0 && have < sizeof line - 1 &&
           (got = read(ends[0], line + have, sizeof line - 1 - have)) > 0) {
        have += (size_t)got;
    }
    close(ends[0]);
    if (pid > 0) {
        waitpid(pid, &status, 0);
    }
    static const char word[] = "(PostgreSQL) ";
    const char *number = strstr(line, word);
    return number ? atoi(number + sizeof word - 1) : 0;
}

static bool
take(const char *bindir, struct local_postgres *postgres)
{
    if (!has_programs(bindir)) {
        return false;
    }
    postgres->version = ask_version(bindir);
    if (postgres->version == 0) {
        return false;
    }
    snprintf(postgres->bindir, sizeof postgres->bindir, "%s", bindir);
    return true;
}

/* Debian and Ubuntu keep every version in a folder of its own. */
static bool
take_system(struct local_postgres *postgres)
{
    char bindir[PATH_MAX];
    int best = 0;
    DIR *place = opendir(SYSTEM_PLACE);
    for (struct dirent *entry; place != NULL && (entry = readdir(place)) != NULL;) {
        int version = atoi(entry->d_name);
        snprintf(bindir, sizeof bindir, SYSTEM_PLACE "/%s/bin", entry->d_name);
        if (local_module_exists(version) && has_programs(bindir) && best != PREFERRED_VERSION &&
            (version == PREFERRED_VERSION || version > best)) {
            best = version;
        }
    }
    if (place != NULL) {
        closedir(place);
    }
    snprintf(bindir, sizeof bindir, SYSTEM_PLACE "/%d/bin", best);
    return best > 0 && take(bindir, postgres);
}

static bool
take_path(struct local_postgres *postgres)
{
    const char *path = getenv("PATH");
    char *copy = path ? strdup(path) : NULL, *rest = copy;
    bool found = false;
    while (!found && rest != NULL) {
        const char *folder = strsep(&rest, ":");
        found =
            folder[0] == '/' && take(folder, postgres) && local_module_exists(postgres->version);
    }
    free(copy);
    return found;
}

/* Copies bin, lib and share of the prefix that bindir lies in, to copied below
 * to. A wheel keeps the libraries of its programs in PACKAGE.libs, beside the
 * package that holds the prefix, and the programs look for them three folders
 * up: the copy is as deep. */
static int
copy_prefix(const char *bindir, const char *to, const char *copied, struct dsql_error *error)
{
    static const char *const parts[] = {"bin", "lib", "share"};
    char package[PATH_MAX], source[PATH_MAX], target[PATH_MAX];
    snprintf(target, sizeof target, "%.1000s/package", to);
    if (mkdir(to, 0755) != 0 || mkdir(target, 0755) != 0 || mkdir(copied, 0755) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make %.300s: %s", copied, strerror(errno));
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(source, sizeof source, "%.2000s/../%s", bindir, parts[i]);
        snprintf(target, sizeof target, "%.2000s/%s", copied, parts[i]);
        int failure = local_tree_copy(source, target, error);
        if (failure != 0) {
            return failure;
        }
    }
    snprintf(source, sizeof source, "%.2000s/../..", bindir);
    if (realpath(source, package) == NULL) {
        return 0;
    }
    snprintf(source, sizeof source, "%.2000s.libs", package);
    snprintf(target, sizeof target, "%.1000s%.1000s.libs", to, strrchr(package, '/'));
    return access(source, R_OK) == 0 ? local_tree_copy(source, target, error) : 0;
}

/* A copy below the data directory, once for each version of the original. */
static int
copy_for_user(const struct local_state *state, struct local_postgres *postgres,
              struct dsql_error *error)
{
    char from[PATH_MAX], to[PATH_MAX], done[PATH_MAX], line[PATH_MAX], said[PATH_MAX];
    char copied[PATH_MAX];
    struct stat facts;
    if (realpath(postgres->bindir, from) == NULL || stat(from, &facts) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot read %.300s: %s", postgres->bindir,
                          strerror(errno));
    }
    snprintf(said, sizeof said, "%.2000s %lld", from, (long long)facts.st_mtime);
    snprintf(to, sizeof to, "%s/postgresql-%d", state->dir, postgres->version);
    snprintf(done, sizeof done, "%.2000s/copied-from", to);
    snprintf(copied, sizeof copied, "%.1000s/package/prefix", to);
    local_file_line(done, line, sizeof line);
    if (strcmp(line, said) != 0) {
        local_tree_remove(to);
        int failure = copy_prefix(from, to, copied, error);
        if (failure == 0) {
            failure = local_file_write(done, said, strlen(said), 0644, error);
        }
        if (failure != 0) {
            return failure;
        }
    }
    snprintf(postgres->bindir, sizeof postgres->bindir, "%.1000s/bin", copied);
    return 0;
}

static int
find(const struct local_options *options, struct local_postgres *postgres, struct dsql_error *error)
{
    const char *named = getenv("DSQL_LOCAL_POSTGRES");
    if (options->postgres != NULL) {
        if (take(options->postgres, postgres)) {
            return 0;
        }
        return dsql__fail(error, DSQL_E_IO,
                          "there are no working initdb and postgres in %.300s: give the folder "
                          "that holds both with --postgres",
                          options->postgres);
    }
    if ((named != NULL && *named != '\0' && take(named, postgres)) || take_system(postgres) ||
        take_path(postgres)) {
        return 0;
    }
    return dsql__fail(
        error, DSQL_E_IO,
        "no PostgreSQL %s is installed: pip install \"aurora-dsql-sqlalchemy[local]\", "
        "or apt-get install postgresql, or name its folder with --postgres",
        local_module_versions());
}

int
local_postgres_find(const struct local_options *options, const struct local_state *state,
                    struct local_postgres *postgres, struct dsql_error *error)
{
    char program[PATH_MAX];
    int failure = find(options, postgres, error);
    if (failure != 0) {
        return failure;
    }
    snprintf(program, sizeof program, "%s/postgres", postgres->bindir);
    if (local_user_can(&postgres->owner, program, X_OK) != 0) {
        return copy_for_user(state, postgres, error);
    }
    return 0;
}
