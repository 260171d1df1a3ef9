/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Refusals by the table of rules that the endpoint has (rules/rules-table.h). */
#include "occ.h"

static const struct {
    const char *sqlstate, *message;
} rules[] = {
#define ROW(name, sqlstate, message, section) {sqlstate, message},
    RULES_TABLE(ROW)
#undef ROW
};

void
occ_refuse(enum occ_rule rule, const char *argument)
{
    const char *state = rules[rule].sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
                    errmsg_internal(rules[rule].message, argument)));
}
