/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Types in every spelling and place: stored, in keys, in expressions. */
#include "judge.h"

static void
columns_of_types_that_are_not_stored(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a money)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a MONEY NOT NULL DEFAULT 0)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a pg_catalog.money)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a \"pg_catalog\" . \"money\")", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a /* a */ /* b /* c */ */ xml -- d\n)", RULE_DATATYPE, "xml"},
        {"CREATE TABLE t (a point)", RULE_DATATYPE, "point"},
        {"CREATE TABLE t (a lseg)", RULE_DATATYPE, "lseg"},
        {"CREATE TABLE t (a bit)", RULE_DATATYPE, "bit"},
        {"CREATE TABLE t (a bit(3))", RULE_DATATYPE, "bit"},
        {"CREATE TABLE t (a bit varying)", RULE_DATATYPE, "bit varying"},
        {"CREATE TABLE t (a bit varying (9))", RULE_DATATYPE, "bit varying"},
        {"CREATE TABLE t (a macaddr)", RULE_DATATYPE, "macaddr"},
        {"CREATE TABLE t (a macaddr8)", RULE_DATATYPE, "macaddr8"},
        {"CREATE TABLE t (a tsquery)", RULE_DATATYPE, "tsquery"},
        {"CREATE TABLE t (a int8range)", RULE_DATATYPE, "int8range"},
        {"CREATE TABLE t (a numrange)", RULE_DATATYPE, "numrange"},
        {"CREATE TABLE t (a tstzrange)", RULE_DATATYPE, "tstzrange"},
        {"CREATE TABLE t (a daterange)", RULE_DATATYPE, "daterange"},
        {"CREATE TABLE t (a int4multirange)", RULE_DATATYPE, "int4multirange"},
        {"CREATE TABLE t (a jsonpath)", RULE_DATATYPE, "jsonpath"},
        {"CREATE TABLE t (a txid_snapshot)", RULE_DATATYPE, "txid_snapshot"},
        {"CREATE TABLE t (a oid)", RULE_DATATYPE, "oid"},
        {"CREATE TABLE t (a name)", RULE_DATATYPE, "name"},
        {"CREATE TABLE t (a \"char\")", RULE_DATATYPE, "\"char\""},
        {"CREATE TABLE t (a regclass)", RULE_DATATYPE, "regclass"},
        {"CREATE TABLE t (a xid8)", RULE_DATATYPE, "xid8"},
        {"CREATE TABLE IF NOT EXISTS s.t (a int, b box)", RULE_DATATYPE, "box"},
        {"CREATE TABLE t (a box GENERATED ALWAYS AS (NULL) STORED)", RULE_DATATYPE, "box"},
        {"ALTER TABLE t ADD a cidr", RULE_DATATYPE, "cidr"},
        {"ALTER TABLE IF EXISTS ONLY s.t ADD COLUMN IF NOT EXISTS a inet", RULE_DATATYPE, "inet"},
        {"CREATE DOMAIN d AS point", RULE_DATATYPE, "point"},
        {"CREATE DOMAIN d tsvector NOT NULL", RULE_DATATYPE, "tsvector"},
        {"CREATE SCHEMA s CREATE TABLE t (a path)", RULE_DATATYPE, "path"},
    };
    JUDGE(rows);
}

