/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The driver's objects, as its files see them: connect.c makes a connection,
 * operation.c runs what is asked of it, cursor.c and fetch.c are what users
 * hold. */
#ifndef LIBDSQL_CONNECTION_H
#define LIBDSQL_CONNECTION_H

#include "module.h"

#include <pythread.h>
#include <sys/types.h>

#include "codec.h"

/* ------------------------------------------------------------------- shape */

/* The columns of a result: how they are read and, once somebody asks, their
 * description. Counted; kept by the connection for the next result like it. */
struct shape {
    int references;
    int count;
    PyObject *description; /* a tuple of Column; NULL: not made yet */
    PyObject *json_loads;  /* what the decoders borrow; NULL: json is str */
    struct dsql_column *columns;
    struct decoder decoders[];
};

#define SHAPES_KEPT 16 /* a power of two */

struct connection;

/* For the columns of an event: one that is kept, or a new one. A reference for
 * the caller; NULL with an exception. */
struct shape *shape_for(struct connection *connection, const struct dsql_event *event);
/* A borrowed tuple, NULL with an exception. */
PyObject *shape_description(struct module_state *state, struct shape *shape);
void shape_release(struct shape *shape);
/* Puts a shape (its reference is taken; NULL: none) where another one is
 * released: that may run Python code, which sees the new one. */
void shape_replace(struct shape **place, struct shape *shape);
/* For whoever counts as its one owner: the connection that keeps it, or the only
 * one who holds it. */
int shape_traverse(const struct shape *shape, visitproc visit, void *arg);
int column_type_add(PyObject *module);

/* --------------------------------------------------------------- operation */

enum operation_kind {
    OPERATION_NONE,
    OPERATION_CONNECT,
    OPERATION_EXECUTE,
    OPERATION_MANY,
    OPERATION_SCRIPT,
    OPERATION_COPY_IN,
    OPERATION_COPY_OUT,
    OPERATION_FETCH, /* of the open stream */
    OPERATION_END,   /* COMMIT or ROLLBACK */
};

/* What a connection is doing, from its _start to its last step. */
struct operation {
    enum operation_kind kind;
    bool sent;             /* its requests are queued */
    bool commit;           /* END: COMMIT */
    bool first;            /* its statement begins a transaction or is one */
    bool stale;            /* its plan was: run it again when the batch is over */
    bool again;            /* it is being run again */
    bool ended;            /* the source has no more, or is not wanted any more */
    bool own_transaction;  /* MANY with autocommit: BEGIN and COMMIT are ours */
    bool finished;         /* MANY: all is queued, its end too */
    bool copying;          /* COPY_...: data goes, or went */
    int batches;           /* how many DSQL_EVENT_READY are still to come */
    int count;             /* of values */
    Py_ssize_t row;        /* MANY: of the parameters, from 0 */
    Py_ssize_t unanswered; /* MANY: statements that are */
    Py_ssize_t wanted;     /* FETCH */
    struct cursor *cursor;
    PyObject *sql;                      /* a str */
    PyObject *source, *reader, *writer; /* an iterator, or what to call */
    PyObject *view;                     /* COPY_IN: the piece that is being sent, and */
    Py_ssize_t offset;                  /* how much of it was */
    PyObject *failure;                  /* the exception to raise at its end */
};

/* -------------------------------------------------------------- connection */

struct connection {
    PyObject_HEAD struct module_state *state; /* borrowed: the type holds the module */
    PyObject *weak_references;
    struct dsql_conn *conn; /* NULL: closed */
    pid_t process;
    /* Held from the start of an operation to its end, by the thread `owner`. */
    PyThread_type_lock lock;
    unsigned long owner; /* 0: nobody */
    bool running;        /* somebody steps, or waits without the GIL: conn must stay */
    bool broken, autocommit, read_only;
    bool ended; /* is_alive() has seen the end: no COMMIT is sent any more */
    PyObject *json_loads;
    PyObject *notices; /* a list */
    struct operation operation;
    /* A result that is read as it is fetched: statements that are started
     * meanwhile first read the rest, into the cursor or, without one, to drop it. */
    bool streaming;
    struct cursor *stream; /* borrowed: cleared by its cursor */
    struct shape *shapes[SHAPES_KEPT];
    struct dsql__buffer buffer; /* encoded parameters */
    struct dsql_value *values;
    uint32_t *types; /* MANY: the type that a column had last */
    int values_size; /* of both */
};

