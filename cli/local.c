/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql local: starts and stops the user's local endpoints, and looks after them. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "directory.h"
#include "error.h"
#include "files.h"
#include "json_write.h"

#define STOP_SECONDS 120
#define NAPS_PER_SECOND 50

enum { OPTION_DATA = CLI_OWN_OPTIONS, OPTION_JSON, OPTION_NOW, OPTION_FOLLOW, OPTION_POSTGRES };

static const char usage[] =
    "usage: dsql local start [options of dsql-local]\n"
    "       dsql local status|stop|reset|logs [options]\n"
    "The local endpoint that answers as Aurora DSQL does: start it, unless it runs,\n"
    "and leave it running; tell where it is; stop it; begin anew without its data;\n"
    "show what it said.\n"
    "\n"
    "  --data DIR               the endpoint of this directory, not the user's own\n"
    "  --json                   status: one JSON object: running, pid, host, port,\n"
    "                           cluster, region, ca, credentials, data\n"
    "  --now                    stop, reset: end open transactions at once\n"
    "  --follow                 logs: go on as it says more\n"
    "  --postgres               logs: those of its PostgreSQL\n"
    "\n"
    "reset stops the endpoint and removes its database; keys and certificates stay,\n"
    "so that clients need no other settings.\n"
    "Examples: dsql local start --job-delay 2000\n"
    "          dsql local logs --follow\n"
    "Exit status: 0 done, 1 not, or status: it does not run; 2 usage\n";

struct local_command {
    const char *data;
    bool json, now, follow, postgres;
    char dir[1024];
    pid_t pid; /* of the endpoint; 0: it does not run */
};

/* The process that listens in the directory, by the kernel's word; 0: nobody. */
static pid_t
find_process(const char *dir)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (!local_is_served(dir)) {
        return 0;
    }
    int fd = local_stats_socket_of(dir, false);
    if (fd >= 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
            peer.pid = 0;
        }
        close(fd);
    }
    return peer.pid;
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000000L / NAPS_PER_SECOND}, NULL);
}

/* --------------------------------------------------------------------- status */

static bool
read_ready(const struct local_command *command, struct cli_ready *local)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/ready", command->dir);
    local_file_line(path, local->line, sizeof local->line - 1);
    return cli_local_parse(local, NULL) == 0;
}

static void
print_json(const struct local_command *command, const struct cli_ready *local)
{
    bool running = local != NULL;
    printf("{\"running\": %s", running ? "true" : "false");
    if (running) {
        json_number_member(stdout, ", ", "pid", command->pid);
        json_text_member(stdout, ", ", "host", local->host);
        json_number_member(stdout, ", ", "port", local->port);
        json_text_member(stdout, ", ", "cluster", local->cluster);
        json_text_member(stdout, ", ", "region", local->region);
        json_text_member(stdout, ", ", "ca", local->ca);
        json_text_member(stdout, ", ", "credentials", local->credentials);
    }
    json_text_member(stdout, ", ", "data", command->dir);
    puts("}");
}

static int
status_of(struct local_command *command)
{
    struct cli_ready local;
    bool running = command->pid > 0 && read_ready(command, &local);
    if (command->json) {
        print_json(command, running ? &local : NULL);
    } else if (running) {
        printf("running      process %ld\n"
               "host         %s, port %d\n"
               "cluster      %s, region %s\n"
               "ca           %s\n"
               "credentials  %s\n"
               "data         %s\n",
               (long)command->pid, local.host, local.port, local.cluster, local.region, local.ca,
               local.credentials, command->dir);
    } else {
        printf("not running  %s\n", command->dir);
    }
    return running ? CLI_GOOD : CLI_FAILED;
}

/* ---------------------------------------------------------------- stop, reset */

static int
stop(struct local_command *command, struct dsql_error *error)
{
    if (command->pid == 0) {
        return local_is_served(command->dir)
                   ? dsql__fail(error, DSQL_E_STATE,
                                "the endpoint of %.300s is starting: try again", command->dir)
                   : 0;
    }
    int killed = kill(command->pid, SIGTERM);
    if (killed == 0 && command->now) {
        nap(); /* two signals at a time would be one */
        kill(command->pid, SIGTERM);
    }
    if (killed != 0 && errno != ESRCH) {
        return dsql__fail(error, DSQL_E_IO, "process %ld cannot be ended: %s", (long)command->pid,
                          strerror(errno));
    }
    for (int naps = 0; local_is_served(command->dir); naps++) {
        if (naps >= STOP_SECONDS * NAPS_PER_SECOND) {
            return dsql__fail(error, DSQL_E_TIMEOUT,
                              "process %ld did not end within %d s; see dsql local logs",
                              (long)command->pid, STOP_SECONDS);
        }
        nap();
    }
    return 0;
}

static int
stop_it(struct local_command *command)
{
    struct dsql_error error = {0};
    if (stop(command, &error) != 0) {
        return cli_complain(&cli_local, &error);
    }
    puts(command->pid > 0 ? "stopped" : "was not running");
    return CLI_GOOD;
}

