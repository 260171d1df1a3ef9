/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Causes and remedies; see diagnosis.h. */
#include "diagnosis.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LOCAL_HOST 1   /* only of an endpoint on this machine */
#define CLUSTER_HOST 2 /* only of others */

/* The first row that fits: words stand in the message (in any case; NULL: any),
 * code 0 is any. */
static const struct {
    enum ping_step step;
    int code;
    int host; /* 0: any */
    const char *words, *cause, *remedy;
} table[] = {
    {PING_CREDENTIALS, DSQL_E_CREDENTIALS, 0, NULL,
     "this machine has no AWS keys where they are looked for",
     "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile"},
    {PING_CREDENTIALS, DSQL_E_CONFIG, 0, NULL,
     "the AWS configuration names what is not there, or cannot be used",
     "correct the profile in ~/.aws/config or ~/.aws/credentials, or name another with --profile"},
    {PING_CREDENTIALS, DSQL_E_TRUST, 0, NULL, "the certificate authorities are not installed",
     "install the package ca-certificates, or name a file with --ca-file"},
    {PING_CREDENTIALS, 0, 0, NULL, "what is on this machine cannot be used",
     "correct what the message names"},
    {PING_RESOLVE, DSQL_E_TIMEOUT, 0, NULL, "no name server answers",
     "check this machine's network and /etc/resolv.conf"},
    {PING_RESOLVE, 0, 0, "check the endpoint",
     "there is no such cluster: a wrong id or region, or it was deleted",
     "compare HOST with the endpoint that the console shows; a PrivateLink name is known only "
     "within its VPC"},
    {PING_RESOLVE, 0, 0, NULL, "the name server does not answer, or not now",
     "check this machine's network and /etc/resolv.conf, then try again"},
    {PING_CONNECT, 0, LOCAL_HOST, NULL, "no dsql-local listens there",
     "start it: dsql-local; or give its port with --port"},
    {PING_CONNECT, DSQL_E_TIMEOUT, 0, NULL,
     "a firewall drops what goes to port 5432, or the network does not lead there",
     "allow outgoing TCP to port 5432 in security groups, network ACLs and firewalls; check NAT or "
     "the PrivateLink endpoint"},
    {PING_CONNECT, 0, 0, "Connection refused", "nothing listens at that port",
     "leave --port out: clusters have 5432"},
    {PING_CONNECT, 0, 0, "unreachable",
     "this machine has no way to that address, perhaps none for IPv6",
     "check routes and NAT; or give an IPv4 address with --hostaddr"},
    {PING_CONNECT, 0, 0, NULL, "the network does not lead there",
     "check routes, firewalls and security groups"},
    {PING_TLS, 0, 0, "not yet valid", "the clock of this machine is wrong", "set the clock (NTP)"},
    {PING_TLS, 0, 0, "expired", "the clock of this machine is wrong, or the certificate is old",
     "set the clock (NTP)"},
    {PING_TLS, 0, LOCAL_HOST, "certificate verify failed",
     "a local endpoint has an authority of its own",
     "name the file after ca= in the line that dsql-local prints with --ca-file, or use HOST "
     "local"},
    {PING_TLS, 0, 0, "certificate verify failed",
     "the authorities are old or others, or something between opens TLS",
     "leave --ca-file out; install ca-certificates; ask whether a proxy inspects TLS"},
    {PING_TLS, 0, 0, "does not match", "the address is another host's",
     "leave --hostaddr out, or correct it"},
    {PING_TLS, 0, 0, NULL,
     "what answers there is no Aurora DSQL endpoint, or something between breaks TLS off",
     "check HOST, --port and --hostaddr; ask whether a proxy or firewall stands between"},
    {PING_SIGN_IN, 0, 0, "signature expired",
     "the clock of this machine is slow, or the token was too old", "set the clock (NTP)"},
    {PING_SIGN_IN, 0, 0, "not yet current", "the clock of this machine is fast",
     "set the clock (NTP)"},
    {PING_SIGN_IN, 0, 0, "Wrong user to action mapping", "the token is for another kind of user",
     "sign in as admin with DbConnectAdmin, as all others with DbConnect: give the same --user"},
    {PING_SIGN_IN, 0, 0, "dsql:DbConnectAdmin", "the AWS principal may not sign in as admin",
     "allow dsql:DbConnectAdmin on the cluster's ARN in its IAM policy (a minute passes until it "
     "holds), or sign in with --user as another role"},
    {PING_SIGN_IN, 0, 0, "not authorized", "the AWS principal may not sign in",
     "allow dsql:DbConnect on the cluster's ARN in its IAM policy (a minute passes until it "
     "holds), "
     "and let the admin run AWS IAM GRANT role TO 'its ARN'"},
    {PING_SIGN_IN, 0, 0, "security token",
     "the access key does not exist, or its session has ended",
     "renew the keys (aws sso login, aws sts), or name another profile with --profile"},
    {PING_SIGN_IN, 0, 0, "signature does not match",
     "the secret key is not the one of the access key",
     "correct AWS_SECRET_ACCESS_KEY, or the profile"},
    {PING_SIGN_IN, 0, 0, "scoped to the region", "the token is for another region",
     "correct --region, or leave it out"},
    {PING_SIGN_IN, 0, 0, "sni", "the cluster was not named in TLS",
     "connect by its name; --hostaddr gives the address"},
    {PING_SIGN_IN, 0, 0, "waking up", "the cluster was idle and is starting",
     "try again in a minute"},
    {PING_SIGN_IN, 0, 0, "rate exceeded", "more than 100 new connections a second",
     "keep connections in a pool; try again"},
    {PING_SIGN_IN, 0, 0, "too many", "the cluster has 10,000 connections open",
     "close some; connections end after an hour"},
    {PING_SIGN_IN, 0, 0, "access denied",
     "IAM does not allow it, or the role is not granted to the AWS principal",
     "check dsql:DbConnect or dsql:DbConnectAdmin in the IAM policy, and sys.iam_pg_role_mappings "
     "as admin"},
    {PING_SIGN_IN, 0, 0, "does not exist", "there is no such role or database",
     "CREATE ROLE name WITH LOGIN as admin; the database is always postgres"},
    {PING_SIGN_IN, DSQL_E_TIMEOUT, 0, NULL, "the cluster is waking up, or overloaded",
     "try again with a longer --timeout"},
    {PING_SIGN_IN, 0, 0, NULL, "the server ended the sign-in",
     "try again; then ask with the message above"},
    {PING_QUERY, DSQL_E_CLOSED, 0, NULL, "the connection broke", "try again"},
    {PING_QUERY, 0, 0, NULL, "the server refuses a plain SELECT",
     "try again; then ask with the message above"},
};

struct diagnosis
diagnosis_of(enum ping_step step, enum dsql_host_kind kind, const struct dsql_error *error)
{
    if (error->code == DSQL_E_NOMEM) {
        return (struct diagnosis){"this process may not have more memory",
                                  "end other programs, or raise the limit (ulimit -v, a cgroup's)"};
    }
    int host = kind == DSQL_HOST_LOCAL || kind == DSQL_HOST_LOCALHOST ? LOCAL_HOST : CLUSTER_HOST;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].step == step && (table[i].code == 0 || table[i].code == error->code) &&
            (table[i].host == 0 || table[i].host == host) &&
            (table[i].words == NULL || strcasestr(error->message, table[i].words) != NULL)) {
            return (struct diagnosis){table[i].cause, table[i].remedy};
        }
    }
    return (struct diagnosis){"it is not known", "try again; then ask with the message above"};
}