static void
columns_of_arrays(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a int[])", RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a int[3][4])", RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a integer ARRAY)", RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a int4 ARRAY[5])", RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a _int4)", RULE_DATATYPE, "integer[]"},
        {"CREATE TABLE t (a pg_catalog._text)", RULE_DATATYPE, "text[]"},
        {"CREATE TABLE t (a varchar(5)[])", RULE_DATATYPE, "character varying[]"},
        {"CREATE TABLE t (a char(2)[])", RULE_DATATYPE, "character[]"},
        {"CREATE TABLE t (a decimal(4, 2)[])", RULE_DATATYPE, "numeric[]"},
        {"CREATE TABLE t (a double precision[])", RULE_DATATYPE, "double precision[]"},
        {"CREATE TABLE t (a float(24)[])", RULE_DATATYPE, "real[]"},
        {"CREATE TABLE t (a float[])", RULE_DATATYPE, "double precision[]"},
        {"CREATE TABLE t (a timestamptz[])", RULE_DATATYPE, "timestamp with time zone[]"},
        {"CREATE TABLE t (a timestamp(3)[])", RULE_DATATYPE, "timestamp without time zone[]"},
        {"CREATE TABLE t (a time with time zone[])", RULE_DATATYPE, "time with time zone[]"},
        {"CREATE TABLE t (a boolean[])", RULE_DATATYPE, "boolean[]"},
        {"CREATE TABLE t (a uuid[] DEFAULT '{}')", RULE_DATATYPE, "uuid[]"},
        {"CREATE TABLE t (a jsonb[])", RULE_DATATYPE, "jsonb[]"},
        {"CREATE TABLE t (a bigint[] PRIMARY KEY)", RULE_DATATYPE, "bigint[]"},
        {"ALTER TABLE t ADD COLUMN a smallint[]", RULE_DATATYPE, "smallint[]"},
        {"CREATE DOMAIN d AS text[]", RULE_DATATYPE, "text[]"},
    };
    JUDGE(rows);
}

static void
serial_types_do_not_exist(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a SERIAL)", RULE_SERIAL, "serial"},
        {"CREATE TABLE t (a serial4 PRIMARY KEY)", RULE_SERIAL, "serial4"},
        {"CREATE TABLE t (a bigserial)", RULE_SERIAL, "bigserial"},
        {"CREATE TABLE t (a serial8)", RULE_SERIAL, "serial8"},
        {"CREATE TABLE t (a smallserial)", RULE_SERIAL, "smallserial"},
        {"CREATE TABLE t (a serial2)", RULE_SERIAL, "serial2"},
        {"CREATE TABLE t (a \"serial\")", RULE_SERIAL, "serial"},
        {"ALTER TABLE t ADD COLUMN a bigserial", RULE_SERIAL, "bigserial"},
        {"CREATE TABLE t (a serial[])", RULE_SERIAL, "serial[]"},
        {"CREATE TABLE t (a pg_catalog.serial, b s.serial)", 0, NULL}, /* PostgreSQL's to tell */
    };
    JUDGE(rows);
}

static void
types_that_are_stored(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a int2, b smallint, c int, d int4, e bigint, f int8)", 0, NULL},
        {"CREATE TABLE t (a real, b float4, c float(3), d float(53), e float, f float8)", 0, NULL},
        {"CREATE TABLE t (a numeric, b numeric(1000, 1000), c dec(5), d decimal(5, -2))", 0, NULL},
        {"CREATE TABLE t (a char, b char(4096), c nchar(3), d bpchar, e character(1))", 0, NULL},
        {"CREATE TABLE t (a varchar, b varchar(65535), c national character varying(9))", 0, NULL},
        {"CREATE TABLE t (a text, b bytea, c bool, d uuid, e date, f json, g jsonb)", 0, NULL},
        {"CREATE TABLE t (a time(3), b timetz, c time with time zone, d timestamp(0))", 0, NULL},
        {"CREATE TABLE t (a interval, b interval day to second(3), c timestamptz)", 0, NULL},
        {"CREATE TABLE t (a pg_catalog.\"int4\", b \"pg_catalog\".text, c \"varchar\"(5))", 0,
         NULL},
        {"CREATE TABLE t (a mydomain, b s.mydomain)", 0, NULL},
        {"CREATE TABLE t (a s.money, b s.\"serial\", c \"Money\")", 0, NULL}, /* not PostgreSQL's */
        {"CREATE TABLE money (line int, box text, \"int[]\" int)", 0, NULL},
        {"ALTER TABLE t ADD COLUMN a jsonb", 0, NULL},
    };
    JUDGE(rows);
}