/* Nobody starts an endpoint while its database is being removed. */
static int
take_lock(const char *dir, int *fd, struct dsql_error *error)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/lock", dir);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT) {
        return 0; /* there never was an endpoint */
    }
    if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        return dsql__fail(error, DSQL_E_IO, "the data directory %.300s cannot be taken: %s", dir,
                          strerror(errno));
    }
    return 0;
}

static int
reset(struct local_command *command)
{
    char path[1100];
    int fd = -1;
    struct dsql_error error = {0};
    int failure = stop(command, &error);
    if (failure == 0) {
        failure = take_lock(command->dir, &fd, &error);
    }
    if (failure == 0 && fd >= 0) {
        snprintf(path, sizeof path, "%s/pg", command->dir);
        local_tree_remove(path);
        if (access(path, F_OK) == 0) {
            failure = dsql__fail(&error, DSQL_E_IO, "%.300s could not be removed", path);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (failure != 0) {
        return cli_complain(&cli_local, &error);
    }
    puts("reset: the next start begins with an empty database");
    return CLI_GOOD;
}

/* ---------------------------------------------------------------- start, logs */

static int
complain_of(const char *program)
{
    fprintf(stderr, "dsql local: %s cannot be run: %s\n", program, strerror(errno));
    return CLI_FAILED;
}

/* The options are dsql-local's own, which knows what is wrong with them. */
static int
start(int argc, char **argv)
{
    char path[PATH_MAX];
    static char name[] = "dsql-local", background[] = "--background";
    char *arguments[64] = {name, background};
    struct dsql_error error = {0};
    if (argc > 60) {
        arguments_bad(cli_local.program, "too many arguments");
        return CLI_USAGE;
    }
    memcpy(arguments + 2, argv, (size_t)argc * sizeof *argv);
    if (cli_local_program(path, &error) != 0) {
        return cli_complain(&cli_local, &error);
    }
    execv(path, arguments);
    return complain_of(path);
}

static int
logs(struct local_command *command)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", command->dir, command->postgres ? "postgres.log" : "log");
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "dsql local: %s: %s%s\n", path, strerror(errno),
                command->postgres ? "" : "; only endpoints in the background write it");
        return CLI_FAILED;
    }
    if (command->follow) {
        execlp("tail", "tail", "-n", "200", "-F", path, (char *)NULL);
    } else {
        execlp("cat", "cat", path, (char *)NULL);
    }
    return complain_of(command->follow ? "tail" : "cat");
}

/* ----------------------------------------------------------------- the command */

static int
take(int option, const char *value, void *context)
{
    struct local_command *command = context;
    if (option == OPTION_DATA) {
        command->data = value;
        return *value != '\0' ? 0 : arguments_bad(cli_local.program, "--data has an empty value");
    }
    command->json |= option == OPTION_JSON;
    command->now |= option == OPTION_NOW;
    command->follow |= option == OPTION_FOLLOW;
    command->postgres |= option == OPTION_POSTGRES;
    return 0;
}

static int
act(const char *action, struct local_command *command)
{
    static const struct {
        const char *name;
        int (*run)(struct local_command *command);
    } actions[] = {{"status", status_of}, {"stop", stop_it}, {"reset", reset}, {"logs", logs}};
    struct dsql_error error = {0};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, action) == 0) {
            if (local_state_directory(command->data, command->dir, sizeof command->dir, &error) !=
                0) {
                return cli_complain(&cli_local, &error);
            }
            command->pid = find_process(command->dir);
            return actions[i].run(command);
        }
    }
    arguments_bad(cli_local.program,
                  strcmp(action, "start") == 0 ? "\"%s\" comes before its options"
                                               : "there is no action \"%s\"",
                  action);
    return CLI_USAGE;
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {
        {"data", required_argument, NULL, OPTION_DATA},
        {"json", no_argument, NULL, OPTION_JSON},
        {"now", no_argument, NULL, OPTION_NOW},
        {"follow", no_argument, NULL, OPTION_FOLLOW},
        {"postgres", no_argument, NULL, OPTION_POSTGRES},
        {0},
    };
    struct local_command command = {0};
    struct cli_reader reader = {&cli_local, known, false, take, &command, NULL};
    int status;
    if (argc > 1 && strcmp(argv[1], "start") == 0) {
        return start(argc - 2, argv + 2);
    }
    if (cli_read(&reader, argc, argv, &status) != 0) {
        return status;
    }
    if (optind + 1 != argc) {
        arguments_bad(cli_local.program, optind < argc
                                             ? "one at a time"
                                             : "say what to do: start, status, stop, reset, logs");
        return CLI_USAGE;
    }
    return act(argv[optind], &command);
}

const struct cli_command cli_local = {
    .name = "local",
    .program = "dsql local",
    .summary = "start, stop and look after local endpoints",
    .usage = usage,
    .run = run,
};
