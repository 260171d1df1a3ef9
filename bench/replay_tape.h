/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What replay_server.c knows by heart: a tape of answers by key, and the key of
 * what a client sends. Bytes only, no sockets. */
#ifndef BENCH_REPLAY_TAPE_H
#define BENCH_REPLAY_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct tape_answer {
    struct tape_answer *next;
    uint64_t key;
    size_t length;
    char bytes[];
};

/* A struct of zeros is an empty tape. It is written by one thread at a time and
 * never while others read. */
struct tape {
    struct tape_answer *table[4096];
};

/* Borrowed from the tape; NULL: not on it. */
const struct tape_answer *tape_find(const struct tape *tape, uint64_t key);
/* Copies. The first answer to a key stays. false: no memory. */
bool tape_put(struct tape *tape, uint64_t key, const char *bytes, size_t length);
/* false: the file cannot be used. */
bool tape_save(const struct tape *tape, const char *path);
bool tape_load(struct tape *tape, const char *path);

/* The key of the flight that a client is sending, and what of its connection
 * goes into it. A struct of zeros is a new connection. */
struct flight {
    uint64_t key;
    char status; /* of the last ReadyForQuery: the same COMMIT is answered by it */
    size_t count, size;
    struct {
        uint64_t name, content;
    } *statements; /* the latest last */
};

/* Adds a message of the client's. false: no memory. */
bool flight_add(struct flight *flight, const struct dsql__message *message);
/* The whole flight's key; the next flight begins. */
uint64_t flight_end(struct flight *flight);
void flight_clear(struct flight *flight);

#endif
