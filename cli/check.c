/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql check: which statements of SQL files Aurora DSQL refuses. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define FIRST_BYTES ((size_t)1 << 16)

enum { OPTION_JSON = CLI_OWN_OPTIONS, OPTION_QUIET, OPTION_SINGLE };

static const char usage[] =
    "usage: dsql check [options] FILE...\n"
    "Reads SQL files, or standard input as -, and tells which statements Aurora DSQL\n"
    "refuses: line, column, its words, and what to write instead. Asks no database.\n"
    "\n"
    "  --single-transaction     each file runs in one transaction (psql -1, and many\n"
    "                           migration tools)\n"
    "  --json                   one JSON object: files, their findings, and counts\n"
    "  --quiet                  no line of counts at the end\n"
    "\n"
    "In scripts for psql, commands that begin with a backslash and the data of COPY\n"
    "are passed over; a file that \\i includes is not read, which is a warning.\n"
    "One DDL statement a transaction, and no rows beside it, is looked at from BEGIN\n"
    "to COMMIT; 3,000 rows, as far as VALUES and COPY show them.\n"
    "Example: dsql check migrations/*.sql\n"
    "Exit status: 0 nothing is refused, 1 something is, 2 usage or unreadable file\n";

static int
take(int option, const char *value, void *context)
{
    struct check_options *options = context;
    (void)value;
    options->json |= option == OPTION_JSON;
    options->quiet |= option == OPTION_QUIET;
    options->single_transaction |= option == OPTION_SINGLE;
    return 0;
}

/* To the end of the file; NULL with errno. */
static char *
read_all(int fd, size_t *length)
{
    struct stat facts;
    size_t size = FIRST_BYTES;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0) {
        size = (size_t)facts.st_size + 1;
    }
    char *text = malloc(size);
    *length = 0;
    while (text != NULL) {
        ssize_t got = read(fd, text + *length, size - *length);
        if (got == 0) {
            return text;
        }
        if (got < 0 && errno != EINTR) {
            break;
        }
        *length += got > 0 ? (size_t)got : 0;
        if (*length == size) {
            char *larger = realloc(text, size * 2);
            if (larger == NULL) {
                break;
            }
            text = larger;
            size *= 2;
        }
    }
    free(text);
    return NULL;
}

static bool
is_utf16(const char *text, size_t length)
{
    return length >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0);
}

static int
check_file(struct check_report *report, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "<stdin>" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    char *text = fd >= 0 ? read_all(fd, &length) : NULL;
    int why = errno, failure = 0;
    if (fd >= 0 && !standard) {
        close(fd);
    }
    if (text == NULL) {
        fprintf(stderr, "dsql check: %s: %s\n", name, strerror(why));
        return CLI_USAGE;
    }
    if (is_utf16(text, length)) {
        fprintf(stderr, "dsql check: %s: this is UTF-16: iconv -f UTF-16 -t UTF-8 first\n", name);
        free(text);
        return CLI_USAGE;
    }
    check_report_file(report, name);
    failure = check_script(report, name, text, length);
    check_report_file_end(report);
    free(text);
    if (failure != 0) {
        fprintf(stderr, "dsql check: %s: %s\n", name, dsql_code_text(failure));
        return CLI_USAGE;
    }
    return report->file.refused > 0 ? CLI_FAILED : CLI_GOOD;
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"single-transaction", no_argument, NULL, OPTION_SINGLE},
        {0},
    };
    struct check_options options = {0};
    struct check_report report = {.options = &options};
    struct cli_reader reader = {&cli_check, known, false, take, &options, NULL};
    int status;
    if (cli_read(&reader, argc, argv, &status) != 0) {
        return status;
    }
    if (optind >= argc) {
        arguments_bad(cli_check.program, "FILE is missing; - is standard input");
        return CLI_USAGE;
    }
    status = CLI_GOOD;
    for (int i = optind; i < argc; i++) {
        int one = check_file(&report, argv[i]);
        status = one > status ? one : status;
    }
    check_report_end(&report);
    return status;
}

const struct cli_command cli_check = {
    .name = "check",
    .program = "dsql check",
    .summary = "tell which statements of SQL files are refused",
    .usage = usage,
    .run = run,
};
