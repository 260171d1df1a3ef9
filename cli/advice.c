/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What to write instead of what is refused; see advice.h. */
#include "advice.h"

#include <stddef.h>
#include <string.h>

#include "rules/rules.h"

static const char rebuild[] =
    "a new table with the columns as they are to be, INSERT ... SELECT in portions of 3,000 rows, "
    "then DROP the old one and RENAME";
static const char remove_clause[] = "leave the clause out: the service decides it by itself";
static const char no_triggers[] =
    "let the program do it, in the transaction that changes the rows; or GENERATED ... STORED";

/* The first row whose rule is that, and whose words the message has (NULL: any). */
static const struct {
    int rule;
    const char *words, *advice;
} table[] = {
    {RULE_MULTIPLE_DDL, NULL, "a transaction of its own for each DDL statement"},
    {RULE_DDL_AND_DML, NULL, "COMMIT between the DDL statement and those that change rows"},
    {RULE_TRANSACTION_STATEMENT, "PREPARED", "COMMIT; there is no two-phase commit"},
    {RULE_TRANSACTION_STATEMENT, "PREPARE", "COMMIT; there is no two-phase commit"},
    {RULE_TRANSACTION_STATEMENT, NULL,
     "smaller transactions: what may fail by itself in one of its own"},
    {RULE_ISOLATION, NULL,
     "BEGIN, which is REPEATABLE READ; SELECT ... FOR UPDATE of the rows that a decision rests on"},
    {RULE_LOCKING, NULL, "FOR UPDATE, which makes others conflict at COMMIT and waits for nobody"},
    {RULE_ROW_LIMIT, NULL, "portions of at most 3,000 rows, each in a transaction of its own"},
    {RULE_KEY_SIZE, NULL, "a shorter key: varchar(n) of at most 2,000 bytes in all, or a hash"},
    {RULE_COLUMN_SIZE, NULL, "text, which holds 1 MiB; or char(n) up to 4096, varchar(n) to 65535"},
    {RULE_INDEX_KEYS, NULL, "at most 8 columns in a key; INCLUDE (...) for others"},
    {RULE_INDEXES, NULL, "at most 24 indexes on a table, the keys among them"},
    {RULE_COLUMNS, NULL, "a second table with the same key, or a jsonb column"},
    {RULE_SETTING, "TRANSACTION", "BEGIN READ ONLY or BEGIN ISOLATION LEVEL REPEATABLE READ"},
    {RULE_SETTING, "role", "SET LOCAL role, within a transaction"},
    {RULE_SETTING, NULL, "leave it out: it is the service's own, or the client's to keep"},
    {RULE_UNKNOWN_SETTING, NULL, "a setting that there is, see SHOW ALL"},
    {RULE_STATEMENT, "Truncate",
     "DELETE FROM, at most 3,000 rows in a transaction; or DROP TABLE and CREATE TABLE"},
    {RULE_STATEMENT, "CreateTableAs",
     "CREATE TABLE with its columns, then INSERT ... SELECT; a view in place of a materialized "
     "one"},
    {RULE_STATEMENT, "RefreshMatView", "a view, or a table that the program fills"},
    {RULE_STATEMENT, "Lock", "nothing: conflicts are found at COMMIT, SELECT ... FOR UPDATE helps"},
    {RULE_STATEMENT, "DeclareCursor",
     "pages by a key: WHERE key > $last ORDER BY key LIMIT n; drivers stream results, too"},
    {RULE_STATEMENT, "Fetch", "pages by a key: WHERE key > $last ORDER BY key LIMIT n"},
    {RULE_STATEMENT, "ClosePortal", "nothing: there are no cursors"},
    {RULE_STATEMENT, "isten",
     "a queue outside of the database, or asking a table from time to time"},
    {RULE_STATEMENT, "Notify", "a queue outside of the database, or a row in a table"},
    {RULE_STATEMENT, "Do", "the statements themselves, one transaction each"},
    {RULE_STATEMENT, "Prepare", "the driver's prepared statements, or plain statements"},
    {RULE_STATEMENT, "Execute", "the driver's prepared statements, or plain statements"},
    {RULE_STATEMENT, "Discard", "RESET ALL, DEALLOCATE ALL; or a new connection"},
    {RULE_STATEMENT, "CreateExtension",
     "nothing: extensions cannot be loaded; gen_random_uuid() "
     "is there without one"},
    {RULE_STATEMENT, "Extension", "nothing: there are no extensions"},
    {RULE_STATEMENT, "Policy", "views, roles and GRANT"},
    {RULE_STATEMENT, "CompositeType", "columns of their own, or jsonb"},
    {RULE_STATEMENT, "CreateRange", "two columns for the bounds, with a CHECK"},
    {RULE_STATEMENT, "Createdb", "a schema; or another cluster, as each has one database"},
    {RULE_STATEMENT, "CreatePLang", "LANGUAGE SQL"},
    {RULE_STATEMENT, "Rule", no_triggers},
    {RULE_STATEMENT, "Reindex", "DROP INDEX, then CREATE INDEX ASYNC"},
    {RULE_STATEMENT, "Cluster", "nothing: rows are stored by their primary key"},
    {RULE_STATEMENT, "Trig", no_triggers},
    {RULE_STATEMENT, NULL, "leave it out: the service has nothing like it"},
    {RULE_MERGE, NULL, "INSERT ... ON CONFLICT (key) DO UPDATE, or UPDATE and DELETE"},
    {RULE_VACUUM, NULL, "nothing: the service cleans up by itself; ANALYZE is there"},
    {RULE_TABLESAMPLE, NULL, "WHERE random() < 0.01, or ORDER BY random() LIMIT n"},
    {RULE_LATERAL, NULL, "the outer column in the SELECT list of the outer query"},
    {RULE_CREATE, "TRIGGER", no_triggers},
    {RULE_CREATE, "TYPE", "text with CHECK (column IN (...)), a table of the values, or a domain"},
    {RULE_CREATE, "VIEW", "CREATE VIEW, or WITH in the query"},
    {RULE_CREATE, "SEQUENCE", "CREATE SEQUENCE q CACHE 65536"},
    {RULE_CREATE, NULL, "leave it out: the service has nothing like it"},
    {RULE_ALTER, NULL, "text with CHECK (column IN (...)), or a table of the values"},
    {RULE_FUNCTION, NULL, "SELECT ... FOR UPDATE of a row that stands for what is locked"},
    {RULE_PROCEDURE, NULL, "CREATE FUNCTION ... LANGUAGE SQL, or the statements in the program"},
    {RULE_LANGUAGE, NULL, "LANGUAGE SQL; what needs more belongs into the program"},
    {RULE_DROP_OBJECT, NULL, "leave it out: such an object cannot have been made"},
    {RULE_RENAME_OBJECT, NULL, "leave it out: such an object cannot have been made"},
    {RULE_SYSTEM_ENTITY, NULL, "a schema of your own: GRANT USAGE, CREATE ON SCHEMA s TO r"},
    {RULE_CREATE_CLAUSE, "TEMP",
     "an ordinary table with a column for whose rows they are, or WITH"},
    {RULE_CREATE_CLAUSE, "UNLOGGED", "CREATE TABLE"},
    {RULE_CREATE_CLAUSE, "PARTITION", "one table: the service spreads it by its primary key"},
    {RULE_CREATE_CLAUSE, "INHERITS", "the columns themselves, or LIKE"},
    {RULE_CREATE_CLAUSE, "DEFERRABLE",
     "the constraint without DEFERRABLE; foreign keys may have it"},
    {RULE_CREATE_CLAUSE, "for CREATE TABLE", remove_clause},
    {RULE_COLLATE, NULL,
     "no COLLATE: everything is sorted as in \"C\"; sort for people in the "
     "program"},
    {RULE_EXCLUDE, NULL, "UNIQUE, or a check in the transaction, with SELECT ... FOR UPDATE"},
    {RULE_DROP_KEY, NULL, rebuild},
    {RULE_DROP_KEY_COLUMN, NULL, rebuild},
    {RULE_ADD_COLUMN, NULL,
     "ADD COLUMN name type; then ALTER COLUMN ... SET DEFAULT, UPDATE of the old rows, ADD "
     "CONSTRAINT ... CHECK (...) NOT VALID"},
    {RULE_ALTER_COLUMN, "SET NOT NULL",
     "ADD CONSTRAINT c CHECK (column IS NOT NULL) NOT VALID, then "
     "ALTER TABLE ASYNC ... VALIDATE CONSTRAINT c"},
    {RULE_ALTER_COLUMN, "SET DATA TYPE",
     "a new column: ADD COLUMN, UPDATE in portions, DROP COLUMN, "
     "RENAME COLUMN"},
    {RULE_ALTER_COLUMN, NULL, "leave it out: the service decides it by itself"},
    {RULE_ALTER_TABLE, "ADD CONSTRAINT",
     "CHECK and FOREIGN KEY with NOT VALID, then ALTER TABLE ASYNC ... VALIDATE CONSTRAINT; for "
     "UNIQUE, CREATE UNIQUE INDEX ASYNC and ADD CONSTRAINT ... UNIQUE USING INDEX; a primary key "
     "only in CREATE TABLE"},
    {RULE_ALTER_TABLE, "VALIDATE CONSTRAINT", "ALTER TABLE ASYNC ... VALIDATE CONSTRAINT"},
    {RULE_ALTER_TABLE, "ALTER CONSTRAINT", "DROP CONSTRAINT, then ADD CONSTRAINT ... NOT VALID"},
    {RULE_ALTER_TABLE, "TRIGGER", no_triggers},
    {RULE_ALTER_TABLE, "ROW SECURITY", "views, roles and GRANT"},
    {RULE_ALTER_TABLE, "PARTITION", "one table: the service spreads it by its primary key"},
    {RULE_ALTER_TABLE, NULL, "leave it out: the service decides it by itself"},
    {RULE_IDENTITY_TYPE, NULL, "bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536)"},
    {RULE_IDENTITY_CACHE, NULL,
     "GENERATED BY DEFAULT AS IDENTITY (CACHE 65536); CACHE 1 where "
     "numbers must not have gaps of that size"},
    {RULE_SEQUENCE_TYPE, NULL, "AS bigint, or no AS"},
    {RULE_SEQUENCE_CACHE, NULL, "CACHE 65536, or CACHE 1 where gaps of that size are too large"},
    {RULE_DATATYPE, "[]", "a table of its own for the elements, or jsonb"},
    {RULE_DATATYPE, "money", "numeric(18, 2)"},
    {RULE_DATATYPE, "xml", "text"},
    {RULE_DATATYPE, "inet", "text"},
    {RULE_DATATYPE, "cidr", "text"},
    {RULE_DATATYPE, "macaddr", "text"},
    {RULE_DATATYPE, "bit", "bytea, or a boolean column for each bit"},
    {RULE_DATATYPE, "range", "two columns for the bounds, with a CHECK"},
    {RULE_DATATYPE, "ts", "text; search belongs into a search service"},
    {RULE_DATATYPE, NULL, "one of the types of columns that the page lists, or jsonb"},
    {RULE_SERIAL, NULL,
     "bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536), or uuid DEFAULT "
     "gen_random_uuid()"},
    {RULE_KEY_TYPE, NULL, "a key of another type: text, uuid, a number, a date"},
    {RULE_INDEX_SYNC, NULL, "CREATE INDEX ASYNC, then CALL sys.wait_for_job('id') with its job_id"},
    {RULE_INDEX_CLAUSE, "CONCURRENTLY", "CREATE INDEX ASYNC"},
    {RULE_INDEX_CLAUSE, "USING", "no USING: there is one kind of index"},
    {RULE_INDEX_CLAUSE, "COLLATE", "no COLLATE: everything is sorted as in \"C\""},
    {RULE_INDEX_CLAUSE, NULL, remove_clause},
    {RULE_DROP_INDEX_CLAUSE, NULL, "DROP INDEX, which keeps nobody waiting"},
    {RULE_INDEX_ORDER, NULL, "no ASC and DESC: an index is read in both directions"},
    {RULE_INDEX_OPCLASS, NULL, "the column without an operator class"},
};

const char *
advice_for(int rule, const char *message)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].rule == rule &&
            (table[i].words == NULL || strstr(message, table[i].words) != NULL)) {
            return table[i].advice;
        }
    }
    return "leave it out: the service has nothing like it";
}
