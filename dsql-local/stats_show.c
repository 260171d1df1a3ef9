/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The command --stats: asks a running endpoint, and prints a table for people
 * or JSON for programs; see stats.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "directory.h"
#include "stats.h"

#define TOP 10

/* ------------------------------------------------------------------ for people */

/* 1234567 as 1,234,567, in one of a few buffers in turn. */
static const char *
grouped(uint64_t number)
{
    static char texts[4][32];
    static unsigned turn;
    char digits[24], *to = texts[turn++ % 4], *begin = to;
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return begin;
}

static const char *
sized(uint64_t bytes)
{
    static char texts[4][32];
    static unsigned turn;
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    char *text = texts[turn++ % 4];
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(text, sizeof texts[0], "%.*f %s", unit > 0 ? 1 : 0, value, units[unit]);
    return text;
}

static void
print_age(uint64_t started, uint64_t now)
{
    char when[40];
    time_t then = (time_t)started;
    struct tm tm;
    uint64_t age = now > started ? now - started : 0;
    gmtime_r(&then, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
    printf("up since       %s, for ", when);
    if (age >= 86400) {
        printf("%llu d ", (unsigned long long)(age / 86400));
    }
    printf("%llu:%02llu:%02llu\n", (unsigned long long)(age / 3600 % 24),
           (unsigned long long)(age / 60 % 60), (unsigned long long)(age % 60));
}

static void
print_refused(const struct local_stats *stats)
{
    const char *label = "refused";
    for (int reason = 0; reason < REFUSED_COUNT; reason++) {
        if (stats->refused[reason] > 0) {
            printf("%-14s %s: %s\n", label, local_refused_words((enum local_refused)reason),
                   grouped(stats->refused[reason]));
            label = "";
        }
    }
    if (*label != '\0') {
        printf("%-14s nobody\n", label);
    }
}

/* The rules that were met most, the most first. */
static void
print_rules(const struct local_counters *counters)
{
    bool printed[RULES_COUNT] = {false};
    const char *label = "rules";
    for (int place = 0; place < TOP; place++) {
        int best = RULES_ALLOWED;
        for (int rule = RULES_ALLOWED + 1; rule < RULES_COUNT; rule++) {
            if (!printed[rule] && counters->by_rule[rule] > counters->by_rule[best]) {
                best = rule;
            }
        }
        if (best == RULES_ALLOWED) {
            break;
        }
        printed[best] = true;
        printf("%-14s %8s  %s  %s\n", label, grouped(counters->by_rule[best]), rules_sqlstate(best),
               rules_message(best));
        label = "";
    }
    if (*label != '\0') {
        printf("%-14s none was met\n", label);
    }
}

static void
print_table(const struct local_stats *stats)
{
    const struct local_counters *counters = &stats->counters;
    printf("dsql-local %s, PostgreSQL %llu\n\n", stats->version,
           (unsigned long long)stats->postgres_version);
    print_age(stats->started, stats->now);
    printf("clients        %s now, %s at most, %s signed in\n", grouped(stats->clients),
           grouped(stats->most), grouped(counters->signed_in));
    print_refused(stats);
    printf("traffic        %s in, ", sized(counters->received));
    printf("%s out\n", sized(counters->sent));
    printf("transactions   %s, committed %s\n", grouped(counters->transactions),
           grouped(counters->commits));
    printf("statements     %s, errors %s; median %.2f ms, 99 %% within %.2f ms\n",
           grouped(counters->statements), grouped(counters->errors),
           (double)stats->median_us / 1000, (double)stats->tail_us / 1000);
    printf("conflicts      OC000 %s, OC001 %s\n", grouped(counters->by_rule[RULE_OC000]),
           grouped(counters->by_rule[RULE_OC001]));
    print_rules(counters);
    printf("PostgreSQL     %s connections for clients\n", grouped(stats->postgres_clients));
    printf("memory         %s, without PostgreSQL\n", sized(stats->memory));
}

/* ---------------------------------------------------------------- for programs */

static void
print_number(const char *name, uint64_t value)
{
    printf("\"%s\": %llu, ", name, (unsigned long long)value);
}

/* None of our words holds a control character. */
static void
print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

static void
print_json(const struct local_stats *stats)
{
    const struct local_counters *counters = &stats->counters;
    const char *comma = "";
    printf("{\"version\": \"%s\", ", stats->version);
    print_number("postgres_version", stats->postgres_version);
    print_number("started", stats->started);
    print_number("now", stats->now);
    print_number("clients", stats->clients);
    print_number("clients_most", stats->most);
    print_number("clients_signed_in", counters->signed_in);
    print_number("bytes_in", counters->received);
    print_number("bytes_out", counters->sent);
    print_number("transactions", counters->transactions);
    print_number("commits", counters->commits);
    print_number("statements", counters->statements);
    print_number("errors", counters->errors);
    print_number("statement_median_us", stats->median_us);
    print_number("statement_p99_us", stats->tail_us);
    print_number("postgres_connections", stats->postgres_clients);
    print_number("memory_bytes", stats->memory);
    printf("\"refused\": {");
    for (int reason = 0; reason < REFUSED_COUNT; reason++) {
        fputs(comma, stdout);
        print_string(local_refused_words((enum local_refused)reason));
        printf(": %llu", (unsigned long long)stats->refused[reason]);
        comma = ", ";
    }
    printf("}, \"rules\": {");
    comma = "";
    for (int rule = RULES_ALLOWED + 1; rule < RULES_COUNT; rule++) {
        if (counters->by_rule[rule] > 0) {
            printf("%s\"%s\": %llu", comma, rules_name(rule),
                   (unsigned long long)counters->by_rule[rule]);
            comma = ", ";
        }
    }
    printf("}}\n");
}

/* ----------------------------------------------------------------- the command */

/* 0; 1: nobody serves there; 2: another version does. */
static int
ask(const char *dir, struct local_stats *stats)
{
    size_t have = 0;
    ssize_t got = 1;
    int fd = local_stats_socket_of(dir, false);
    if (fd < 0) {
        return 1;
    }
    while (have < sizeof *stats && got > 0) {
        got = read(fd, (char *)stats + have, sizeof *stats - have);
        have += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (have == 0) {
        return 1;
    }
    return have == sizeof *stats && stats->size == sizeof *stats &&
                   strcmp(stats->version, DSQL_VERSION) == 0
               ? 0
               : 2;
}

int
local_stats_show(const struct local_options *options)
{
    char dir[1024];
    struct dsql_error error;
    struct local_stats stats = {0};
    if (local_state_directory(options->data, dir, sizeof dir, &error) != 0) {
        fprintf(stderr, "dsql-local: %s\n", error.message);
        return 1;
    }
    int answer = ask(dir, &stats);
    if (answer == 1) {
        fprintf(stderr,
                "dsql-local: no endpoint serves %s; name the directory of its ca= with --data\n",
                dir);
    } else if (answer == 2) {
        fprintf(stderr, "dsql-local: the endpoint of %s is another version of dsql-local\n", dir);
    } else if (options->stats == LOCAL_STATS_JSON) {
        print_json(&stats);
    } else {
        print_table(&stats);
    }
    return answer == 0 ? 0 : 1;
}