static void
lengths_that_columns_may_be_declared_with(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a varchar(65536))", RULE_COLUMN_SIZE, NULL},
        {"CREATE TABLE t (a character varying(100000))", RULE_COLUMN_SIZE, NULL},
        {"CREATE TABLE t (a char(4097))", RULE_COLUMN_SIZE, NULL},
        {"CREATE TABLE t (a bpchar(5000))", RULE_COLUMN_SIZE, NULL},
        {"ALTER TABLE t ADD a varchar(65536)", RULE_COLUMN_SIZE, NULL},
        {"CREATE DOMAIN d AS char(4097)", RULE_COLUMN_SIZE, NULL},
        {"SELECT 'a'::varchar(70000)", 0, NULL},
        {"CREATE TABLE t (a varchar(2001) PRIMARY KEY)", RULE_KEY_SIZE, NULL},
        {"CREATE TABLE t (a varchar(1500), b char(501), UNIQUE (a, b))", RULE_KEY_SIZE, NULL},
        {"CREATE TABLE t (a varchar(2001) UNIQUE)", RULE_KEY_SIZE, NULL},
        {"CREATE TABLE t (a varchar(2000) PRIMARY KEY, b varchar(9000))", 0, NULL},
        {"CREATE TABLE t (a varchar PRIMARY KEY, b text UNIQUE, c numeric(900) UNIQUE)", 0, NULL},
    };
    JUDGE(rows);
}

static void
types_that_are_no_keys(void)
{
    static const struct judged rows[] = {
        {"CREATE TABLE t (a json PRIMARY KEY)", RULE_KEY_TYPE, "json"},
        {"CREATE TABLE t (a bytea UNIQUE)", RULE_KEY_TYPE, "bytea"},
        {"CREATE TABLE t (a interval CONSTRAINT k PRIMARY KEY)", RULE_KEY_TYPE, "interval"},
        {"CREATE TABLE t (a timetz, CONSTRAINT k UNIQUE (a))", RULE_KEY_TYPE,
         "time with time zone"},
        {"CREATE TABLE t (a time (3) with time zone PRIMARY KEY)", RULE_KEY_TYPE,
         "time with time zone"},
        {"CREATE TABLE t (\"A\" jsonb, b int, PRIMARY KEY (b, \"A\"))", RULE_KEY_TYPE, "jsonb"},
        {"CREATE TABLE t (a int, b jsonb, UNIQUE NULLS NOT DISTINCT (b))", RULE_KEY_TYPE, "jsonb"},
        {"CREATE INDEX ASYNC i ON t ((a::jsonb))", RULE_KEY_TYPE, "jsonb"},
        {"CREATE INDEX ASYNC i ON t (b, (CAST(a AS bytea)))", RULE_KEY_TYPE, "bytea"},
        {"CREATE TABLE t (a int, b jsonb, c bytea, PRIMARY KEY (a) INCLUDE (b, c))", 0, NULL},
        {"CREATE TABLE t (a numeric PRIMARY KEY, b time UNIQUE, c boolean UNIQUE)", 0, NULL},
        {"CREATE INDEX ASYNC i ON t ((a->>'x')) INCLUDE (b)", 0, NULL},
    };
    JUDGE(rows);
}

