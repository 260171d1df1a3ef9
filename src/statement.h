/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The statements that a connection keeps prepared, by SQL and parameter types:
 * a hash table and a list from the most to the least recently used. */
#ifndef DSQL_STATEMENT_H
#define DSQL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsql.h"

#define DSQL__STATEMENTS_KEPT 100
/* Longer texts are not kept: they are mostly made for one use. */
#define DSQL__STATEMENT_LENGTH 16384

/* What a RowDescription said; counted, since a result may outlive its
 * statement. */
struct dsql__columns {
    int references;
    int count;
    struct dsql_column columns[]; /* the names are behind them in the same block */
};

struct dsql__statement {
    struct dsql__statement *newer, *older; /* by use */
    struct dsql__statement *next;          /* in its chain of the table, or of those to close */
    uint64_t hash;
    uint32_t number; /* its name is "s" and this; 0: unnamed, not kept */
    uint64_t batch;  /* the number, from 1, of that in which its Parse is on its way; 0: none is */
    int references;  /* the cache, and each request under way */
    bool ready;      /* the server has it: ParseComplete came */
    bool described;  /* columns is known: NULL then means no rows */
    bool cached;     /* it is in the table */
    struct dsql__columns *columns;
    int count;       /* of types */
    size_t length;   /* of sql */
    uint32_t *types; /* in the same block, and so is sql */
    char *sql;
};

struct dsql__statements {
    struct dsql__statement *table[256];
    struct dsql__statement *newest, *oldest;
    struct dsql__statement *closing; /* the server still has them */
    int count;
    uint32_t last_number;
};

/* The statement for this text and these types, moved to the front; made when it
 * is not there. NULL without memory. Borrowed; a request takes a reference. */
struct dsql__statement *dsql__statement_find(struct dsql__statements *statements, const char *sql,
                                             size_t length, const struct dsql_value *values,
                                             int count);
/* One that is not kept. The caller owns its reference. NULL without memory. */
struct dsql__statement *dsql__statement_new(const char *sql, size_t length,
                                            const struct dsql_value *values, int count);
/* Takes the least recently used ones out while there are too many. */
void dsql__statements_trim(struct dsql__statements *statements);
/* Takes a statement out of the cache, if it is in: one that the server has is
 * then to be closed. */
void dsql__statements_drop(struct dsql__statements *statements, struct dsql__statement *statement);
/* The same with all that are in: the catalog was changed, and with it what they
 * give. */
void dsql__statements_drop_all(struct dsql__statements *statements);
/* Puts one among those to close (again); takes a reference of its own. */
void dsql__statements_close_later(struct dsql__statements *statements,
                                  struct dsql__statement *statement);
/* The next one to close, with its reference; NULL: none. */
struct dsql__statement *dsql__statements_to_close(struct dsql__statements *statements);
void dsql__statement_release(struct dsql__statement *statement);
void dsql__statements_clear(struct dsql__statements *statements);

/* Reads the body of a RowDescription. NULL with *failure DSQL_E_PROTOCOL or
 * DSQL_E_NOMEM. One reference for the caller. */
struct dsql__columns *dsql__columns_read(const char *body, size_t length, int *failure);
void dsql__columns_release(struct dsql__columns *columns);

#endif
