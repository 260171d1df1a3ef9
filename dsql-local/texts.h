/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Texts that the rules have read, kept for the next session that sends the same
 * one: programs repeat few statements many times, and a parse tree costs more
 * than all else that is done with a statement. Least recently used goes first. */
#ifndef DSQL_LOCAL_TEXTS_H
#define DSQL_LOCAL_TEXTS_H

#include <stdint.h>

#include "names.h"

/* Bounds; longer texts are not kept: they are rarely sent twice. */
#define LOCAL_TEXTS_COUNT 4096
#define LOCAL_TEXTS_BYTES ((size_t)8 << 20)
#define LOCAL_TEXTS_LONGEST ((size_t)32 << 10)

/* A struct of zeros is an empty cache that keeps nothing. */
struct local_texts {
    size_t count_max, bytes_max; /* 0: nothing is kept */
    size_t count, bytes;         /* kept; bytes with all that belongs to a text */
    uint64_t hits, misses;
    uint64_t seed;
    struct local_text_entry **buckets; /* a power of two, about count_max */
    size_t bucket_count;
    struct local_text_entry *newest, *oldest;
};

/* Without memory for it nothing is kept, which is no failure. */
void local_texts_init(struct local_texts *texts, size_t count_max, size_t bytes_max);
/* Drops what is kept; texts that are still shared live on. */
void local_texts_clear(struct local_texts *texts);

/* The text as the rules read it, kept or new. sql is borrowed for the call; one
 * reference is the caller's, who drops it with local_text_free(). Returns 0 or
 * DSQL_E_NOMEM. */
DSQL_MUST_CHECK int local_texts_get(struct local_texts *texts, const char *sql, size_t length,
                                    struct local_text **text);

#endif
