/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON that programs read; see json_write.h. */
#include "json_write.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"

void
json_string(FILE *to, const char *text, size_t length)
{
    if (text == NULL) {
        fputs("null", to);
        return;
    }
    putc('"', to);
    for (size_t i = 0; i < length;) {
        size_t size = utf8_character(text + i, length - i);
        unsigned char c = (unsigned char)text[i];
        if (size == 0) {
            fputs("\\ufffd", to);
            size = 1;
        } else if (c == '"' || c == '\\') {
            fprintf(to, "\\%c", c);
        } else if (c < 0x20 || c == 0x7F) {
            fprintf(to, "\\u%04x", c);
        } else {
            fwrite(text + i, 1, size, to);
        }
        i += size;
    }
    putc('"', to);
}

void
json_text_member(FILE *to, const char *before, const char *name, const char *text)
{
    fprintf(to, "%s\"%s\": ", before, name);
    json_string(to, text, text != NULL ? strlen(text) : 0);
}

void
json_number_member(FILE *to, const char *before, const char *name, int64_t value)
{
    fprintf(to, "%s\"%s\": %" PRId64, before, name, value);
}
