/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The rules of Aurora DSQL, one row each: code, SQLSTATE, message as the
 * service words it (a printf format), section of docs/dsql-rules.md. */
#ifndef DSQL_LOCAL_RULES_TABLE_H
#define DSQL_LOCAL_RULES_TABLE_H

/* clang-format off */
#define RULES_TABLE(X) \
    X(RULE_MULTIPLE_DDL, "0A000", "multiple ddl statements not supported in a transaction", "transactions") \
    X(RULE_DDL_AND_DML, "0A000", "ddl and dml are not supported in the same transaction", "transactions") \
    X(RULE_TRANSACTION_STATEMENT, "0A000", "unsupported transaction statement: %s", "transactions") \
    X(RULE_ISOLATION, "0A000", "Unsupported isolation level: %s", "transactions") \
    X(RULE_LOCKING, "0A000", "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported", "transactions") \
    X(RULE_ROW_LIMIT, "54000", "transaction row limit exceeded", "limits") \
    X(RULE_TRANSACTION_SIZE, "54000", "transaction size limit 10mb exceeded", "limits") \
    X(RULE_TRANSACTION_AGE, "54000", "transaction age limit of %ss exceeded", "limits") \
    X(RULE_TEMP_SPACE, "54000", "query requires more than allowed temp space of 131072 KB to execute", "limits") \
    X(RULE_ROW_SIZE, "54000", "maximum row size exceeded", "limits") \
    X(RULE_KEY_SIZE, "54000", "key size too large", "limits") \
    X(RULE_COLUMN_SIZE, "54000", "maximum column size exceeded", "limits") \
    X(RULE_INDEX_KEYS, "54011", "more than 8 column keys in an index are not supported", "limits") \
    X(RULE_INDEXES, "54000", "more than 24 indexes per table are not allowed", "limits") \
    X(RULE_SCHEMAS, "54000", "more than 10 schemas not allowed", "limits") \
    X(RULE_TABLES, "54000", "more than 1000 tables not allowed", "limits") \
    X(RULE_VIEWS, "54000", "more than 5000 views not allowed", "limits") \
    X(RULE_SEQUENCES, "54000", "more than 5000 sequences not allowed", "limits") \
    X(RULE_STATISTICS, "54000", "more than 5 extended statistics per table are not allowed", "limits") \
    X(RULE_COLUMNS, "54011", "tables can have at most 255 columns", "limits") \
    X(RULE_OC000, "40001", "change conflicts with another transaction (OC000)", "conflicts") \
    X(RULE_OC001, "40001", "schema has been updated by another transaction (OC001)", "conflicts") \
    X(RULE_UNAVAILABLE, "XX000", "server unavailable", "connections") \
    X(RULE_ACCESS_DENIED, "08006", "unable to accept connection, access denied", "connections") \
    X(RULE_NO_SNI, "08006", "unable to accept connection, sni was not received", "connections") \
    X(RULE_WAKING_UP, "08006", "unable to accept connection, waking up cluster, please retry later", "connections") \
    X(RULE_CONNECTION_RATE, "53400", "Unable to accept connection, rate exceeded.", "connections") \
    X(RULE_CONNECTIONS, "53300", "Unable to accept connection, too many open connections.", "connections") \
    X(RULE_SETTING, "0A000", "setting configuration parameter \"%s\" not supported", "settings") \
    X(RULE_UNKNOWN_SETTING, "42704", "unrecognized configuration parameter \"%s\"", "settings") \
    X(RULE_STATEMENT, "0A000", "unsupported statement: %s", "statements") \
    X(RULE_MERGE, "0A000", "unsupported statement type: MERGE", "statements") \
    X(RULE_VACUUM, "0A000", "unsupported VACUUM statement", "statements") \
    X(RULE_TABLESAMPLE, "0A000", "TABLESAMPLE clause not supported", "statements") \
    X(RULE_LATERAL, "42804", "attribute %s has wrong type", "statements") \
    X(RULE_CREATE, "0A000", "CREATE %s not supported", "statements") \
    X(RULE_ALTER, "0A000", "ALTER %s not supported", "statements") \
    X(RULE_FUNCTION, "0A000", "function %s not supported", "statements") \
    X(RULE_PROCEDURE, "0A000", "PROCEDURE is not supported", "statements") \
    X(RULE_LANGUAGE, "0A000", "CREATE FUNCTION with language %s not supported", "statements") \
    X(RULE_DROP_OBJECT, "0A000", "unsupported object in DROP statement", "statements") \
    X(RULE_RENAME_OBJECT, "0A000", "unsupported object in RENAME statement", "statements") \
    X(RULE_SYSTEM_ENTITY, "0A000", "feature not supported on system entity", "statements") \
    X(RULE_CREATE_CLAUSE, "0A000", "%s not supported for CREATE TABLE", "tables") \
    X(RULE_COLLATE, "0A000", "COLLATE not supported", "tables") \
    X(RULE_EXCLUDE, "0A000", "EXCLUDE constraint not supported", "tables") \
    X(RULE_DROP_KEY, "0A000", "cannot drop primary key constraint %s", "tables") \
    X(RULE_DROP_KEY_COLUMN, "0A000", "cannot drop primary key column %s", "tables") \
    X(RULE_ADD_COLUMN, "0A000", "ALTER TABLE ADD COLUMN with constraint not supported", "tables") \
    X(RULE_ALTER_COLUMN, "0A000", "unsupported ALTER TABLE ALTER COLUMN ... %s statement", "tables") \
    X(RULE_ALTER_TABLE, "0A000", "unsupported ALTER TABLE %s statement", "tables") \
    X(RULE_IDENTITY_TYPE, "0A000", "datatype %s not supported, identity column type must be bigint", "identity") \
    X(RULE_IDENTITY_CACHE, "0A000", "identity column is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1", "identity") \
    X(RULE_SEQUENCE_TYPE, "0A000", "datatype %s not supported, sequence type must be bigint", "identity") \
    X(RULE_SEQUENCE_CACHE, "0A000", "sequence is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1", "identity") \
    X(RULE_DATATYPE, "0A000", "datatype %s not supported", "types") \
    X(RULE_SERIAL, "42704", "type \"%s\" does not exist", "types") \
    X(RULE_KEY_TYPE, "0A000", "datatype %s is not supported in a key", "types") \
    X(RULE_INDEX_SYNC, "0A000", "unsupported mode. please use CREATE INDEX ASYNC.", "indexes") \
    X(RULE_INDEX_CLAUSE, "0A000", "%s not supported for CREATE INDEX", "indexes") \
    X(RULE_DROP_INDEX_CLAUSE, "0A000", "CONCURRENTLY not supported for DROP INDEX", "indexes") \
    X(RULE_INDEX_ORDER, "0A000", "specifying sort order not supported for index keys", "indexes") \
    X(RULE_INDEX_OPCLASS, "0A000", "opclass not supported for index keys", "indexes")
/* clang-format on */

#endif
