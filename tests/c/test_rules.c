/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What each statement is, and in which words it is refused. */
#include "rules/rules.h"

#include <stdlib.h>

#include "check.h"

static struct rules_text text;

static const struct rules_statement *
only(const char *sql)
{
    static const struct rules_statement none;
    rules_text_clear(&text);
    CHECK(rules_text_read(sql, strlen(sql), &text) == 0);
    if (text.count != 1) {
        fprintf(stderr, "%zu statements in: %s\n", text.count, sql);
        CHECK(text.count == 1);
        return &none;
    }
    return &text.statements[0];
}

static size_t
count(const char *sql)
{
    rules_text_clear(&text);
    CHECK(rules_text_read(sql, strlen(sql), &text) == 0);
    return text.count;
}

static void
kinds_of_statements(void)
{
    static const struct {
        enum rules_kind kind;
        const char *sql;
    } rows[] = {
        {RULES_READ, "SELECT 1"},
        {RULES_READ, "VALUES (1)"},
        {RULES_READ, "TABLE t"},
        {RULES_READ, "SELECT * FROM t FOR UPDATE"},
        {RULES_READ, "EXPLAIN INSERT INTO t VALUES (1)"},
        {RULES_READ, "EXPLAIN (ANALYZE off, COSTS) DELETE FROM t"},
        {RULES_READ, "EXPLAIN (ANALYZE 0) DELETE FROM t"},
        {RULES_READ, "COPY t TO STDOUT"},
        {RULES_READ, "CALL sys.wait_for_job('x')"},
        {RULES_READ, "WITH x AS (SELECT 1) SELECT * FROM x"},
        {RULES_DML, "insert into t values (1)"},
        {RULES_DML, "/* c */ UPDATE t SET a = 1"},
        {RULES_DML, "DELETE FROM t"},
        {RULES_DML, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"},
        {RULES_DML, "EXPLAIN ANALYZE DELETE FROM t"},
        {RULES_DML, "EXPLAIN (COSTS, ANALYZE true) DELETE FROM t"},
        {RULES_DML, "COPY t FROM STDIN"},
        {RULES_DML, "COPY (DELETE FROM t RETURNING *) TO STDOUT"},
        {RULES_DDL, "CREATE TABLE t (a int)"},
        {RULES_DDL, "GRANT SELECT ON t TO r"},
        {RULES_DDL, "COMMENT ON TABLE t IS 'x'"},
        {RULES_DDL, "CREATE ROLE r WITH LOGIN"},
        {RULES_BEGIN, "BEGIN"},
        {RULES_BEGIN, "START TRANSACTION READ ONLY"},
        {RULES_BEGIN, "BEGIN ISOLATION LEVEL REPEATABLE READ"},
        {RULES_COMMIT, "COMMIT"},
        {RULES_COMMIT, "END"},
        {RULES_ROLLBACK, "ROLLBACK"},
        {RULES_ROLLBACK, "abort"},
        {RULES_SESSION, "SET search_path = a"},
        {RULES_SESSION, "SHOW server_version"},
        {RULES_SESSION, "DEALLOCATE ALL"},
        {RULES_SESSION, "SET CONSTRAINTS ALL DEFERRED"},
        {RULES_SESSION, "ANALYZE t"},
        /* not in the parser's grammar */
        {RULES_DML, "INSERT INTO t VALUES (1) SOMETHING NEW"},
        {RULES_READ, "SELECT SOMETHING NEW FROM FROM"},
        {RULES_DDL, "CREATE SOMETHING NEW"},
        {RULES_DML, "WITH x AS SOMETHING (DELETE FROM t) SELECT"},
        {RULES_DML, "COPY (DELETE FROM t SOMETHING NEW) TO STDOUT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rules_statement *statement = only(rows[i].sql);
        if (statement->kind != rows[i].kind || statement->rule != RULES_ALLOWED) {
            fprintf(stderr, "kind %d, %s: %s\n", statement->kind,
                    statement->message ? statement->message : "allowed", rows[i].sql);
        }
        CHECK(statement->kind == rows[i].kind);
        CHECK(statement->rule == RULES_ALLOWED);
    }
}

static void
statements_that_are_refused(void)
{
    static const struct {
        const char *sql;
        int rule;
        const char *message;
    } rows[] = {
        {"TRUNCATE t", RULE_STATEMENT, "unsupported statement: Truncate"},
        {"truncate/**/only \"T\", u cascade", RULE_STATEMENT, "unsupported statement: Truncate"},
        {"TRUNCATE SOMETHING NEW t", RULE_STATEMENT, "unsupported statement: Truncate"},
        {"LOCK TABLE t", RULE_STATEMENT, "unsupported statement: Lock"},
        {"LISTEN x", RULE_STATEMENT, "unsupported statement: Listen"},
        {"DISCARD ALL", RULE_STATEMENT, "unsupported statement: Discard"},
        {"DECLARE c CURSOR FOR SELECT 1", RULE_STATEMENT, "unsupported statement: DeclareCursor"},
        {"PREPARE p AS SELECT 1", RULE_STATEMENT, "unsupported statement: Prepare"},
        {"DO $$ BEGIN END $$", RULE_STATEMENT, "unsupported statement: Do"},
        {"CREATE TABLE t AS SELECT 1", RULE_STATEMENT, "unsupported statement: CreateTableAs"},
        {"SELECT 1 AS a INTO t", RULE_STATEMENT, "unsupported statement: CreateTableAs"},
        {"CREATE TEMP TABLE t AS EXECUTE p", RULE_STATEMENT,
         "unsupported statement: CreateTableAs"},
        {"EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", RULE_STATEMENT,
         "unsupported statement: CreateTableAs"},
        {"EXPLAIN EXECUTE p", RULE_STATEMENT, "unsupported statement: Execute"},
        {"CREATE EXTENSION x", RULE_STATEMENT, "unsupported statement: CreateExtension"},
        {"CREATE POLICY p ON t", RULE_STATEMENT, "unsupported statement: CreatePolicy"},
        {"MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", RULE_MERGE,
         "unsupported statement type: MERGE"},
        {"VACUUM", RULE_VACUUM, "unsupported VACUUM statement"},
        {"SAVEPOINT s", RULE_TRANSACTION_STATEMENT, "unsupported transaction statement: SAVEPOINT"},
        {"RELEASE s", RULE_TRANSACTION_STATEMENT, "unsupported transaction statement: RELEASE"},
        {"ROLLBACK TO s", RULE_TRANSACTION_STATEMENT,
         "unsupported transaction statement: ROLLBACK TO"},
        {"START TRANSACTION ISOLATION LEVEL READ COMMITTED", RULE_ISOLATION,
         "Unsupported isolation level: READ COMMITTED"},
        {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", RULE_ISOLATION,
         "Unsupported isolation level: SERIALIZABLE"},
        {"SET TRANSACTION READ ONLY", RULE_SETTING,
         "setting configuration parameter \"TRANSACTION\" not supported"},
        {"SELECT * FROM t FOR SHARE", RULE_LOCKING,
         "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"},
        {"SELECT * FROM (SELECT * FROM t FOR NO KEY UPDATE) x", RULE_LOCKING,
         "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"},
        {"SELECT * FROM t TABLESAMPLE BERNOULLI (1)", RULE_TABLESAMPLE,
         "TABLESAMPLE clause not supported"},
        {"SET statement_timeout = 5", RULE_SETTING,
         "setting configuration parameter \"statement_timeout\" not supported"},
        {"RESET jit", RULE_SETTING, "setting configuration parameter \"jit\" not supported"},
        {"SET ROLE x", RULE_SETTING, "setting configuration parameter \"role\" not supported"},
        {"SELECT 1 WHERE pg_catalog.set_config('lock_timeout', '5', false) = ''", RULE_SETTING,
         "setting configuration parameter \"lock_timeout\" not supported"},
        {"SELECT pg_catalog.pg_advisory_lock(1)", RULE_FUNCTION,
         "function pg_advisory_lock not supported"},
        {"SELECT 1 FROM t WHERE PG_TRY_ADVISORY_XACT_LOCK(a)", RULE_FUNCTION,
         "function pg_try_advisory_xact_lock not supported"},
        {"SHOW lc_ctype", RULE_UNKNOWN_SETTING,
         "unrecognized configuration parameter \"lc_ctype\""},
        {"CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()", RULE_CREATE,
         "CREATE TRIGGER not supported"},
        {"CREATE TYPE y AS ENUM ('a')", RULE_CREATE, "CREATE TYPE not supported"},
        {"ALTER TYPE y ADD VALUE 'b'", RULE_ALTER, "ALTER TYPE not supported"},
        {"ALTER TYPE y ADD ATTRIBUTE b int", RULE_ALTER, "ALTER TYPE not supported"},
        {"CREATE PROCEDURE p() LANGUAGE sql AS ''", RULE_PROCEDURE, "PROCEDURE is not supported"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE 'plpgsql' AS ''", RULE_LANGUAGE,
         "CREATE FUNCTION with language plpgsql not supported"},
        {"DROP TYPE y", RULE_DROP_OBJECT, "unsupported object in DROP statement"},
        {"DROP INDEX CONCURRENTLY i", RULE_DROP_INDEX_CLAUSE,
         "CONCURRENTLY not supported for DROP INDEX"},
        {"ALTER TYPE y RENAME TO z", RULE_RENAME_OBJECT, "unsupported object in RENAME statement"},
        {"GRANT USAGE ON SCHEMA public TO r", RULE_SYSTEM_ENTITY,
         "feature not supported on system entity"},
        {"REVOKE SELECT ON t, \"sys\".jobs FROM r", RULE_SYSTEM_ENTITY,
         "feature not supported on system entity"},
        {"CREATE SCHEMA s CREATE VIEW v AS SELECT 1 CREATE TABLE t (a serial)", RULE_SERIAL,
         "type \"serial\" does not exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rules_statement *statement = only(rows[i].sql);
        CHECK(statement->rule == rows[i].rule);
        CHECK_TEXT(statement->message, rows[i].message);
        CHECK_TEXT(statement->sqlstate, rules_sqlstate(rows[i].rule));
    }
}

static void
tables_types_and_identity(void)
{
    static const struct {
        const char *sql;
        int rule;
        const char *message;
    } rows[] = {
        {"CREATE TEMP TABLE t (a int)", RULE_CREATE_CLAUSE,
         "TEMPORARY or TEMP table not supported for CREATE TABLE"},
        {"CREATE TABLE pg_temp.t (a int)", RULE_CREATE_CLAUSE,
         "TEMPORARY or TEMP table not supported for CREATE TABLE"},
        {"CREATE UNLOGGED TABLE t (a int)", RULE_CREATE_CLAUSE,
         "UNLOGGED table not supported for CREATE TABLE"},
        {"CREATE TABLE t (a int) PARTITION BY HASH (a)", RULE_CREATE_CLAUSE,
         "PARTITION BY not supported for CREATE TABLE"},
        {"CREATE TABLE t (a int[])", RULE_DATATYPE, "datatype integer[] not supported"},
        {"CREATE TABLE t (a varchar(5) ARRAY)", RULE_DATATYPE,
         "datatype character varying[] not supported"},
        {"CREATE TABLE t (a _int4)", RULE_DATATYPE, "datatype integer[] not supported"},
        {"CREATE TABLE t (a mydomain[][])", RULE_DATATYPE, "datatype mydomain[] not supported"},
        {"CREATE TABLE t (a regdictionary)", RULE_DATATYPE, "datatype regdictionary not supported"},
        {"CREATE TABLE t (a pg_catalog.money)", RULE_DATATYPE, "datatype money not supported"},
        {"CREATE TABLE t (a varbit(8))", RULE_DATATYPE, "datatype bit varying not supported"},
        {"CREATE DOMAIN d AS inet", RULE_DATATYPE, "datatype inet not supported"},
        {"CREATE TABLE t (a bigserial)", RULE_SERIAL, "type \"bigserial\" does not exist"},
        {"ALTER TABLE t ADD a serial", RULE_SERIAL, "type \"serial\" does not exist"},
        {"SELECT '1'::money", RULE_DATATYPE, "datatype money not supported"},
        {"SELECT CAST(x AS point) FROM t", RULE_DATATYPE, "datatype point not supported"},
        {"SELECT '{}'::box[]", RULE_DATATYPE, "datatype box[] not supported"},
        {"SELECT line('{1,2,3}')", RULE_DATATYPE, "datatype line not supported"},
        {"CREATE TABLE t (a text COLLATE \"C\")", RULE_COLLATE, "COLLATE not supported"},
        {"CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))", RULE_EXCLUDE,
         "EXCLUDE constraint not supported"},
        {"CREATE TABLE t (a jsonb PRIMARY KEY)", RULE_KEY_TYPE,
         "datatype jsonb is not supported in a key"},
        {"CREATE TABLE t (a int, b bytea, UNIQUE (a, b))", RULE_KEY_TYPE,
         "datatype bytea is not supported in a key"},
        {"CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (CACHE 1))", RULE_IDENTITY_TYPE,
         "datatype integer not supported, identity column type must be bigint"},
        {"CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY)", RULE_IDENTITY_CACHE,
         "identity column is not supported without an explicit cache size. please define CACHE "
         "greater than or equal to 65536 or equal to 1"},
        {"ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY (CACHE 5)", RULE_IDENTITY_CACHE,
         "identity column is not supported without an explicit cache size. please define CACHE "
         "greater than or equal to 65536 or equal to 1"},
        {"ALTER TABLE t ALTER a SET GENERATED ALWAYS SET CACHE 100", RULE_IDENTITY_CACHE, NULL},
        {"CREATE SEQUENCE s", RULE_SEQUENCE_CACHE, NULL},
        {"ALTER SEQUENCE s CACHE 2", RULE_SEQUENCE_CACHE, NULL},
        {"ALTER SEQUENCE s AS smallint", RULE_SEQUENCE_TYPE, NULL},
        {"CREATE SEQUENCE s AS integer CACHE 1", RULE_SEQUENCE_TYPE, NULL},
        {"ALTER TABLE t ADD COLUMN a int NOT NULL", RULE_ADD_COLUMN,
         "ALTER TABLE ADD COLUMN with constraint not supported"},
        {"ALTER TABLE t ALTER a SET NOT NULL", RULE_ALTER_COLUMN,
         "unsupported ALTER TABLE ALTER COLUMN ... SET NOT NULL statement"},
        {"ALTER TABLE t ALTER a TYPE text", RULE_ALTER_COLUMN,
         "unsupported ALTER TABLE ALTER COLUMN ... SET DATA TYPE statement"},
        {"ALTER TABLE t ADD PRIMARY KEY (a)", RULE_ALTER_TABLE,
         "unsupported ALTER TABLE ADD CONSTRAINT statement"},
        {"ALTER TABLE t ADD CHECK (a > 0)", RULE_ALTER_TABLE,
         "unsupported ALTER TABLE ADD CONSTRAINT statement"},
        {"ALTER TABLE t VALIDATE CONSTRAINT c", RULE_ALTER_TABLE,
         "unsupported ALTER TABLE VALIDATE CONSTRAINT statement"},
        {"CREATE TABLE t (a int, PRIMARY KEY (a, b, c, d, e, f, g, h, i))", RULE_INDEX_KEYS,
         "more than 8 column keys in an index are not supported"},
        {"ALTER TABLE t ENABLE ROW LEVEL SECURITY", RULE_ALTER_TABLE,
         "unsupported ALTER TABLE ENABLE ROW SECURITY statement"},
        {"ALTER TABLE t DROP COLUMN a, ALTER b SET STATISTICS 5", RULE_ALTER_COLUMN,
         "unsupported ALTER TABLE ALTER COLUMN ... SET STATISTICS statement"},
        {"CREATE TABLE t (a bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536) PRIMARY KEY)",
         RULES_ALLOWED, NULL},
        {"CREATE TABLE t (a mydomain, b json, c jsonb, d interval, e timetz, f char(5))",
         RULES_ALLOWED, NULL},
        {"CREATE TABLE t (a int REFERENCES u ON DELETE CASCADE DEFERRABLE)", RULES_ALLOWED, NULL},
        {"CREATE SEQUENCE s CACHE 3000000000", RULES_ALLOWED, NULL},
        {"ALTER SEQUENCE s RESTART WITH 5", RULES_ALLOWED, NULL},
        {"ALTER TABLE t ALTER a RESTART SET CACHE 1", RULES_ALLOWED, NULL},
        {"ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", RULES_ALLOWED, NULL},
        {"ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i", RULES_ALLOWED, NULL},
        {"SELECT '1.2.3.4'::inet, ARRAY[1]::int[]", RULES_ALLOWED, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rules_statement *statement = only(rows[i].sql);
        if (statement->rule != rows[i].rule) {
            fprintf(stderr, "%s: %s\n", rows[i].sql, rules_name(statement->rule));
        }
        CHECK(statement->rule == rows[i].rule);
        if (rows[i].message != NULL) {
            CHECK_TEXT(statement->message, rows[i].message);
        }
    }
}

static void
tables_have_255_columns_at_most(void)
{
    char sql[8192] = "CREATE TABLE t (c0 int";
    for (int column = 1; column < 255; column++) {
        size_t at = strlen(sql);
        snprintf(sql + at, sizeof sql - at, ", c%d int", column);
    }
    size_t end = strlen(sql);
    snprintf(sql + end, sizeof sql - end, ")");
    CHECK(only(sql)->rule == RULES_ALLOWED);
    snprintf(sql + end, sizeof sql - end, ", one_more int)");
    CHECK(only(sql)->rule == RULE_COLUMNS);
}

static void
tables_have_24_indexes_at_most(void)
{
    char sql[2048] = "CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, CHECK (a > 0)";
    for (int key = 2; key < 24; key++) {
        strcat(sql, ", UNIQUE (a, b)");
    }
    size_t end = strlen(sql);
    strcpy(sql + end, ")");
    CHECK(only(sql)->rule == RULES_ALLOWED);
    strcpy(sql + end, ", c int CONSTRAINT u UNIQUE)");
    CHECK(only(sql)->rule == RULE_INDEXES);
}

static void
indexes(void)
{
    const struct rules_statement *statement =
        only("CREATE UNIQUE INDEX ASYNC IF NOT EXISTS \"I x\" ON s.\"T\" (a) INCLUDE (b)");
    CHECK(statement->rule == RULES_ALLOWED && statement->job == RULES_JOB_INDEX_BUILD);
    CHECK(statement->same_positions);
    CHECK_TEXT(statement->sql,
               "CREATE UNIQUE INDEX       IF NOT EXISTS \"I x\" ON s.\"T\" (a) INCLUDE (b)");
    CHECK_TEXT(statement->job_table, "s.\"T\"");
    CHECK_TEXT(statement->job_object, "I x");
    statement = only("create index/**/async on t using btree_index (a)");
    CHECK(statement->rule == RULES_ALLOWED && statement->job == RULES_JOB_INDEX_BUILD);
    CHECK(statement->job_object == NULL);
    CHECK_TEXT(statement->job_table, "t");
    statement = only("CREATE INDEX ASYNC async ON ONLY S /* s */ . U&\"\\00541\" (a)");
    CHECK(statement->rule == RULES_ALLOWED && statement->job == RULES_JOB_INDEX_BUILD);
    CHECK_TEXT(statement->job_table, "s.\"T1\"");
    CHECK_TEXT(statement->job_object, "async");
    CHECK_TEXT(only("CREATE INDEX ASYNC ON \"a\"\"b.c\" (a)")->job_table, "\"a\"\"b.c\"");
    CHECK(only("CREATE INDEX ASYNC i ON t USING \"btree_index\" (a)")->rule == RULES_ALLOWED);
    CHECK(only("CREATE INDEX i ON t (a)")->rule == RULE_INDEX_SYNC);
    CHECK(only("CREATE INDEX \"async\" ON t (a)")->rule == RULE_INDEX_SYNC);
    CHECK(only("CREATE INDEX CONCURRENTLY i ON t (a)")->rule == RULE_INDEX_CLAUSE);
    CHECK(only("CREATE INDEX ASYNC i ON t USING gin (a)")->rule == RULE_INDEX_CLAUSE);
    CHECK(only("CREATE INDEX ASYNC i ON t (a DESC)")->rule == RULE_INDEX_ORDER);
    CHECK(only("CREATE INDEX ASYNC i ON t (a text_ops)")->rule == RULE_INDEX_OPCLASS);
    CHECK(only("CREATE INDEX ASYNC i ON t (a,b,c,d,e,f,g,h,i)")->rule == RULE_INDEX_KEYS);
    CHECK(only("CREATE INDEX ASYNC i ON t ((lower(a)) NULLS FIRST) WHERE a > 'x'")->rule ==
          RULES_ALLOWED);
}

static void
validation_jobs(void)
{
    const struct rules_statement *statement =
        only("ALTER TABLE ASYNC s.t VALIDATE CONSTRAINT \"C\"");
    CHECK(statement->rule == RULES_ALLOWED && statement->job == RULES_JOB_VALIDATE_CONSTRAINT);
    CHECK_TEXT(statement->sql, "ALTER TABLE       s.t VALIDATE CONSTRAINT \"C\"");
    CHECK_TEXT(statement->job_table, "s.t");
    CHECK_TEXT(statement->job_object, "C");
    CHECK_TEXT(only("alter table async if exists only validate validate constraint c")->job_table,
               "validate");
    /* a table of that name */
    CHECK_TEXT(only("ALTER TABLE async OWNER TO b")->sql, "ALTER TABLE async OWNER TO b");
    CHECK_TEXT(only("ALTER TABLE async.t ADD a int")->sql, "ALTER TABLE async.t ADD a int");
    CHECK(only("ALTER TABLE async RENAME TO b")->job == RULES_JOB_NONE);
    CHECK(only("ALTER TABLE async VALIDATE CONSTRAINT c")->rule == RULE_ALTER_TABLE);
}

static void
iam_mappings(void)
{
    const struct rules_statement *statement =
        only("aws iam GRANT \"My Role\" TO 'arn:aws:iam::1:role/o''x'");
    CHECK(statement->kind == RULES_DDL && statement->rule == RULES_ALLOWED);
    CHECK_TEXT(statement->tag, "GRANT");
    CHECK_TEXT(statement->sql,
               "CALL pg_catalog.dsql_local_iam_grant('My Role','arn:aws:iam::1:role/o''x')");
    CHECK_TEXT(only("AWS IAM REVOKE r FROM 'a'")->tag, "REVOKE");
    /* syntax errors, which are PostgreSQL's to tell */
    CHECK_TEXT(only("AWS IAM GRANT r")->sql, "AWS IAM GRANT r");
    CHECK(only("AWS IAM GRANT r TO arn")->tag == NULL);
    CHECK(only("AWS IAM GRANT 'r' TO 'arn'")->tag == NULL);
    CHECK(only("AWS IAM GRANT r TO 'arn' x")->tag == NULL);
}

static void
texts_are_cut_at_their_semicolons(void)
{
    static const char sql[] = " ;SELECT ';' ; /* ; */ CREATE FUNCTION f() RETURNS int BEGIN ATOMIC "
                              "SELECT CASE WHEN true THEN 1 END; END; COMMIT -- ;\n ";
    rules_text_clear(&text);
    CHECK(rules_text_read(sql, sizeof sql - 1, &text) == 0);
    CHECK(text.count == 3);
    if (text.count == 3) {
        CHECK_TEXT(text.statements[0].sql, "SELECT ';'");
        CHECK(strncmp(sql + text.statements[1].start, "CREATE", 6) == 0);
        CHECK_TEXT(text.statements[2].sql, "COMMIT");
    }
    CHECK(count("SELECT begin atomic; DELETE FROM t") == 2);
    CHECK(count("SELECT E'a'\n'b\\'; c;'; SELECT 2") == 2);
    CHECK(count("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); COMMIT") == 2);
    CHECK(count(" -- nothing") == 0);
}

/* "SELECT 1 + 1 + ... tail" */
static char *
chain(const char *head, const char *link, size_t links, const char *tail)
{
    char *sql = malloc(strlen(head) + links * strlen(link) + strlen(tail) + 1);
    CHECK(sql != NULL);
    char *to = sql ? stpcpy(sql, head) : NULL;
    for (size_t i = 0; i < links && to != NULL; i++) {
        to = stpcpy(to, link);
    }
    if (to != NULL) {
        stpcpy(to, tail);
    }
    return sql;
}

static void
statements_of_any_size_and_depth(void)
{
    static const struct {
        const char *head, *link;
        size_t links;
        const char *tail;
        enum rules_kind kind;
        int rule;
    } rows[] = {
        /* too deep to be parsed: judged by the first words */
        {"SELECT 1", "+1", 200000, "", RULES_READ, RULES_ALLOWED},
        {"UPDATE t SET a = f(1, 2", " IS NULL", 200000, ")", RULES_DML, RULES_ALLOWED},
        {"SELECT 1, 2", " UNION SELECT 1, 2", 200000, "", RULES_READ, RULES_ALLOWED},
        {"SELECT ", "f(1, ", 100000, "", RULES_READ, RULES_ALLOWED},
        {"SELECT 1", "||f(1, 2)", 1500, "", RULES_READ, RULES_ALLOWED},
        /* long, but flat */
        {"INSERT INTO t VALUES (1)", ", (f(-1, 2), 2)", 50000, "", RULES_DML, RULES_ALLOWED},
        {"SELECT * FROM t WHERE a IN (1", ", 1", 100000, ") FOR SHARE", RULES_READ, RULE_LOCKING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *sql = chain(rows[i].head, rows[i].link, rows[i].links, rows[i].tail);
        if (sql != NULL) {
            const struct rules_statement *statement = only(sql);
            CHECK(statement->kind == rows[i].kind);
            CHECK(statement->rule == rows[i].rule);
        }
        free(sql);
    }
}

static void
details_for_the_session(void)
{
    CHECK(only("COPY t FROM STDIN")->copy == RULES_COPY_IN);
    CHECK(only("COPY t TO STDOUT")->copy == RULES_COPY_OUT);
    CHECK(only("COPY t FROM '/file'")->copy == RULES_COPY_NONE);
    CHECK(only("DEALLOCATE ALL")->deallocate_all);
    CHECK(!only("DEALLOCATE x")->deallocate_all);
    CHECK_TEXT(only("SHOW Server_Version")->show, "server_version");
    CHECK(rules_setting_is_allowed("TimeZone"));
    CHECK(!rules_setting_is_allowed("lock_timeout"));
    CHECK(only("SELECT set_config('search_path', 'a', true)")->rule == RULES_ALLOWED);
    CHECK(only("SET LOCAL role = 'x'")->rule == RULES_ALLOWED);
    CHECK(only("SET TIME ZONE 'UTC'")->rule == RULES_ALLOWED);
    CHECK(only("SET NAMES 'UTF8'")->rule == RULES_ALLOWED);
    CHECK(only("RESET ALL")->rule == RULES_ALLOWED);
}

static void
every_rule_has_a_state_and_a_message(void)
{
    for (int rule = 1; rule < RULES_COUNT; rule++) {
        CHECK(strlen(rules_sqlstate(rule)) == 5);
        CHECK(strlen(rules_message(rule)) > 5);
        CHECK(strncmp(rules_name(rule), "RULE_", 5) == 0);
    }
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(kinds_of_statements),
        TEST(statements_that_are_refused),
        TEST(tables_types_and_identity),
        TEST(tables_have_255_columns_at_most),
        TEST(tables_have_24_indexes_at_most),
        TEST(indexes),
        TEST(validation_jobs),
        TEST(iam_mappings),
        TEST(texts_are_cut_at_their_semicolons),
        TEST(statements_of_any_size_and_depth),
        TEST(details_for_the_session),
        TEST(every_rule_has_a_state_and_a_message),
    };
    int status = RUN(tests);
    rules_text_clear(&text);
    return status;
}
