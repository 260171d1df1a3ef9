/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What dsql check says, to people and to programs; see check.h. */
#include <ctype.h>
#include <string.h>

#include "check.h"
#include "json_write.h"
#include "utf8.h"

#define SHOWN_CHARACTERS 72
#define JSON_BYTES 400

void
check_report_file(struct check_report *report, const char *name)
{
    report->file = (struct check_counts){0};
    if (report->options->json) {
        fputs(report->files > 0 ? ",\n " : "{\"files\": [", stdout);
        json_text_member(stdout, "{", "file", name);
        fputs(", \"findings\": [", stdout);
    }
    report->files++;
}

/* The first characters on one line, without what a terminal would obey. Whether
 * there are as many. */
static bool
print_folded(const char *text, size_t length, size_t most)
{
    size_t shown = 0;
    bool space = false;
    for (size_t i = 0; i < length && shown < most;) {
        size_t size = utf8_character(text + i, length - i);
        unsigned char c = (unsigned char)text[i];
        if (isspace(c) && c < 0x80) {
            space = shown > 0;
        } else {
            if (space) {
                putchar(' ');
                shown++;
            }
            space = false;
            shown++;
            if (size == 0 || c < 0x20 || c == 0x7F) {
                putchar('?');
            } else {
                fwrite(text + i, 1, size, stdout);
            }
        }
        i += size > 0 ? size : 1;
    }
    return shown >= most;
}

static void
print_finding(const struct check_finding *finding)
{
    printf("%s:%zu:%zu: %s%s", finding->file, finding->line, finding->column,
           finding->warning ? "warning: " : finding->sqlstate, finding->warning ? "" : " ");
    print_folded(finding->message, strlen(finding->message), SIZE_MAX);
    printf("\n    ");
    bool more = print_folded(finding->statement, finding->length, SHOWN_CHARACTERS);
    printf("%s\n", more ? " ..." : "");
    printf("    instead: %s\n", finding->instead);
    printf("    %s%s%s\n", finding->rule, finding->section ? ", docs/dsql-rules.md#" : "",
           finding->section ? finding->section : "");
}

static void
print_json(const struct check_report *report, const struct check_finding *finding)
{
    bool first = report->file.refused + report->file.warnings == 0;
    size_t length = finding->length < JSON_BYTES ? finding->length : JSON_BYTES;
    while (length > 0 && length < finding->length &&
           ((unsigned char)finding->statement[length] & 0xC0) == 0x80) {
        length--;
    }
    json_number_member(stdout, first ? "\n  {" : ",\n  {", "line", (int64_t)finding->line);
    json_number_member(stdout, ", ", "column", (int64_t)finding->column);
    json_text_member(stdout, ", ", "severity", finding->warning ? "warning" : "refused");
    json_text_member(stdout, ", ", "sqlstate", finding->sqlstate);
    json_text_member(stdout, ", ", "rule", finding->rule);
    json_text_member(stdout, ", ", "section", finding->section);
    json_text_member(stdout, ", ", "message", finding->message);
    json_text_member(stdout, ", ", "instead", finding->instead);
    fputs(", \"statement\": ", stdout);
    json_string(stdout, finding->statement, length);
    putchar('}');
}

void
check_report_finding(struct check_report *report, const struct check_finding *finding)
{
    if (report->options->json) {
        print_json(report, finding);
    } else {
        print_finding(finding);
    }
    report->file.refused += !finding->warning;
    report->file.warnings += finding->warning;
}

static void
print_counts(const struct check_counts *counts)
{
    json_number_member(stdout, "], ", "statements", (int64_t)counts->statements);
    json_number_member(stdout, ", ", "refused", (int64_t)counts->refused);
    json_number_member(stdout, ", ", "warnings", (int64_t)counts->warnings);
    putchar('}');
}

void
check_report_file_end(struct check_report *report)
{
    report->all.statements += report->file.statements;
    report->all.refused += report->file.refused;
    report->all.warnings += report->file.warnings;
    if (report->options->json) {
        print_counts(&report->file);
    }
}

void
check_report_end(struct check_report *report)
{
    const struct check_counts *all = &report->all;
    if (report->options->json) {
        fputs(report->files > 0 ? "" : "{\"files\": [", stdout);
        print_counts(all);
        putchar('\n');
    } else if (!report->options->quiet) {
        printf("%zu statement%s, %zu refused, %zu warning%s\n", all->statements,
               all->statements == 1 ? "" : "s", all->refused, all->warnings,
               all->warnings == 1 ? "" : "s");
    }
}
