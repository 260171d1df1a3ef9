/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The types that the codec reads, by their OIDs. Source: PostgreSQL's
 * src/include/catalog/pg_type.dat; these numbers never change. */
#ifndef LIBDSQL_OIDS_H
#define LIBDSQL_OIDS_H

/* name, OID, OID of its array (0: none), its values are atomic (see codec.h) */
#define OIDS(X)                                                                                    \
    X(bool, 16, 1000, true)                                                                        \
    X(bytea, 17, 1001, true)                                                                       \
    X(char, 18, 1002, true)                                                                        \
    X(name, 19, 1003, true)                                                                        \
    X(int8, 20, 1016, true)                                                                        \
    X(int2, 21, 1005, true)                                                                        \
    X(int2vector, 22, 1006, true)                                                                  \
    X(int4, 23, 1007, true)                                                                        \
    X(regproc, 24, 1008, true)                                                                     \
    X(text, 25, 1009, true)                                                                        \
    X(oid, 26, 1028, true)                                                                         \
    X(xid, 28, 1011, true)                                                                         \
    X(cid, 29, 1012, true)                                                                         \
    X(oidvector, 30, 1013, true)                                                                   \
    X(json, 114, 199, false)                                                                       \
    X(xml, 142, 143, true)                                                                         \
    X(pg_node_tree, 194, 0, true)                                                                  \
    X(cidr, 650, 651, false)                                                                       \
    X(float4, 700, 1021, true)                                                                     \
    X(float8, 701, 1022, true)                                                                     \
    X(unknown, 705, 0, true)                                                                       \
    X(inet, 869, 1041, false)                                                                      \
    X(bpchar, 1042, 1014, true)                                                                    \
    X(varchar, 1043, 1015, true)                                                                   \
    X(date, 1082, 1182, true)                                                                      \
    X(time, 1083, 1183, true)                                                                      \
    X(timestamp, 1114, 1115, true)                                                                 \
    X(timestamptz, 1184, 1185, true)                                                               \
    X(interval, 1186, 1187, true)                                                                  \
    X(timetz, 1266, 1270, true)                                                                    \
    X(numeric, 1700, 1231, true)                                                                   \
    X(refcursor, 1790, 2201, true)                                                                 \
    X(regprocedure, 2202, 2207, true)                                                              \
    X(regoper, 2203, 2208, true)                                                                   \
    X(regoperator, 2204, 2209, true)                                                               \
    X(regclass, 2205, 2210, true)                                                                  \
    X(regtype, 2206, 2211, true)                                                                   \
    X(record, 2249, 2287, false)                                                                   \
    X(cstring, 2275, 1263, true)                                                                   \
    X(void, 2278, 0, true)                                                                         \
    X(uuid, 2950, 2951, true)                                                                      \
    X(regconfig, 3734, 3735, true)                                                                 \
    X(regdictionary, 3769, 3770, true)                                                             \
    X(jsonb, 3802, 3807, false)                                                                    \
    X(regnamespace, 4089, 4090, true)                                                              \
    X(regrole, 4096, 4097, true)                                                                   \
    X(regcollation, 4191, 4192, true)                                                              \
    X(xid8, 5069, 271, true)

#define OID_ANYARRAY 2277 /* the element's type is in the value: pg_stats has such columns */

enum oid {
#define OID_ENUM(name, oid, array, atomic) OID_##name = oid, OID_##name##_array = array,
    OIDS(OID_ENUM)
#undef OID_ENUM
};

#endif
