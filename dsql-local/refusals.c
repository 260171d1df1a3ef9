/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Refused connections in the log; see refusals.h. */
#include "refusals.h"

#include <stdio.h>

#include "server.h"

#define LINES 10 /* of one reason, in SPAN_MS */
#define SPAN_MS 10000

const char *
local_refused_words(enum local_refused reason)
{
    static const char *const words[] = {
#define REFUSED_WORDS(name, text) text,
        REFUSED_TABLE(REFUSED_WORDS)
#undef REFUSED_WORDS
    };
    return words[reason];
}

static void
say_unsaid(struct local_server *server, enum local_refused reason)
{
    unsigned unsaid = server->refusals.of[reason].unsaid;
    if (unsaid > 0) {
        server->refusals.of[reason].unsaid = 0;
        local_server_log(server, "refused %u more for the same reason: %s", unsaid,
                         local_refused_words(reason));
    }
}

void
local_refusals_note(struct local_server *server, enum local_refused reason, const char *peer,
                    const char *user, const char *detail)
{
    char shown[96] = "";
    uint64_t now = uv_now(&server->loop);
    if (server->refusals.of[reason].count++ == 0 ||
        now - server->refusals.of[reason].began_ms >= SPAN_MS) {
        say_unsaid(server, reason);
        server->refusals.of[reason].began_ms = now;
        server->refusals.of[reason].lines = 0;
    }
    if (server->refusals.of[reason].lines >= LINES) {
        server->refusals.of[reason].unsaid++;
        return;
    }
    server->refusals.of[reason].lines++;
    if (user != NULL) {
        snprintf(shown, sizeof shown, " user %.64s", user);
    }
    local_server_log(server, "refused %s%s: %s", peer, shown, detail);
}

void
local_refusals_flush(struct local_server *server)
{
    for (int reason = 0; reason < REFUSED_COUNT; reason++) {
        say_unsaid(server, (enum local_refused)reason);
    }
}