static void
types_that_are_not_there_even_in_expressions(void)
{
    static const struct judged rows[] = {
        {"SELECT '1'::money", RULE_DATATYPE, "money"},
        {"SELECT cast('1' AS pg_catalog.money)", RULE_DATATYPE, "money"},
        {"SELECT money '1'", RULE_DATATYPE, "money"},
        {"SELECT a::text::xml FROM t", RULE_DATATYPE, "xml"},
        {"SELECT '{}'::_money", RULE_DATATYPE, "money[]"},
        {"SELECT CAST(NULL AS polygon[])", RULE_DATATYPE, "polygon[]"},
        {"SELECT point(1, 2)", RULE_DATATYPE, "point"},
        {"SELECT pg_catalog.circle('<(0,0),1>')", RULE_DATATYPE, "circle"},
        {"SELECT 1 FROM t WHERE a = ANY (ARRAY['(1,2)'::point])", RULE_DATATYPE, "point"},
        {"WITH x AS (WITH y AS (SELECT '1'::money AS m) SELECT m FROM y) TABLE x", RULE_DATATYPE,
         "money"},
        {"SELECT (SELECT (SELECT '(1,1)'::lseg))", RULE_DATATYPE, "lseg"},
        {"SELECT CASE WHEN a > 1 THEN NULL::box END FROM t", RULE_DATATYPE, "box"},
        {"SELECT count(*) FILTER (WHERE a::money IS NULL) OVER (ORDER BY b) FROM t", RULE_DATATYPE,
         "money"},
        {"SELECT 1 ORDER BY '1'::money LIMIT 1", RULE_DATATYPE, "money"},
        {"SELECT 1 UNION ALL (SELECT 2 EXCEPT SELECT '3'::money::int)", RULE_DATATYPE, "money"},
        {"VALUES (1), ('2'::money)", RULE_DATATYPE, "money"},
        {"INSERT INTO t VALUES ('1'::money)", RULE_DATATYPE, "money"},
        {"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = '1'::money", RULE_DATATYPE,
         "money"},
        {"UPDATE t SET a = 1 WHERE b = '1'::money RETURNING a", RULE_DATATYPE, "money"},
        {"DELETE FROM t USING u RETURNING (u.a)::xml", RULE_DATATYPE, "xml"},
        {"EXPLAIN (VERBOSE) SELECT '1'::money", RULE_DATATYPE, "money"},
        {"COPY (SELECT '1'::money) TO STDOUT", RULE_DATATYPE, "money"},
        {"CREATE VIEW v AS SELECT '1'::money AS a", RULE_DATATYPE, "money"},
        {"CREATE OR REPLACE VIEW v (a) AS WITH x AS (SELECT line('{1,2,3}')) TABLE x",
         RULE_DATATYPE, "line"},
        {"CREATE TABLE t (a int DEFAULT ('1'::money)::int)", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a int CHECK (a > ('1'::money)::numeric))", RULE_DATATYPE, "money"},
        {"CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a::money::int) STORED)", RULE_DATATYPE,
         "money"},
        {"ALTER TABLE t ALTER a SET DEFAULT '1'::money", RULE_DATATYPE, "money"},
        {"ALTER TABLE t ADD CONSTRAINT c CHECK (a::money > b) NOT VALID", RULE_DATATYPE, "money"},
        {"CREATE INDEX ASYNC i ON t (a) WHERE b::money IS NULL", RULE_DATATYPE, "money"},
        {"CREATE DOMAIN d AS text CHECK (VALUE::xml IS NOT NULL)", RULE_DATATYPE, "xml"},
        {"CREATE FUNCTION f(a money) RETURNS int LANGUAGE sql AS 'SELECT 1'", RULE_DATATYPE,
         "money"},
        {"CREATE FUNCTION f() RETURNS SETOF point LANGUAGE sql AS 'SELECT NULL'", RULE_DATATYPE,
         "point"},
        {"CREATE FUNCTION f() RETURNS TABLE (a int, b xml) LANGUAGE sql AS 'SELECT 1, NULL'",
         RULE_DATATYPE, "xml"},
        {"DROP FUNCTION f(int, money)", RULE_DATATYPE, "money"},
        {"SELECT * FROM json_to_record('{}') AS x (a money)", RULE_DATATYPE, "money"},
        {"SELECT xmlelement(name a)", RULE_DATATYPE, "xml"},
        {"SELECT a IS DOCUMENT FROM t", RULE_DATATYPE, "xml"},
        {"SELECT xpath('/a', b) FROM t", RULE_DATATYPE, "xml"},
        {"SELECT query_to_xml('SELECT 1', true, false, '')", RULE_DATATYPE, "xml"},
        /* there in expressions, or of the user's own */
        {"SELECT '1.2.3.4'::inet, '{1}'::int[], ARRAY[1]::_int8, 'a'::name, 't'::regclass", 0,
         NULL},
        {"SELECT s.point(1), 1 AS money, t.line, \"box\" FROM t AS path (circle)", 0, NULL},
        {"SELECT 'a'::s.money, xml_is_well_formed('a')", 0, NULL},
        {"SELECT to_tsquery('simple', 'a')::tsquery, '[1,2)'::int4range", 0, NULL},
        {"SELECT '1'::money_domain, '''1''::money', '$$::xml$$' /* '1'::money */", 0, NULL},
    };
    JUDGE(rows);
}