struct cursor {
    PyObject_HEAD PyObject *weak_references;
    struct connection *connection; /* a reference */
    struct shape *shape;           /* NULL: the last statement gave no rows */
    PyObject *rows;                /* a list that nobody else knows; NULL: none */
    Py_ssize_t position;           /* the first row in it that was not handed out */
    Py_ssize_t taken;              /* how many rows were */
    PyObject *failure;             /* how a stream ended; raised behind its rows */
    int64_t rowcount;
    Py_ssize_t arraysize;
    bool stream, closed;
    bool cut; /* the connection ended in the middle of its stream */
    char tag[64];
};

int connection_type_add(PyObject *module);
int cursor_type_add(PyObject *module);
struct cursor *cursor_new(struct connection *connection, bool stream);
/* Forgets the last result. */
void cursor_reset(struct cursor *cursor);

extern const char connect_start_doc[];
PyObject *connect_start_function(PyObject *module, PyObject *args, PyObject *keywords);

/* ------------------------------------------------------ operations, begun */

/* Takes the connection for an operation: -1 with an exception when it is
 * closed, of another process, or busy (wait: only when this thread itself uses
 * it). */
int connection_enter(struct connection *connection, bool wait);
void connection_leave(struct connection *connection);
/* The same without asking whether it is open. */
int connection_take(struct connection *connection, bool wait);
/* What the status is as the user sees it; static. */
const char *connection_status(const struct connection *connection);
/* Closes without a word. What is under way is forgotten. */
void connection_abandon(struct connection *connection);

/* Each begins an operation: 0, or -1 with an exception, and then nothing was
 * begun. wait: for another thread's turn to end. */
int start_execute(struct cursor *cursor, PyObject *sql, PyObject *parameters, bool wait);
int start_many(struct cursor *cursor, PyObject *sql, PyObject *rows, bool wait);
int start_script(struct cursor *cursor, PyObject *sql, bool wait);
int start_copy_in(struct cursor *cursor, PyObject *sql, PyObject *data, bool wait);
int start_copy_out(struct cursor *cursor, PyObject *sql, PyObject *write, bool wait);
int start_end(struct connection *connection, bool commit, bool wait);
/* 1: the rows are there already, nothing was begun. count -1: all. */
int start_fetch(struct cursor *cursor, Py_ssize_t count, bool wait);

/* Goes on with it. 0: over; DSQL_WANT_...; -1: over, with an exception. */
int operation_step(struct connection *connection);
/* Steps and waits until it is over: 0 or -1. */
int operation_run(struct connection *connection);
/* Forgets it and lets the next one in. */
void operation_clear(struct operation *operation);
void operation_finish(struct connection *connection);

/* --------------------------------------- operations, for the files of them */

/* For a cursor's operation: takes the connection and fills the operation. -1
 * with an exception. */
int operation_begin(struct cursor *cursor, enum operation_kind kind, PyObject *sql, bool wait);
/* Takes the exception that is raised as the operation's outcome, unless it has
 * one: the rest of the batch is still to be read. */
void operation_fail(struct connection *connection);
/* The connection is unusable; raises its error (or the server's last word).
 * Returns -1. */
int operation_over(struct connection *connection, const struct dsql_error *error);
/* Encodes a sequence of parameters into the connection's values; -1 with an
 * exception. keep_types: a None takes the type that its place had before. */
int encode_parameters(struct connection *connection, PyObject *parameters, bool keep_types,
                      int *count);
/* -1 with an exception when there are more parameters than the statement takes:
 * the server would pass over them. Too few it refuses itself. */
int check_count(struct connection *connection, PyObject *sql, int count);
/* BEGIN, if a transaction is to begin with the next statement. */
int begin_if_needed(struct connection *connection);
/* Queues the operation's statement with the values encoded last. */
int send_statement(struct connection *connection, int flags);
/* Ends the batch. */
int send_sync(struct connection *connection);
/* Reads events until the operation is over: 0, DSQL_WANT_... or -1. */
int read_events(struct connection *connection);

/* many.c and copy.c: what operation_step() does for them. */
int many_step(struct connection *connection);
int copy_in_step(struct connection *connection);
/* An event COPY_IN or COPY_OUT: whether the operation is for it. */
bool copy_begins(struct connection *connection, const struct dsql_event *event);
/* COPY data that came: to the writer. */
void copy_out_write(struct connection *connection, const struct dsql_event *event);
/* At the end: fails an operation whose statement copied nothing. */
void copy_check(struct connection *connection);

#endif
