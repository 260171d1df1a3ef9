/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A reader of the XML that AWS STS answers with: elements and text; attributes
 * are passed over, prefixes of names left out, a document type refused. */
#ifndef DSQL_XML_H
#define DSQL_XML_H

#include <stddef.h>

#include "dsql.h"

#define DSQL__XML_DEPTH 32

/* The text of the first element that is reached by a path such as
 * "Credentials/AccessKeyId", which may begin anywhere in the document. *value
 * is returned - caller frees with dsql__wipe_free(); NULL when there is no such
 * element. DSQL_E_PROTOCOL where the document is not well-formed, or the text
 * holds elements or a NUL. */
DSQL_MUST_CHECK int dsql__xml_text(const char *text, size_t length, const char *path, char **value);

#endif
