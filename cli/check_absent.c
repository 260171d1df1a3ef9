/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql check, of a build without libpg_query. */
#include <stdio.h>

#include "cli.h"

static int
run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("dsql check: this program was built without libpg_query, which reads SQL (Debian, "
          "Ubuntu: apt-get install libpg-query-dev, then install again)\n",
          stderr);
    return CLI_USAGE;
}

const struct cli_command cli_check = {
    .name = "check",
    .program = "dsql check",
    .summary = "tell which statements of SQL files are refused (not in this build)",
    .usage = "",
    .run = run,
};
