/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What credentials and tokens cost a C program: chain_cost [PROFILE]. The keys
 * are looked for in the environment, or in that profile. Prints a line for each
 * act: its name, and median and minimum in nanoseconds. */
#include <dsql.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 41
#define TIMES 500

static struct dsql_credentials_options options;
static struct dsql_endpoint endpoint;
static struct dsql_error error;

static int
find_anew(void)
{
    struct dsql_credentials credentials;
    int failure = dsql_credentials_load(&credentials, &options, NULL, &error);
    dsql_credentials_clear(&credentials);
    return failure;
}

static int
find_kept(void)
{
    struct dsql_credentials credentials;
    int failure = dsql_credentials_get(&credentials, &options, NULL, 1, &error);
    dsql_credentials_clear(&credentials);
    return failure;
}

static int
sign(void)
{
    struct dsql_credentials credentials;
    char *token = NULL;
    int failure = dsql_credentials_get(&credentials, &options, NULL, 1, &error);
    if (failure == 0) {
        failure = dsql_token_sign(&credentials, &endpoint, "admin", (int64_t)time(NULL),
                                  DSQL_TOKEN_EXPIRES_DEFAULT, &token, NULL, &error);
        dsql_credentials_clear(&credentials);
    }
    dsql_token_free(token);
    return failure;
}

static const struct {
    const char *name;
    int (*act)(void);
} acts[] = {{"looked for anew", find_anew}, {"kept by the process", find_kept}, {"token", sign}};

#define ACTS (sizeof acts / sizeof acts[0])

static double
measure(int (*act)(void))
{
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < TIMES; i++) {
        if (act() != 0) {
            fprintf(stderr, "chain_cost: %s\n", error.message);
            exit(1);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return ((double)(ended.tv_sec - began.tv_sec) * 1e9 + (double)ended.tv_nsec -
            (double)began.tv_nsec) /
           TIMES;
}

static int
compare(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int
main(int argc, char **argv)
{
    static double samples[ACTS][ROUNDS];
    options.profile = argc > 1 ? argv[1] : NULL;
    if (dsql_endpoint_parse("abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws", NULL, NULL,
                            &endpoint, &error) != 0) {
        return 1;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < ACTS; i++) {
            samples[i][round] = measure(acts[i].act);
        }
    }
    for (size_t i = 0; i < ACTS; i++) {
        qsort(samples[i], ROUNDS, sizeof(double), compare);
        printf("%s\t%.0f\t%.0f\n", acts[i].name, samples[i][ROUNDS / 2], samples[i][0]);
    }
    return 0;
}
