/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Clauses and calls in queries, wherever they stand; functions' texts; syntax
 * that is newer than the parser. */
#include "judge.h"

static void
locking_clauses(void)
{
    static const struct judged rows[] = {
        {"SELECT * FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"select * from only s.\"T\" for/**/no key\nupdate", RULE_LOCKING, NULL},
        {"SELECT * FROM t, u FOR UPDATE OF t FOR SHARE OF u SKIP LOCKED", RULE_LOCKING, NULL},
        {"SELECT * FROM (SELECT * FROM t FOR SHARE NOWAIT) x", RULE_LOCKING, NULL},
        {"SELECT (SELECT a FROM t LIMIT 1 FOR NO KEY UPDATE)", RULE_LOCKING, NULL},
        {"SELECT 1 WHERE EXISTS (SELECT FROM t WHERE a IN (SELECT b FROM u FOR SHARE))",
         RULE_LOCKING, NULL},
        {"WITH x AS (WITH y AS (SELECT * FROM t FOR SHARE) TABLE y) SELECT * FROM x", RULE_LOCKING,
         NULL},
        {"WITH x AS MATERIALIZED (SELECT * FROM t FOR SHARE) DELETE FROM u USING x", RULE_LOCKING,
         NULL},
        {"INSERT INTO u SELECT * FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"UPDATE u SET a = (SELECT a FROM t FOR SHARE)", RULE_LOCKING, NULL},
        {"TABLE t FOR SHARE", RULE_LOCKING, NULL},
        {"(SELECT * FROM t) FOR SHARE", RULE_LOCKING, NULL},
        {"EXPLAIN SELECT * FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"CREATE VIEW v AS SELECT * FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"COPY (SELECT * FROM t FOR SHARE) TO STDOUT", RULE_LOCKING, NULL},
        {"SELECT * FROM t JOIN LATERAL (SELECT * FROM u FOR SHARE) x ON true", RULE_LOCKING, NULL},
        {"SELECT * FROM t FOR UPDATE", 0, NULL},
        {"SELECT * FROM t FOR UPDATE OF t NOWAIT", 0, NULL},
        {"SELECT * FROM t WHERE a > 1 ORDER BY a LIMIT 1 FOR UPDATE SKIP LOCKED", 0, NULL},
        {"SELECT * FROM t, u FOR KEY SHARE OF t FOR UPDATE OF u", 0, NULL},
        {"WITH x AS (SELECT * FROM t FOR KEY SHARE NOWAIT) SELECT * FROM x", 0, NULL},
        {"SELECT 'FOR SHARE', \"for share\" FROM t -- FOR SHARE", 0, NULL},
    };
    JUDGE(rows);
}

static void
clauses_that_the_service_does_not_have(void)
{
    static const struct judged rows[] = {
        {"SELECT * FROM t TABLESAMPLE SYSTEM (1)", RULE_TABLESAMPLE, NULL},
        {"SELECT * FROM t AS x TABLESAMPLE bernoulli (5) REPEATABLE (1)", RULE_TABLESAMPLE, NULL},
        {"SELECT 1 FROM a JOIN (SELECT * FROM t TABLESAMPLE system(1)) b USING (c)",
         RULE_TABLESAMPLE, NULL},
        {"WITH x AS (SELECT * FROM t TABLESAMPLE system(1)) INSERT INTO u TABLE x",
         RULE_TABLESAMPLE, NULL},
        {"CREATE VIEW v AS SELECT * FROM t TABLESAMPLE system(1)", RULE_TABLESAMPLE, NULL},
        {"MERGE INTO t AS x USING (SELECT 1) y ON x.a = 1 WHEN NOT MATCHED THEN DO NOTHING",
         RULE_MERGE, NULL},
        {"EXPLAIN MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", RULE_MERGE, NULL},
        {"WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN MATCHED THEN DELETE", RULE_MERGE,
         NULL},
        {"SELECT a INTO t FROM u", RULE_STATEMENT, "CreateTableAs"},
        {"SELECT a INTO TEMPORARY TABLE t FROM u", RULE_STATEMENT, "CreateTableAs"},
        {"WITH x AS (SELECT 1 AS a) SELECT a INTO t FROM x", RULE_STATEMENT, "CreateTableAs"},
        {"EXPLAIN SELECT a INTO t FROM u", RULE_STATEMENT, "CreateTableAs"},
        {"SELECT pg_advisory_lock(1)", RULE_FUNCTION, "pg_advisory_lock"},
        {"SELECT \"pg_advisory_unlock_all\"()", RULE_FUNCTION, "pg_advisory_unlock_all"},
        {"SELECT * FROM pg_catalog . pg_try_advisory_lock_shared(1, 2) AS x", RULE_FUNCTION,
         "pg_try_advisory_lock_shared"},
        {"WITH x AS (SELECT pg_advisory_xact_lock(a) FROM t) SELECT 1", RULE_FUNCTION,
         "pg_advisory_xact_lock"},
        {"UPDATE t SET a = 1 WHERE pg_try_advisory_xact_lock_shared(a)", RULE_FUNCTION,
         "pg_try_advisory_xact_lock_shared"},
        {"SELECT s.pg_advisory_lock(1), 'pg_advisory_lock(1)'", 0, NULL},
    };
    JUDGE(rows);
}

static void
calls_of_set_config(void)
{
    static const struct judged rows[] = {
        {"SELECT set_config('jit', 'off', false)", RULE_SETTING, "jit"},
        {"SELECT set_config('jit'::text, 'off', false)", RULE_SETTING, "jit"},
        {"SELECT set_config(CAST(('JIT'::varchar) AS text), 'off', false)", RULE_SETTING, "JIT"},
        {"SELECT pg_catalog.\"set_config\"(E'j\\x69t', 'off', false)", RULE_SETTING, "jit"},
        {"SELECT set_config(is_local => true, new_value => 'a', setting_name => 'x.y')",
         RULE_SETTING, "x.y"},
        {"SELECT coalesce((SELECT set_config('row_security', 'off', true)), '')", RULE_SETTING,
         "row_security"},
        {"WITH x AS (SELECT set_config('lock_timeout', '5', true)) TABLE x", RULE_SETTING,
         "lock_timeout"},
        {"SELECT * FROM t WHERE set_config('work_mem', a, true) = a", RULE_SETTING, "work_mem"},
        {"INSERT INTO t SELECT set_config('statement_timeout', '0', false)", RULE_SETTING,
         "statement_timeout"},
        {"SELECT set_config('TimeZone', 'UTC', false), set_config($1, $2, false)", 0, NULL},
        {"SELECT s.set_config('jit', 'off', false)", 0, NULL},
    };
    JUDGE(rows);
}

static void
columns_of_the_other_side_in_a_left_lateral_join(void)
{
    static const struct judged rows[] = {
        {"SELECT * FROM p LEFT JOIN LATERAL (SELECT p.a FROM c) x ON true", RULE_LATERAL,
         "1 of type c"},
        {"SELECT 1 FROM p AS q LEFT OUTER JOIN LATERAL (SELECT q.a AS b FROM s.\"C\" AS d"
         " WHERE d.x = q.a) AS x ON 1 = 1",
         RULE_LATERAL, "1 of type C"},
        {"SELECT 1 FROM p LEFT JOIN LATERAL (SELECT length(p.a)::bigint FROM c) x ON true",
         RULE_LATERAL, "1 of type c"},
        {"WITH w AS (SELECT x.* FROM p LEFT JOIN LATERAL (SELECT c.a, p.b FROM c) x ON true)"
         " TABLE w",
         RULE_LATERAL, "2 of type c"},
        {"SELECT 1 FROM p CROSS JOIN LATERAL (SELECT p.a FROM c) x", 0, NULL},
        {"SELECT 1 FROM p JOIN LATERAL (SELECT p.a FROM c) x ON true", 0, NULL},
        {"SELECT 1 FROM p, LATERAL (SELECT p.a FROM c) x", 0, NULL},
        {"SELECT 1 FROM p LEFT JOIN LATERAL (SELECT c.a FROM c WHERE c.b = p.b) x ON true", 0,
         NULL},
        {"SELECT 1 FROM p LEFT JOIN LATERAL (SELECT c.a + p.a FROM c) x ON true", 0, NULL},
        {"SELECT 1 FROM p LEFT JOIN LATERAL (SELECT p.a FROM c LIMIT 1) x ON true", 0, NULL},
        {"SELECT 1 FROM p LEFT JOIN LATERAL (SELECT count(*) FROM c) x ON true", 0, NULL},
        {"SELECT 1 FROM p LEFT JOIN (SELECT c.a FROM c) x ON true", 0, NULL},
        {"SELECT 1 FROM p LEFT JOIN LATERAL f(p.a) x ON true", 0, NULL},
    };
    JUDGE(rows);
}

static void
texts_of_functions(void)
{
    static const struct judged rows[] = {
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM t FOR SHARE $$",
         RULE_LOCKING, NULL},
        {"CREATE FUNCTION f() RETURNS void AS 'TRUNCATE t' LANGUAGE 'sql'", RULE_STATEMENT,
         "Truncate"},
        {"CREATE OR REPLACE FUNCTION f() RETURNS int AS $x$ SELECT 1; SELECT ''''::money; $x$"
         " LANGUAGE SQL",
         RULE_DATATYPE, "money"},
        {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS E'SELECT 1;\\nVACUUM'", RULE_VACUUM,
         NULL},
        {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT set_config(''jit'', ''a'', "
         "true)'",
         RULE_SETTING, "jit"},
        {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SET LOCAL work_mem = 1'", RULE_SETTING,
         "work_mem"},
        {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'CREATE TABLE t (a serial)'",
         RULE_SERIAL, "serial"},
        {"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS"
         " $a$ CREATE FUNCTION g() RETURNS void LANGUAGE sql AS $b$ SAVEPOINT x $b$ $a$",
         RULE_TRANSACTION_STATEMENT, "SAVEPOINT"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 FROM t FOR SHARE; END",
         RULE_LOCKING, NULL},
        {"CREATE FUNCTION f() RETURNS int RETURN '1'::money::int", RULE_DATATYPE, "money"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = 1 AS 'SELECT 1'",
         RULE_SETTING, "work_mem"},
        {"ALTER FUNCTION f SET jit = off", RULE_SETTING, "jit"},
        {"CREATE FUNCTION f() RETURNS int AS 'TRUNCATE t' LANGUAGE plpgsql", RULE_LANGUAGE,
         "plpgsql"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE C AS 'file', 'symbol'", RULE_LANGUAGE, "c"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE \"plpgsql\" AS ''", RULE_LANGUAGE, "plpgsql"},
        {"CREATE FUNCTION f() RETURNS int AS '' LANGUAGE 'internal'", RULE_LANGUAGE, "internal"},
        {"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN END; $$", RULE_LANGUAGE,
         "plpgsql"},
        {"CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", RULE_PROCEDURE, NULL},
        {"CREATE OR REPLACE PROCEDURE s.p(a int) BEGIN ATOMIC END", RULE_PROCEDURE, NULL},
        {"ALTER PROCEDURE p() STRICT", RULE_PROCEDURE, NULL},
        {"ALTER PROCEDURE p() OWNER TO x", RULE_PROCEDURE, NULL},
        {"CREATE FUNCTION f(a int, b text DEFAULT 'TRUNCATE t') RETURNS SETOF t LANGUAGE sql STABLE"
         " SET search_path = s AS $$ SELECT * FROM t WHERE a = $1 AND b = 'VACUUM' $$",
         0, NULL},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'no SQL at all'", 0, NULL},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ''", 0, NULL},
    };
    JUDGE(rows);
}

