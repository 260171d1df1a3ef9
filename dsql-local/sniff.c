/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The first bytes of a connection; see sniff.h. */
#include "sniff.h"

#include "wire.h"

#define TLS_HANDSHAKE 0x16 /* a record of this type; a packet so long is no start-up packet */

enum local_sniffed
local_sniff(const unsigned char *bytes, size_t length)
{
    struct dsql__reader reader;
    if (length > 0 && bytes[0] == TLS_HANDSHAKE) {
        return SNIFFED_TLS;
    }
    if (length < SNIFF_BYTES) {
        /* The longest packet that anyone accepts has 10,000 bytes. */
        return length > 0 && bytes[0] != 0 ? SNIFFED_GARBAGE : SNIFFED_TOO_FEW;
    }
    dsql__reader_init(&reader, (const char *)bytes, SNIFF_BYTES);
    int32_t size = dsql__get_int32(&reader), code = dsql__get_int32(&reader);
    if (size == SNIFF_BYTES && code == DSQL__SSL_REQUEST) {
        return SNIFFED_SSL_REQUEST;
    }
    if (size == SNIFF_BYTES && code == DSQL__GSS_REQUEST) {
        return SNIFFED_GSS_REQUEST;
    }
    return size >= SNIFF_BYTES && size <= 10000 && code >> 16 > 0 ? SNIFFED_PLAIN : SNIFFED_GARBAGE;
}
