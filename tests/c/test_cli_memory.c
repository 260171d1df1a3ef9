/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The command dsql while memory runs out, at each allocation in turn: it says so,
 * by its exit status too, and what programs read of it stays whole. */
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "json.h"

#include "check.h"
#include "failing.h"
#include "server.h"

/* ------------------------------------------------------------ the server's jobs */

static atomic_bool over; /* the job */

static void
put_text(struct dsql__buffer *out, const char *text)
{
    dsql__put_int32(out, (int32_t)strlen(text));
    dsql__buffer_put(out, text, strlen(text));
}

/* A row of texts; ping takes its first for the time of day. */
static void
put_result(struct dsql__buffer *out)
{
    const char *const values[] = {"1800000000",  over ? "completed" : "processing",
                                  "INDEX_BUILD", "public.i",
                                  "start",       "update",
                                  "details"};
    const int16_t count = sizeof values / sizeof values[0];
    size_t mark = dsql__message_begin(out, 'T');
    dsql__put_int16(out, count);
    for (int i = 0; i < count; i++) {
        static const char rest[] = "\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
        dsql__put_string(out, "column");
        dsql__buffer_put(out, rest, sizeof rest - 1);
    }
    dsql__message_end(out, mark);
    mark = dsql__message_begin(out, 'D');
    dsql__put_int16(out, count);
    for (int i = 0; i < count; i++) {
        put_text(out, values[i]);
    }
    dsql__message_end(out, mark);
}

/* Every query has the same answer, up to the end of the connection. */
static void
serve(struct server *server, struct peer *peer)
{
    struct dsql__message message;
    bool going = peer_greet(server, peer) && peer_ask(peer, NULL) && peer_welcome(peer);
    while (going && peer_read(peer, false, &message) && message.type != 'X') {
        bool last = message.type == 'S';
        dsql__buffer_consume(&peer->read, message.total);
        if (last) {
            struct dsql__buffer out = {0};
            dsql__message_put_empty(&out, '1');
            dsql__message_put_empty(&out, '2');
            put_result(&out);
            size_t mark = dsql__message_begin(&out, 'C');
            dsql__put_string(&out, "SELECT 1");
            dsql__message_end(&out, mark);
            mark = dsql__message_begin(&out, 'Z');
            dsql__put_byte(&out, 'I');
            dsql__message_end(&out, mark);
            going = peer_send(peer, dsql__buffer_begin(&out), dsql__buffer_length(&out));
            dsql__buffer_clear(&out);
        }
    }
}

static struct server server = {.serve = serve};

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_dsql_conn_is_alive(struct dsql_conn *conn);

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)time;
    (void)left;
    return 0;
}

/* Each wait has been so long that the connection ended. */
int
__wrap_dsql_conn_is_alive(struct dsql_conn *conn)
{
    (void)conn;
    over = true;
    return 0;
}

/* ------------------------------------------------------------------ the command */

static char printed[1 << 17], complained[4096];

/* Text and complaints go into files meanwhile. */
static int
run_command(const struct cli_command *command, int argc, char **argv)
{
    FILE *files[2] = {tmpfile(), tmpfile()};
    char *texts[2] = {printed, complained};
    const size_t sizes[2] = {sizeof printed, sizeof complained};
    int kept[2], status;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        kept[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    status = command->run(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i + 1);
        close(kept[i]);
        ssize_t got = pread(fileno(files[i]), texts[i], sizes[i] - 1, 0);
        texts[i][got > 0 ? got : 0] = '\0';
        fclose(files[i]);
    }
    return status;
}

/* 0, or DSQL_E_NOMEM when that is what it says. */
static int
call(const struct cli_command *command, const char *const *arguments, int good)
{
    char texts[20][100], *argv[21];
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", arguments[argc]);
        argv[argc] = texts[argc];
    }
    argv[argc] = NULL;
    int status = run_command(command, argc, argv);
    if (status == good) {
        return 0;
    }
    if (strstr(complained, "memory") != NULL || strstr(printed, "DSQL_E_NOMEM") != NULL) {
        return DSQL_E_NOMEM;
    }
    fprintf(stderr, "%s: %d: %s%s\n", command->program, status, complained, printed);
    return DSQL_E_STATE;
}

static void
check_json(void)
{
    struct dsql__json value;
    CHECK(dsql__json_parse(printed, strlen(printed), &value) == 0);
}

/* Options of a connection to the server here. */
static int
call_at_server(const struct cli_command *command, const char *option, const char *another)
{
    char port[20], ca_file[80];
    const char *const arguments[] = {command->name, port,   ca_file, "--hostaddr=127.0.0.1",
                                     "localhost",   option, another, NULL};
    snprintf(port, sizeof port, "--port=%d", server.port);
    snprintf(ca_file, sizeof ca_file, "--ca-file=%s", server.ca_file);
    return call(command, arguments, CLI_GOOD);
}

