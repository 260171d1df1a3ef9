/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache of texts: a hash table and a list by age; see texts.h. */
#include "texts.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

struct local_text_entry {
    struct local_text_entry *next;          /* in the bucket */
    struct local_text_entry *newer, *older; /* by last use */
    struct local_text *text;                /* one reference is ours */
    uint64_t hash;
    size_t bytes, length;
    char sql[]; /* the key, length long */
};

void
local_texts_init(struct local_texts *texts, size_t count_max, size_t bytes_max)
{
    *texts = (struct local_texts){.count_max = count_max, .bytes_max = bytes_max};
    texts->bucket_count = 1;
    while (texts->bucket_count < count_max) {
        texts->bucket_count *= 2;
    }
    texts->buckets = calloc(texts->bucket_count, sizeof(struct local_text_entry *));
    if (texts->buckets == NULL) {
        texts->count_max = 0;
    }
    /* Without random bytes the buckets can be foreseen, nothing worse. */
    (void)RAND_bytes((unsigned char *)&texts->seed, sizeof texts->seed);
}

/* Eight bytes at a time; every step can be undone, so that nothing is lost. */
static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static uint64_t
hash_of(const struct local_texts *texts, const char *sql, size_t length)
{
    uint64_t hash = texts->seed ^ length, word = 0;
    for (; length >= sizeof word; sql += sizeof word, length -= sizeof word) {
        memcpy(&word, sql, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, sql, length);
    return mix(mix(hash, word), 0);
}

static struct local_text_entry **
bucket_of(const struct local_texts *texts, uint64_t hash)
{
    return &texts->buckets[hash & (texts->bucket_count - 1)];
}

static void
link_newest(struct local_texts *texts, struct local_text_entry *entry)
{
    entry->newer = NULL;
    entry->older = texts->newest;
    if (texts->newest != NULL) {
        texts->newest->newer = entry;
    } else {
        texts->oldest = entry;
    }
    texts->newest = entry;
}

static void
unlink_age(struct local_texts *texts, struct local_text_entry *entry)
{
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;
    } else {
        texts->newest = entry->older;
    }
    if (entry->older != NULL) {
        entry->older->newer = entry->newer;
    } else {
        texts->oldest = entry->newer;
    }
}

static void
drop(struct local_texts *texts, struct local_text_entry *entry)
{
    struct local_text_entry **at = bucket_of(texts, entry->hash);
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    unlink_age(texts, entry);
    texts->count--;
    texts->bytes -= entry->bytes;
    local_text_free(entry->text);
    free(entry);
}

void
local_texts_clear(struct local_texts *texts)
{
    while (texts->oldest != NULL) {
        drop(texts, texts->oldest);
    }
    free(texts->buckets);
    *texts = (struct local_texts){0};
}

static struct local_text_entry *
find(const struct local_texts *texts, uint64_t hash, const char *sql, size_t length)
{
    struct local_text_entry *entry = *bucket_of(texts, hash);
    while (entry != NULL && (entry->hash != hash || entry->length != length ||
                             memcmp(entry->sql, sql, length) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* Keeps a text, if there is memory for it. */
static void
put(struct local_texts *texts, uint64_t hash, const char *sql, size_t length,
    struct local_text *text)
{
    size_t size = sizeof(struct local_text_entry) + length;
    size_t bytes = size + sizeof *text + text->rules.size;
    if (bytes > texts->bytes_max) {
        return;
    }
    struct local_text_entry *entry = malloc(size);
    if (entry == NULL) {
        return;
    }
    while (texts->count >= texts->count_max || texts->bytes > texts->bytes_max - bytes) {
        drop(texts, texts->oldest);
    }
    struct local_text_entry **bucket = bucket_of(texts, hash);
    *entry = (struct local_text_entry){.next = *bucket,
                                       .text = local_text_share(text),
                                       .hash = hash,
                                       .bytes = bytes,
                                       .length = length};
    memcpy(entry->sql, sql, length);
    *bucket = entry;
    link_newest(texts, entry);
    texts->count++;
    texts->bytes += bytes;
}

int
local_texts_get(struct local_texts *texts, const char *sql, size_t length, struct local_text **text)
{
    if (texts->count_max == 0 || length > LOCAL_TEXTS_LONGEST) {
        return local_text_new(sql, length, text);
    }
    uint64_t hash = hash_of(texts, sql, length);
    struct local_text_entry *entry = find(texts, hash, sql, length);
    if (entry != NULL) {
        texts->hits++;
        unlink_age(texts, entry);
        link_newest(texts, entry);
        *text = local_text_share(entry->text);
        return 0;
    }
    texts->misses++;
    int failure = local_text_new(sql, length, text);
    if (failure == 0) {
        put(texts, hash, sql, length, *text);
    }
    return failure;
}
