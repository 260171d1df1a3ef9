/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SIGTERM and SIGINT before the event loop takes them over: they end the calls
 * that wait, so that a start can be given up in order. */
#ifndef DSQL_LOCAL_INTERRUPT_H
#define DSQL_LOCAL_INTERRUPT_H

#include <stdbool.h>

void local_interrupts_catch(void);
/* Whether one has come since. */
bool local_interrupted(void);

#endif
