/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What Aurora DSQL makes of a statement: its kind, whether the service refuses
 * it (with the service's SQLSTATE and message), and what PostgreSQL is to run
 * instead where the syntax is DSQL's own. Pure functions of the text: no
 * database is asked, nothing is kept. Used by dsql-local and by `dsql check`. */
#ifndef DSQL_LOCAL_RULES_H
#define DSQL_LOCAL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "dsql.h"

/* What running the statement means for the transaction it runs in. */
enum rules_kind {
    RULES_EMPTY,    /* nothing but white space and comments */
    RULES_READ,     /* changes nothing by its form (a SELECT may still call a function that does) */
    RULES_DML,      /* may change rows: INSERT, UPDATE, DELETE, also in a CTE, COPY FROM, SELECT FOR
                       UPDATE is READ */
    RULES_DDL,      /* changes the catalog; GRANT, REVOKE, COMMENT, AWS IAM forms too */
    RULES_BEGIN,    /* BEGIN, START TRANSACTION */
    RULES_COMMIT,   /* COMMIT, END */
    RULES_ROLLBACK, /* ROLLBACK, ABORT */
    RULES_SESSION,  /* SET, RESET, SHOW, DEALLOCATE, SET CONSTRAINTS: neither rows nor catalog */
};

/* Jobs that a statement starts; the statement answers one row, its job_id. */
enum rules_job {
    RULES_JOB_NONE,
    RULES_JOB_INDEX_BUILD,
    RULES_JOB_VALIDATE_CONSTRAINT,
};

enum rules_copy { RULES_COPY_NONE, RULES_COPY_IN, RULES_COPY_OUT };

/* One statement of a text. Strings belong to the struct rules_text. */
struct rules_statement {
    enum rules_kind kind;
    size_t start, length;    /* where it stands in the client's text, in bytes */
    size_t start_characters; /* the same in characters */
    const char *sql;         /* what PostgreSQL is to run, NUL-terminated */
    bool verbatim;           /* it is what stands there */
    bool same_positions;     /* offsets in sql are offsets from start in the client's text */
    /* Else, so many of RULES_INSERTED were put into it, at these characters of
     * sql; none: what stands in sql stands nowhere in the client's text. */
    size_t insertions;
    const size_t *inserted_at;
    const char *tag;        /* command tag to report instead of PostgreSQL's, or NULL */
    int rule;               /* RULES_ALLOWED, or the RULE_... that refuses it */
    bool session_may_allow; /* PostgreSQL refuses by this rule unless a setting says otherwise */
    const char *sqlstate;   /* of the refusal, else NULL */
    const char *message;    /* of the refusal, else NULL */
    const char *hint;       /* of the refusal, or NULL */
    enum rules_job job;
    enum rules_copy copy;
    bool unread;         /* the grammar does not know it: judged by its words */
    bool deallocate_all; /* DEALLOCATE ALL: forgets every prepared statement */
    const char *show;    /* name of the parameter of a SHOW, folded to lower case, or NULL */
};

/* The precision of NUMERIC columns that have none. */
#define RULES_INSERTED "(18,6)"

/* Where in the client's statement stands what stands at a place in sql: in
 * characters, from 1; 0: nowhere. */
size_t rules_client_place(const struct rules_statement *statement, size_t place);

/* Whether the statement is refused whatever the session's settings are. */
static inline bool
rules_refuses(const struct rules_statement *statement)
{
    return statement->rule != 0 && !statement->session_may_allow;
}

struct rules_text {
    size_t count; /* statements, in order; 0 for an empty text */
    struct rules_statement *statements;
    size_t size; /* bytes that all this takes */
};

/* Reads a text of one or more statements. A text that neither we nor (by its
 * first words) PostgreSQL could want is still returned as statements to be
 * forwarded: a syntax error is PostgreSQL's to report. Returns 0 or
 * DSQL_E_NOMEM. The result is returned - caller clears it with
 * rules_text_clear(). */
DSQL_MUST_CHECK int rules_text_read(const char *sql, size_t length, struct rules_text *text);

/* Frees what rules_text_read() made; a struct of zeros is allowed. */
void rules_text_clear(struct rules_text *text);

/* Whether a start-up packet, `options` or set_config() may set a parameter
 * (name in any case). The refusal is RULE_SETTING. */
bool rules_setting_is_allowed(const char *name);

/* The table of all rules: code, SQLSTATE, message as a printf format, section
 * of the facts. rules-table.h defines RULES_TABLE(X); the rules that need to
 * know the transaction, the row count or the catalog (RULE_MULTIPLE_DDL,
 * RULE_DDL_AND_DML, RULE_ROW_LIMIT, RULE_OC000, RULE_OC001, ...) stand in it
 * too and are raised by the session or by the module. */
#include "rules-table.h"

enum rules_rule {
    RULES_ALLOWED = 0,
#define RULES_ENUM(name, sqlstate, message, source) name,
    RULES_TABLE(RULES_ENUM)
#undef RULES_ENUM
        RULES_COUNT
};

/* SQLSTATE and message format of a rule; static. */
const char *rules_sqlstate(int rule);
const char *rules_message(int rule);
const char *rules_name(int rule);
/* The heading in docs/dsql-rules.md under which it stands. */
const char *rules_section(int rule);

/* The rule that keeps a statement of this kind out of a transaction that has had
 * DDL, or may have written rows; RULES_ALLOWED: none. */
int rules_beside(bool ddl, bool dml, enum rules_kind kind);

#endif
