/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys of flights, and answers by key; see replay_tape.h.
 *
 * A key is made of the bytes that the client sends, but for two things. The
 * name of a prepared statement is replaced by what was parsed under it, since
 * some drivers count names process-wide; and a password is anything, since
 * tokens differ. */
#include "replay_tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS (sizeof((struct tape *)NULL)->table / sizeof(struct tape_answer *))

const struct tape_answer *
tape_find(const struct tape *tape, uint64_t key)
{
    const struct tape_answer *answer = tape->table[key % ROWS];
    while (answer != NULL && answer->key != key) {
        answer = answer->next;
    }
    return answer;
}

/* NULL without memory. */
static struct tape_answer *
make_room(struct tape *tape, uint64_t key, size_t length)
{
    struct tape_answer *answer = malloc(sizeof *answer + length);
    if (answer != NULL) {
        answer->key = key;
        answer->length = length;
        answer->next = tape->table[key % ROWS];
        tape->table[key % ROWS] = answer;
    }
    return answer;
}

bool
tape_put(struct tape *tape, uint64_t key, const char *bytes, size_t length)
{
    if (tape_find(tape, key) != NULL) {
        return true;
    }
    struct tape_answer *answer = make_room(tape, key, length);
    if (answer == NULL) {
        return false;
    }
    memcpy(answer->bytes, bytes, length);
    return true;
}

bool
tape_save(const struct tape *tape, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    for (size_t i = 0; i < ROWS; i++) {
        for (const struct tape_answer *at = tape->table[i]; at != NULL; at = at->next) {
            const uint64_t head[2] = {at->key, at->length};
            fwrite(head, sizeof head, 1, file);
            fwrite(at->bytes, 1, at->length, file);
        }
    }
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

bool
tape_load(struct tape *tape, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint64_t head[2];
    bool good = true;
    while (good && fread(head, sizeof head, 1, file) == 1) {
        struct tape_answer *answer = make_room(tape, head[0], head[1]);
        good = answer != NULL && fread(answer->bytes, 1, head[1], file) == head[1];
    }
    fclose(file);
    return good;
}

/* ------------------------------------------------------------------- keys */

#define FNV_FIRST 14695981039346656037u
#define FNV_PRIME 1099511628211u

static uint64_t
mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ at[i]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t
hash_of(const char *string)
{
    return mix(FNV_FIRST, string, strlen(string));
}

static uint64_t
statement_content(const struct flight *flight, const char *name)
{
    uint64_t hash = hash_of(name);
    for (size_t i = flight->count; i-- > 0;) {
        if (flight->statements[i].name == hash) {
            return flight->statements[i].content;
        }
    }
    return 0;
}

static bool
remember_statement(struct flight *flight, const char *name, uint64_t content)
{
    uint64_t hash = hash_of(name);
    size_t i = 0;
    while (i < flight->count && flight->statements[i].name != hash) {
        i++;
    }
    if (i == flight->size) {
        size_t size = flight->size ? flight->size * 2 : 16;
        void *grown = realloc(flight->statements, size * sizeof *flight->statements);
        if (grown == NULL) {
            return false;
        }
        flight->statements = grown;
        flight->size = size;
    }
    flight->count += i == flight->count;
    flight->statements[i].name = hash;
    flight->statements[i].content = content;
    return true;
}

bool
flight_add(struct flight *flight, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    uint64_t key = mix(flight->key ? flight->key : FNV_FIRST, &message->type, 1);
    bool good = true;
    if (message->type == 'P') {
        const char *name = dsql__get_string(&reader);
        uint64_t content = mix(FNV_FIRST, reader.at, (size_t)(reader.end - reader.at));
        good = remember_statement(flight, name, content);
        key = mix(key, &content, sizeof content);
    } else if (message->type == 'B') {
        const char *portal = dsql__get_string(&reader);
        uint64_t content = statement_content(flight, dsql__get_string(&reader));
        key = mix(mix(key, portal, strlen(portal)), &content, sizeof content);
        key = mix(key, reader.at, (size_t)(reader.end - reader.at));
    } else if ((message->type == 'D' || message->type == 'C') && message->length > 0 &&
               message->body[0] == 'S') {
        (void)dsql__get_byte(&reader);
        uint64_t content = statement_content(flight, dsql__get_string(&reader));
        key = mix(key, &content, sizeof content);
    } else if (message->type != 'p') {
        key = mix(key, message->body, message->length);
    }
    flight->key = key;
    return good;
}

uint64_t
flight_end(struct flight *flight)
{
    uint64_t key = mix(flight->key, &flight->status, 1);
    flight->key = 0;
    return key;
}

void
flight_clear(struct flight *flight)
{
    free(flight->statements);
    memset(flight, 0, sizeof *flight);
}