static void
syntax_newer_than_the_parser(void)
{
    static const struct judged rows[] = {
        {"ALTER TABLE t ADD COLUMN a text STORAGE PLAIN", 0, NULL},
        {"ALTER TABLE t ADD a text STORAGE external NOT NULL", RULE_ADD_COLUMN, NULL},
        {"ALTER TABLE t ADD a xml STORAGE EXTENDED", RULE_DATATYPE, "xml"},
        {"CREATE TABLE t (a money STORAGE PLAIN)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (storage int, a text STORAGE default COLLATE \"C\")", RULE_COLLATE, NULL},
        {"CREATE TABLE storage (storage bytea STORAGE main, PRIMARY KEY (storage))", RULE_KEY_TYPE,
         "bytea"},
        {"CREATE TEMP TABLE t (a text STORAGE main)", RULE_CREATE_CLAUSE,
         "TEMPORARY or TEMP table"},
        {"CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 0x10000), b int DEFAULT "
         "1_0)",
         0, NULL},
        {"CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 65_536))", 0, NULL},
        {"CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 0b1000))",
         RULE_IDENTITY_CACHE, NULL},
        {"SELECT 1_000, 0xFF + 0o17 FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"SELECT * FROM (SELECT * FROM t FOR SHARE)", RULE_LOCKING, NULL},
        {"SELECT * FROM a, (SELECT 1), (VALUES (2)) WHERE b = '1'::money", RULE_DATATYPE, "money"},
        {"INSERT INTO t SELECT * FROM (SELECT * FROM (TABLE u)) JOIN (SELECT 1) ON true"
         " WHERE f((SELECT 1), 2) ORDER BY 1 FOR SHARE",
         RULE_LOCKING, NULL},
        {"SELECT set_config('jit', 'off', false) FROM (SELECT 1)", RULE_SETTING, "jit"},
        {"CREATE VIEW v AS SELECT * FROM (SELECT 1 AS a) WHERE a = pg_advisory_lock(1)",
         RULE_FUNCTION, "pg_advisory_lock"},
        {"SELECT JSON_OBJECT('a': 1) FROM t FOR SHARE", RULE_LOCKING, NULL},
        {"SELECT JSON_ARRAY(1 NULL ON NULL) FROM t FOR NO KEY UPDATE", RULE_LOCKING, NULL},
        {"SELECT a IS JSON FROM t TABLESAMPLE system (1)", RULE_TABLESAMPLE, NULL},
        {"SELECT a IS JSON OBJECT, '1'::money", RULE_DATATYPE, "money"},
        {"SELECT a IS JSON, CAST(b AS pg_catalog.point)", RULE_DATATYPE, "point"},
        {"SELECT JSON_ARRAY('1'::money RETURNING text)", RULE_DATATYPE, "money"},
        {"SELECT a IS JSON, pg_catalog.set_config('jit', 'off', true)", RULE_SETTING, "jit"},
        {"SELECT a IS JSON, pg_advisory_unlock(1)", RULE_FUNCTION, "pg_advisory_unlock"},
        {"SELECT a IS JSON, box '(1,1),(2,2)'", RULE_DATATYPE, "box"},
        {"CREATE TABLE t (a text CHECK (a IS JSON), b money)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a text CHECK (a IS NOT JSON OBJECT WITHOUT UNIQUE KEYS), b int[])",
         RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a text CHECK (a IS JSON SCALAR WITH UNIQUE), b serial)", RULE_SERIAL,
         "serial"},
        {"CREATE TABLE t (a json DEFAULT JSON_OBJECT('a': 1, 'b' VALUE '{}'::jsonb::text FORMAT "
         "JSON"
         " ABSENT ON NULL WITH UNIQUE KEYS RETURNING varchar(5)), b bigint GENERATED ALWAYS AS"
         " IDENTITY)",
         RULE_IDENTITY_CACHE, NULL},
        {"ALTER TABLE t ADD CHECK (JSON_ARRAY(a, b::text NULL ON NULL) IS NOT NULL)",
         RULE_ALTER_TABLE, "ADD CONSTRAINT"},
        {"CREATE VIEW v AS SELECT JSON_OBJECTAGG(k: v), JSON_ARRAYAGG(a RETURNING jsonb), "
         "'1'::money"
         " FROM t",
         RULE_DATATYPE, "money"},
        {"SELECT JSON_OBJECT('a': 1 RETURNING bytea FORMAT JSON ENCODING utf8) FROM t FOR SHARE",
         RULE_LOCKING, NULL},
        {"SELECT JSON_ARRAY(SELECT a FROM t FOR SHARE)", RULE_LOCKING, NULL},
        {"CREATE VIEW point (a) AS SELECT JSON_ARRAY(SELECT a FROM t FOR SHARE)", RULE_LOCKING,
         NULL},
        {"SELECT JSON_ARRAY(SELECT 1), CAST(b AS pg_catalog.point)", RULE_DATATYPE, "point"},
        {"SELECT JSON_ARRAY(SELECT 1), '1'::money", RULE_DATATYPE, "money"},
        {"SELECT JSON_ARRAY(SELECT 1), pg_catalog.set_config('jit', 'off', true)", RULE_SETTING,
         "jit"},
        {"SELECT JSON_ARRAY(SELECT pg_advisory_unlock(1))", RULE_FUNCTION, "pg_advisory_unlock"},
        {"((SELECT box '(1,1),(2,2)', JSON_ARRAY(SELECT 1)))", RULE_DATATYPE, "box"},
        {"SELECT JSON_ARRAY(SELECT 1) FROM t TABLESAMPLE system (1)", RULE_TABLESAMPLE, NULL},
        {"WITH point (a) AS (SELECT 1), line (b) AS (SELECT JSON_ARRAY(SELECT 1)) TABLE line", 0,
         NULL},
        {"SELECT JSON_ARRAY(SELECT 1), s.pg_advisory_lock(1), a.money, 1 AS box FROM line", 0,
         NULL},
        {"((SELECT a IS JSON FROM t)) FOR SHARE", RULE_LOCKING, NULL},
        {"SET LOCAL work_mem TO NEW SYNTAX", RULE_SETTING, "work_mem"},
        {"RESET SESSION jit NEW SYNTAX", RULE_SETTING, "jit"},
        {"SET TimeZone TO NEW SYNTAX", 0, NULL},
        {"SELECT JSON_OBJECT('a': 1), s.pg_advisory_lock(1), a.money, 1 AS box FROM line", 0, NULL},
        {"WITH point (a) AS (SELECT 1), line (b) AS (SELECT JSON_OBJECT('a': 1)) TABLE line", 0,
         NULL},
        {"SELECT extract(year FROM (SELECT now())), a IS DISTINCT FROM (SELECT 1), b IS JSON", 0,
         NULL},
    };
    JUDGE(rows);
    CHECK(only("SELECT * FROM (DELETE FROM t) x(a) IS JSON")->kind == RULES_READ);
    CHECK(only("WITH x AS (DELETE FROM t RETURNING a IS JSON) TABLE x")->kind == RULES_DML);
    CHECK(only("ALTER TABLE t ADD COLUMN a text STORAGE PLAIN")->same_positions);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(locking_clauses),     TEST(clauses_that_the_service_does_not_have),
        TEST(calls_of_set_config), TEST(columns_of_the_other_side_in_a_left_lateral_join),
        TEST(texts_of_functions),  TEST(syntax_newer_than_the_parser),
    };
    int status = RUN(tests);
    rules_text_clear(&judge_text);
    return status;
}
