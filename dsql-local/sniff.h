/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a client wants, told by its first bytes alone. */
#ifndef DSQL_LOCAL_SNIFF_H
#define DSQL_LOCAL_SNIFF_H

#include <stddef.h>

enum local_sniffed {
    SNIFFED_TOO_FEW,     /* look again when there are more */
    SNIFFED_TLS,         /* a TLS handshake record: direct negotiation */
    SNIFFED_SSL_REQUEST, /* eight bytes: TLS follows */
    SNIFFED_GSS_REQUEST, /* eight bytes: to be declined */
    SNIFFED_PLAIN,       /* a start-up packet or a cancel request without TLS */
    SNIFFED_GARBAGE,     /* nothing of PostgreSQL's protocol */
};

/* As many bytes decide every case. */
#define SNIFF_BYTES 8

/* Never looks at more than SNIFF_BYTES bytes. */
enum local_sniffed local_sniff(const unsigned char *bytes, size_t length);

#endif