/* -------------------------------------------------------------------- subcommands */

static int
token(void)
{
    static const char *const arguments[] = {"token", "abcdefghijklmnopqrstuvwxyz", "--profile=p",
                                            "--json", NULL};
    int result = call(&cli_token, arguments, CLI_GOOD);
    if (result != 0) {
        CHECK_TEXT(printed, "");
    }
    return result;
}

static void
token_is_printed_whole_or_not_at_all(void)
{
    fail_each(token, 25);
    check_json();
}

static int
psql(void)
{
    static const char *const arguments[] = {"psql", "abcdefghijklmnopqrstuvwxyz", "--profile=p",
                                            "--ca-file=/none", NULL};
    return call(&cli_psql, arguments, 127);
}

static void
psql_is_not_run_without_a_token(void)
{
    fail_each(psql, 25);
    CHECK(strstr(complained, "psql is not installed") != NULL);
}

static int
ping(void)
{
    return call_at_server(&cli_ping, "--profile=p", NULL);
}

static int
ping_json(void)
{
    int result = call_at_server(&cli_ping, "--profile=p", "--json");
    check_json();
    return result;
}

static void
ping_names_memory_as_the_cause(void)
{
    server_start(&server, "localhost");
    CHECK(ping() == 0); /* the authorities are kept from here on */
    fail_each(ping, 30);
    until_failure = 0;
    CHECK(ping() == DSQL_E_NOMEM);
    until_failure = -1;
    CHECK(strstr(complained, "likely cause: this process may not have more memory") != NULL);
    fail_each(ping_json, 30);
    server_stop(&server);
}

static int
jobs(void)
{
    over = false;
    int result = call_at_server(&cli_jobs, "--wait", "--json");
    if (result != 0) {
        CHECK_TEXT(printed, "");
    }
    return result;
}

static void
jobs_are_waited_for_over_connections_or_not_at_all(void)
{
    server_start(&server, "localhost");
    fail_each(jobs, 60);
    CHECK(strstr(printed, "\"status\": \"completed\"") != NULL);
    check_json();
    server_stop(&server);
}

/* --------------------------------------------------------------------------- check */

/* On standard input, longer than what is taken at first: statements that are
 * refused, and ones with variables. */
static int
check(const char *option)
{
    static const char script[] = "CREATE INDEX i ON t (a);\nTRUNCATE t;\nSELECT 1 FROM :table;\n"
                                 "CREATE TABLE t (a numeric STORAGE main);\nINSERT :x;\n";
    static char text[70000];
    const char *const arguments[] = {"check", "-", option, NULL};
    int ends[2], kept = dup(STDIN_FILENO);
    memset(text, ' ', sizeof text);
    memcpy(text, script, sizeof script - 1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(write(ends[0], text, sizeof text) == (ssize_t)sizeof text);
    close(ends[0]);
    dup2(ends[1], STDIN_FILENO);
    close(ends[1]);
    int result = call(&cli_check, arguments, CLI_FAILED);
    dup2(kept, STDIN_FILENO);
    close(kept);
    return result;
}

static int
check_words(void)
{
    return check(NULL);
}

static int
check_objects(void)
{
    int result = check("--json");
    check_json();
    return result;
}

static void
check_says_that_it_did_not_read_all(void)
{
    fail_each(check_words, 15);
    CHECK(strstr(printed, "5 statements, 2 refused, 2 warnings\n") != NULL);
    fail_each(check_objects, 15);
}

/* ---------------------------------------------------------------------------- */

static void
make_file(char *path, const char *variable, const char *text)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    setenv(variable, path, 1);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(token_is_printed_whole_or_not_at_all),
        TEST(psql_is_not_run_without_a_token),
        TEST(ping_names_memory_as_the_cause),
        TEST(jobs_are_waited_for_over_connections_or_not_at_all),
        TEST(check_says_that_it_did_not_read_all),
    };
    char config[] = "/tmp/dsql-test-config-XXXXXX", keys[] = "/tmp/dsql-test-keys-XXXXXX";
    make_file(config, "AWS_CONFIG_FILE", "[profile p]\nregion = eu-west-1\n");
    make_file(keys, "AWS_SHARED_CREDENTIALS_FILE",
              "[p]\naws_access_key_id = A\naws_secret_access_key = S\n"
              "[default]\naws_access_key_id = A\naws_secret_access_key = S\n");
    setenv("PATH", "/nowhere", 1);
    unsetenv("DSQL_LOCAL_POSTGRES");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_PROFILE");
    int failed = RUN(tests);
    unlink(config);
    unlink(keys);
    return failed;
}
