/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The rules of Aurora DSQL, one row each: code, SQLSTATE, message as the
 * service words it (a printf format), section of docs/dsql-rules.md. */
#ifndef DSQL_LOCAL_RULES_TABLE_H
#define DSQL_LOCAL_RULES_TABLE_H

#define RULES_TABLE(X)                                                                             \
    X(RULE_MULTIPLE_DDL, "0A000", "multiple ddl statements not supported in a transaction", "txn") \
    X(RULE_DDL_AND_DML, "0A000", "ddl and dml are not supported in the same transaction", "txn")   \
    X(RULE_ROW_LIMIT, "54000", "transaction row limit exceeded", "limits")                         \
    X(RULE_OC000, "40001", "change conflicts with another transaction (OC000)", "occ")             \
    X(RULE_OC001, "40001", "schema has been updated by another transaction (OC001)", "occ")        \
    X(RULE_SETTING, "0A000", "setting configuration parameter \"%s\" not supported", "settings")   \
    X(RULE_TRUNCATE, "0A000", "unsupported statement: Truncate", "statements")

#endif