static void
numeric_columns_get_the_services_precision(void)
{
    static const struct {
        const char *sql, *run;
    } rows[] = {
        {"CREATE TABLE t (a numeric)", "CREATE TABLE t (a numeric(18,6))"},
        {"CREATE TABLE t (a NUMERIC PRIMARY KEY, b DECIMAL NOT NULL, c dec)",
         "CREATE TABLE t (a NUMERIC(18,6) PRIMARY KEY, b DECIMAL(18,6) NOT NULL, c dec(18,6))"},
        {"CREATE TABLE \"ä\" (\"ö\" pg_catalog /* . */ . \"numeric\" DEFAULT 1)",
         "CREATE TABLE \"ä\" (\"ö\" pg_catalog /* . */ . \"numeric\"(18,6) DEFAULT 1)"},
        {"CREATE TABLE t (a U&\"n\\0075meric\" UNIQUE)",
         "CREATE TABLE t (a U&\"n\\0075meric\"(18,6) UNIQUE)"},
        {"CREATE TABLE t (a U&\"n!0075meric\" UESCAPE '!', b int)",
         "CREATE TABLE t (a U&\"n!0075meric\" UESCAPE '!'(18,6), b int)"},
        {"ALTER TABLE t ADD a numeric", "ALTER TABLE t ADD a numeric(18,6)"},
        {"ALTER TABLE t ADD COLUMN a decimal -- why\n, ADD b dec",
         "ALTER TABLE t ADD COLUMN a decimal(18,6) -- why\n, ADD b dec(18,6)"},
        {"CREATE SCHEMA s CREATE TABLE t (a numeric)",
         "CREATE SCHEMA s CREATE TABLE t (a numeric(18,6))"},
        {"CREATE TABLE t (a numeric STORAGE MAIN)",
         "CREATE TABLE t (a numeric(18,6) STORAGE MAIN)"},
        {"CREATE TABLE t (a text CHECK (a IS JSON), b numeric)",
         "CREATE TABLE t (a text CHECK (a IS JSON), b numeric(18,6))"},
    };
    static const char *const same[] = {
        "CREATE TABLE t (a numeric(5), b numeric(5, 2), c decimal (9) DEFAULT 1::numeric)",
        "CREATE TABLE numeric (numeric int, b s.numeric)",
        "SELECT 1::numeric",
        "CREATE FUNCTION f(a numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 1'",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rules_statement *statement = only(rows[i].sql);
        CHECK_TEXT(statement->sql, rows[i].run);
        CHECK(statement->rule == RULES_ALLOWED && !statement->same_positions);
        CHECK(statement->insertions > 0);
    }
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const struct rules_statement *statement = only(same[i]);
        CHECK_TEXT(statement->sql, same[i]);
        CHECK(statement->rule == RULES_ALLOWED && statement->same_positions);
    }
}

/* Where a word of the rewritten text stands in the client's, by its characters. */
static void
check_place(const char *sql, const char *word)
{
    const struct rules_statement *statement = only(sql);
    size_t characters[2] = {0, 0};
    const char *texts[] = {sql, statement->sql};
    for (int i = 0; i < 2; i++) {
        for (const char *at = texts[i]; at <= strstr(texts[i], word); at++) {
            characters[i] += ((unsigned char)*at & 0xC0) != 0x80;
        }
    }
    CHECK(rules_client_place(statement, characters[1]) == characters[0]);
}

static void
places_are_found_in_the_clients_text(void)
{
    static const char sql[] = "CREATE TABLE t (a numeric, \"ö\" dec /* c */, b int CHECK (x > 0))";
    check_place(sql, "CREATE");
    check_place(sql, "numeric");
    check_place(sql, ", \"");
    check_place(sql, " dec");
    check_place(sql, "/* c");
    check_place(sql, "x >");
    check_place("SELECT x", "x");
    /* what was put in stands behind the type's name */
    const struct rules_statement *statement = only("CREATE TABLE t (a dec)");
    CHECK(rules_client_place(statement, strlen("CREATE TABLE t (a dec(18")) ==
          strlen("CREATE TABLE t (a dec)"));
    CHECK(rules_client_place(only("AWS IAM GRANT r TO 'a'"), 5) == 0);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(columns_of_types_that_are_not_stored),
        TEST(columns_of_arrays),
        TEST(serial_types_do_not_exist),
        TEST(types_that_are_stored),
        TEST(lengths_that_columns_may_be_declared_with),
        TEST(types_that_are_no_keys),
        TEST(types_that_are_not_there_even_in_expressions),
        TEST(numeric_columns_get_the_services_precision),
        TEST(places_are_found_in_the_clients_text),
    };
    int status = RUN(tests);
    rules_text_clear(&judge_text);
    return status;
}
