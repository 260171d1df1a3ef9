/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which texts are kept, for how long, and that they are the right ones. */
#include "texts.h"

#include "check.h"

/* The text of "SELECT number", from the cache or not; the caller's reference is
 * dropped at once. */
static const struct local_text *
use(struct local_texts *texts, int number)
{
    char sql[64];
    struct local_text *text = NULL;
    snprintf(sql, sizeof sql, "SELECT %d", number);
    CHECK(local_texts_get(texts, sql, strlen(sql), &text) == 0);
    CHECK_TEXT(text->rules.statements[0].sql, sql);
    local_text_free(text);
    return text;
}

static void
same_text_is_read_once(void)
{
    struct local_texts texts;
    struct local_text *first, *second, *third;
    local_texts_init(&texts, 10, 1 << 20);
    CHECK(local_texts_get(&texts, "TRUNCATE t; SELECT 1", 10, &first) == 0);
    CHECK(local_texts_get(&texts, "TRUNCATE t", 10, &second) == 0);
    CHECK(local_texts_get(&texts, "truncate t", 10, &third) == 0);
    CHECK(first == second && first != third);
    CHECK(first->rules.count == 1 && first->rules.statements[0].rule == RULE_STATEMENT);
    CHECK(texts.hits == 1 && texts.misses == 2 && texts.count == 2);
    local_text_free(first);
    local_text_free(second);
    local_text_free(third);
    local_texts_clear(&texts);
}

static void
texts_of_all_lengths_are_told_apart(void)
{
    static const char sql[] = "SELECT 1, 2, 3, 4, 5, 6, 7, 8 FROM t";
    struct local_texts texts;
    struct local_text *text;
    local_texts_init(&texts, 100, 1 << 20);
    for (int round = 0; round < 2; round++) {
        for (size_t length = 0; length < sizeof sql; length++) {
            CHECK(local_texts_get(&texts, sql, length, &text) == 0);
            local_text_free(text);
        }
    }
    CHECK(texts.misses == sizeof sql && texts.hits == sizeof sql);
    local_texts_clear(&texts);
}

static void
least_recently_used_goes_first(void)
{
    struct local_texts texts;
    local_texts_init(&texts, 3, 1 << 20);
    use(&texts, 1);
    use(&texts, 2);
    use(&texts, 3);
    use(&texts, 1); /* now 2 is the oldest */
    use(&texts, 4);
    CHECK(texts.count == 3 && texts.hits == 1);
    use(&texts, 1);
    use(&texts, 3);
    use(&texts, 4);
    CHECK(texts.hits == 4);
    use(&texts, 2);
    CHECK(texts.hits == 4 && texts.misses == 5);
    local_texts_clear(&texts);
}

static void
bytes_are_bounded(void)
{
    struct local_texts texts;
    local_texts_init(&texts, 1000, 4000);
    for (int number = 0; number < 1000; number++) {
        use(&texts, number);
        CHECK(texts.bytes <= 4000);
    }
    CHECK(texts.count > 3 && texts.count < 100);
    local_texts_clear(&texts);
    CHECK(texts.count == 0 && texts.bytes == 0);
}

static void
text_in_use_outlives_the_cache(void)
{
    struct local_texts texts;
    struct local_text *text;
    local_texts_init(&texts, 1, 1 << 20);
    CHECK(local_texts_get(&texts, "SHOW timezone", 13, &text) == 0);
    use(&texts, 1); /* takes its place */
    CHECK_TEXT(text->rules.statements[0].show, "timezone");
    local_texts_clear(&texts);
    CHECK_TEXT(text->rules.statements[0].show, "timezone");
    local_text_free(text);
}

static void
long_texts_are_read_and_not_kept(void)
{
    static char sql[LOCAL_TEXTS_LONGEST + 2] = "SELECT 1";
    struct local_texts texts, none = {0};
    struct local_text *text;
    memset(sql + 8, ' ', sizeof sql - 9);
    local_texts_init(&texts, LOCAL_TEXTS_COUNT, LOCAL_TEXTS_BYTES);
    CHECK(local_texts_get(&texts, sql, sizeof sql - 1, &text) == 0);
    CHECK_TEXT(text->rules.statements[0].sql, "SELECT 1");
    local_text_free(text);
    CHECK(texts.count == 0);
    CHECK(local_texts_get(&none, "SELECT 1", 8, &text) == 0);
    local_text_free(text);
    local_texts_clear(&texts);
    local_texts_clear(&none);
}

static void
many_texts_in_any_order(void)
{
    struct local_texts texts;
    unsigned number = 1;
    local_texts_init(&texts, 64, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        number = number * 1103515245 + 12345;
        use(&texts, (int)(number >> 16) % 100);
        CHECK(texts.count <= 64);
    }
    CHECK(texts.hits + texts.misses == 5000 && texts.hits > 2000);
    local_texts_clear(&texts);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(same_text_is_read_once),         TEST(texts_of_all_lengths_are_told_apart),
        TEST(least_recently_used_goes_first), TEST(bytes_are_bounded),
        TEST(text_in_use_outlives_the_cache), TEST(long_texts_are_read_and_not_kept),
        TEST(many_texts_in_any_order),
    };
    return RUN(tests);
}
