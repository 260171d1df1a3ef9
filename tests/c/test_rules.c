/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What each statement is, and in which words it is refused. */
#include "judge.h"

#include <stdlib.h>

#include "rules/parser.h"

static size_t
count(const char *sql)
{
    rules_text_clear(&judge_text);
    CHECK(rules_text_read(sql, strlen(sql), &judge_text) == 0);
    return judge_text.count;
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
validation_jobs(void)
{
    const struct rules_statement *statement =
        only("ALTER TABLE ASYNC s.t VALIDATE CONSTRAINT \"C\"");
    CHECK(statement->rule == RULES_ALLOWED && statement->job == RULES_JOB_VALIDATE_CONSTRAINT);
    CHECK_TEXT(statement->sql, "ALTER TABLE       s.t VALIDATE CONSTRAINT \"C\"");
    CHECK(only("alter table async if exists only validate validate constraint c")->job ==
          RULES_JOB_VALIDATE_CONSTRAINT);
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
    CHECK_TEXT(only("AWS IAM REVOKE R /* x */ FROM $a$it's$a$;")->sql,
               "CALL pg_catalog.dsql_local_iam_revoke('r','it''s')");
    CHECK_TEXT(only("AWS IAM GRANT r TO E'a\\x62c'")->sql,
               "CALL pg_catalog.dsql_local_iam_grant('r','abc')");
    CHECK(only("AWS IAM GRANT r TO B'101'")->tag == NULL);
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
    rules_text_clear(&judge_text);
    CHECK(rules_text_read(sql, sizeof sql - 1, &judge_text) == 0);
    CHECK(judge_text.count == 3);
    if (judge_text.count == 3) {
        CHECK_TEXT(judge_text.statements[0].sql, "SELECT ';'");
        CHECK(strncmp(sql + judge_text.statements[1].start, "CREATE", 6) == 0);
        CHECK_TEXT(judge_text.statements[2].sql, "COMMIT");
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
        {"SELECT 1", "+1", 70000, "", RULES_READ, RULES_ALLOWED},
        {"UPDATE t SET a = f(1, 2", " IS NULL", 70000, ")", RULES_DML, RULES_ALLOWED},
        {"SELECT 1, 2", " UNION SELECT 1, 2", 30000, "", RULES_READ, RULES_ALLOWED},
        {"SELECT ", "f(1, ", 30000, "", RULES_READ, RULES_ALLOWED},
        {"SELECT 1", "||f(1, 2)", 1500, "", RULES_READ, RULES_ALLOWED},
        /* long, but flat */
        {"INSERT INTO t VALUES (1)", ", (f(-1, 2), 2)", 5000, "", RULES_DML, RULES_ALLOWED},
        {"SELECT * FROM t WHERE a IN (1", ", 1", 25000, ") FOR SHARE", RULES_READ, RULE_LOCKING},
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
    CHECK(only(" /* \xc3\xa4 */ SELECT 1")->start_characters == 9);
    CHECK(only(" SELECT 1;")->verbatim && !only("CREATE INDEX ASYNC ON t (a)")->verbatim);
    CHECK(only("COPY t TO STDOUT")->copy == RULES_COPY_OUT);
    CHECK(only("COPY t FROM '/file'")->copy == RULES_COPY_NONE);
    CHECK(only("DEALLOCATE ALL")->deallocate_all);
    CHECK(!only("DEALLOCATE x")->deallocate_all);
    CHECK_TEXT(only("SHOW Server_Version")->show, "server_version");
}

static void
settings_that_may_be_set(void)
{
    static const struct judged rows[] = {
        {"SELECT set_config('search_path', 'a', true)", 0, NULL},
        {"SET LOCAL role = 'x'", 0, NULL},
        {"SET TIME ZONE 'UTC'", 0, NULL},
        {"SET NAMES 'UTF8'", 0, NULL},
        {"RESET ALL", 0, NULL},
    };
    JUDGE(rows);
    CHECK(rules_setting_is_allowed("TimeZone"));
    CHECK(!rules_setting_is_allowed("lock_timeout"));
}

static void
every_rule_has_a_state_and_a_message(void)
{
    for (int rule = 1; rule < RULES_COUNT; rule++) {
        CHECK(strlen(rules_sqlstate(rule)) == 5);
        CHECK(strlen(rules_message(rule)) > 5);
        CHECK(strncmp(rules_name(rule), "RULE_", 5) == 0);
        CHECK(strlen(rules_section(rule)) > 3);
    }
}

static void
kinds_beside_each_other_in_a_transaction(void)
{
    CHECK(rules_beside(false, false, RULES_DDL) == RULES_ALLOWED);
    CHECK(rules_beside(true, false, RULES_DDL) == RULE_MULTIPLE_DDL);
    CHECK(rules_beside(false, true, RULES_DDL) == RULE_DDL_AND_DML);
    CHECK(rules_beside(true, false, RULES_DML) == RULE_DDL_AND_DML);
    CHECK(rules_beside(false, true, RULES_DML) == RULES_ALLOWED);
    CHECK(rules_beside(true, true, RULES_READ) == RULES_ALLOWED);
}

static void
expect_unread(const char *sql, const char *wanted, size_t place)
{
    char message[100];
    size_t at;
    CHECK(count(sql) == 1 && judge_text.statements[0].unread);
    parser_explain(judge_text.statements[0].sql, message, sizeof message, &at);
    CHECK_TEXT(message, wanted);
    CHECK(at == place);
}

static void
what_the_grammar_does_not_know_is_marked(void)
{
    CHECK(count("SELECT 1") == 1 && !judge_text.statements[0].unread);
    CHECK(count("CREATE INDEX ASYNC i ON t (a)") == 1 && !judge_text.statements[0].unread);
    CHECK(count("AWS IAM GRANT r TO 'arn:aws:iam::1:role/r'") == 1 &&
          !judge_text.statements[0].unread);
    expect_unread("SELECT FROM FROM", "syntax error at or near \"FROM\"", 12);
    expect_unread("SELECT '\xC3\xA4' FROM FROM", "syntax error at or near \"FROM\"", 17);
    expect_unread("CREATE INDEX ASYNC i ON WHERE", "syntax error at or near \"WHERE\"", 24);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(kinds_of_statements),
        TEST(validation_jobs),
        TEST(iam_mappings),
        TEST(texts_are_cut_at_their_semicolons),
        TEST(statements_of_any_size_and_depth),
        TEST(details_for_the_session),
        TEST(settings_that_may_be_set),
        TEST(every_rule_has_a_state_and_a_message),
        TEST(kinds_beside_each_other_in_a_transaction),
        TEST(what_the_grammar_does_not_know_is_marked),
    };
    int status = RUN(tests);
    rules_text_clear(&judge_text);
    return status;
}
