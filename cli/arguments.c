/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Command lines; see arguments.h. */
#include "arguments.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int
arguments_bad(const char *program, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see %s --help\n", program);
    return 1;
}

int
arguments_number(const char *program, const char *name, const char *text, long least, long most,
                 int *number)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least || value > most) {
        return arguments_bad(program, "%s takes a number, %ld to %ld, not \"%s\"", name, least,
                             most, text);
    }
    *number = (int)value;
    return 0;
}

int
arguments_unknown(const char *program, int option, const char *argument)
{
    if (option == ':') {
        return arguments_bad(program, "%s lacks its value", argument);
    }
    if (optopt > 0 && optopt <= UCHAR_MAX) {
        return arguments_bad(program, "there is no option -%c", optopt);
    }
    return optopt != 0 ? arguments_bad(program, "%s has a value that it does not take", argument)
                       : arguments_bad(program, "there is no option %s", argument);
}
