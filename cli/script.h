/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A script for psql, cut into the statements that psql would send.
 *
 * What psql takes for itself is passed over: a backslash outside of quotes begins
 * a command that goes to the end of its line (or to \\); \g and its like end the
 * statement before them, \; parts statements that are sent together, \r forgets
 * what was begun. Lines behind COPY ... FROM STDIN are data, up to a line with
 * \. alone. What \i includes is not read. */
#ifndef DSQL_CLI_SCRIPT_H
#define DSQL_CLI_SCRIPT_H

#include "rules/lexer.h"

struct script {
    struct lexer lexer;
    char *text, *data_end;
    const char *end;
    const char *counted; /* up to here: */
    size_t line, column; /* from 1; in characters */
};

enum script_item {
    SCRIPT_END,
    SCRIPT_STATEMENT,
    SCRIPT_COPY,      /* \copy ... from stdin: data follows */
    SCRIPT_COPY_FILE, /* \copy ... from a file: rows that nobody can count */
    SCRIPT_CONNECT,   /* \connect: a new session */
    SCRIPT_INCLUDE,   /* \i, \ir: another script */
};

/* Of psql's commands, too, which are items of their own. */
struct script_statement {
    const char *at; /* borrowed from the text */
    size_t length;
    bool together; /* sent in one message with the next one */
};

/* text is borrowed as long as the script is used, and written to: what is not SQL
 * becomes blanks, so that all places stay. */
void script_init(struct script *script, char *text, size_t length);
enum script_item script_next(struct script *script, struct script_statement *statement);
/* Passes over the data of a COPY, which begins on the next line; its rows. */
size_t script_data(struct script *script);
/* The place of a byte: line and column are in the script. Only forwards, or within
 * the line that was asked for last. */
void script_go_to(struct script *script, const char *at);

/* psql's variables :name, :'name' and :"name" put into something that the grammar
 * knows, of the same length. Whether there was one. */
bool script_replace_variables(char *sql, size_t length);

#endif
