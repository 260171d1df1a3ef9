/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libdsql: Amazon Aurora DSQL from C: signing in, and a driver.
 *
 * Reading order: errors, retrying, HTTP, environment, endpoint, credentials, token,
 * trust, connection, statements, events, transactions, pool.
 *
 * Words used for every pointer: "borrowed" (the caller keeps it; until when is
 * said), "copied", "taken" and "returned - caller frees with X". Unless a
 * comment says otherwise, pointer arguments are borrowed for the call only and
 * strings are NUL-terminated UTF-8.
 *
 * Functions that can fail return 0 or a negative DSQL_E_... code and then fill
 * the caller's struct dsql_error (which may be NULL). No message ever holds a
 * secret key, a session token or a signature. The library never prints, never
 * exits and changes no signal. It keeps nothing between calls but the parsed
 * certificate authorities of the last few files and the key pairs that
 * dsql_credentials_get() found, under locks: every function may be called from
 * any thread, on objects that no other thread uses meanwhile. A child after
 * fork() begins without key pairs. */
#ifndef DSQL_H
#define DSQL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DSQL_VERSION_MAJOR 2
#define DSQL_VERSION_MINOR 0
#define DSQL_VERSION_PATCH 0
#define DSQL_VERSION "2.0.0"

#if defined(__GNUC__) || defined(__clang__)
#define DSQL_API __attribute__((visibility("default")))
#define DSQL_MUST_CHECK __attribute__((warn_unused_result))
#else
#define DSQL_API
#define DSQL_MUST_CHECK
#endif

/* The version of the library at run time, as "MAJOR.MINOR.PATCH"; static. */
DSQL_API const char *dsql_version(void);

/* ------------------------------------------------------------------ errors */

/* code, value, what it means */
#define DSQL_ERRORS(X)                                                                             \
    X(DSQL_E_NOMEM, -1, "out of memory")                                                           \
    X(DSQL_E_INVALID, -2, "invalid argument")                                                      \
    X(DSQL_E_ENDPOINT, -3, "not an Aurora DSQL endpoint")                                          \
    X(DSQL_E_REGION, -4, "AWS region missing or wrong")                                            \
    X(DSQL_E_CREDENTIALS, -5, "no usable AWS credentials")                                         \
    X(DSQL_E_CONFIG, -6, "AWS configuration file cannot be used")                                  \
    X(DSQL_E_TRUST, -7, "no usable certificate authorities")                                       \
    X(DSQL_E_CRYPTO, -8, "cryptographic library failed")                                           \
    X(DSQL_E_IO, -9, "input or output failed")                                                     \
    X(DSQL_E_PROTOCOL, -10, "protocol violated by the peer")                                       \
    X(DSQL_E_UNSUPPORTED, -11, "not supported")                                                    \
    X(DSQL_E_RESOLVE, -12, "host name cannot be resolved")                                         \
    X(DSQL_E_TLS, -13, "TLS with the server failed")                                               \
    X(DSQL_E_TIMEOUT, -14, "time is up")                                                           \
    X(DSQL_E_CLOSED, -15, "connection is closed")                                                  \
    X(DSQL_E_SERVER, -16, "refused by the server")                                                 \
    X(DSQL_E_STATE, -17, "not possible in this state of the connection")                           \
    X(DSQL_E_OUTCOME, -18, "perhaps committed: nobody knows")

enum dsql_code {
    DSQL_OK = 0,
#define DSQL_ERROR_ENUM(name, value, text) name = value,
    DSQL_ERRORS(DSQL_ERROR_ENUM)
#undef DSQL_ERROR_ENUM
};

/* Caller's storage; filled only by a call that fails. */
struct dsql_error {
    int code;          /* DSQL_E_... */
    char sqlstate[6];  /* five characters where the server gave one, else "" */
    char message[512]; /* one sentence: what is wrong and what to do */
};

/* "DSQL_E_NOMEM" and the like; "DSQL_E_?" for a code that is none. Static. */
DSQL_API const char *dsql_code_name(int code);
/* The general meaning of a code in a few words. Static. */
DSQL_API const char *dsql_code_text(int code);

/* 1 when a transaction that failed with this SQLSTATE may be run again from
 * its start (40001: the service's OC000 and OC001), else 0. sqlstate may be
 * NULL. */
DSQL_API int dsql_sqlstate_is_retryable(const char *sqlstate);

/* 1 when an error with this SQLSTATE, on an open connection, is its last word
 * (57P01 and its like, class 08 but for 08P01), else 0. sqlstate may be NULL. */
DSQL_API int dsql_sqlstate_ends_connection(const char *sqlstate);

/* What is to be done after the server refused a sign-in. */
enum dsql_refusal {
    DSQL_REFUSED = 0,     /* for good */
    DSQL_REFUSED_FOR_NOW, /* too many at once, or a cluster that wakes up: try again later */
    DSQL_REFUSED_EXPIRED, /* the token was too old when it arrived: sign again, once */
};

/* By its SQLSTATE, and by its message or hint or a text that holds them; either
 * may be NULL. A pure function. */
DSQL_API enum dsql_refusal dsql_refusal_of(const char *sqlstate, const char *text);

/* ---------------------------------------------------------------- retrying */

/* What became of a transaction that failed. */
enum dsql_outcome {
    DSQL_OUTCOME_FAILED = 0, /* not applied, and it would fail again */
    DSQL_OUTCOME_RETRY,      /* not applied; it may be run again from its start */
    DSQL_OUTCOME_UNKNOWN,    /* perhaps applied: never to be run again unseen */
};

#define DSQL_COMMITTING 1      /* COMMIT, or a statement that commits itself, was under way */
#define DSQL_CONNECTION_LOST 2 /* the connection ended */

/* By the SQLSTATE of the failure (NULL or "": it came without one, a time limit
 * for example) and the flags above. A pure function. */
DSQL_API enum dsql_outcome dsql_outcome_of(const char *sqlstate, int flags);

/* How long retries wait. */
struct dsql_backoff {
    int64_t first_ms, max_ms; /* the first wait, and the longest */
    double multiplier;        /* from each to the next; 1 or more */
    double jitter;            /* the share of each wait that is random; 0 to 1 */
};

/* The milliseconds to wait after try number attempt (1, 2, ...) failed; random:
 * any number. A pure function. */
DSQL_API int64_t dsql_backoff_ms(const struct dsql_backoff *backoff, unsigned int attempt,
                                 uint32_t random);

#define DSQL_SQL_DDL 1     /* changes the catalog */
#define DSQL_SQL_DML 2     /* may write rows */
#define DSQL_SQL_CONTROL 4 /* begins, ends or divides a transaction */
#define DSQL_SQL_SEVERAL 8 /* more than one statement */

/* What a text of SQL does, by its words: DSQL_SQL_... of all its statements. */
DSQL_API int dsql_sql_kind(const char *sql, size_t length);

/* -------------------------------------------------------------------- HTTP */

/* One request to a source of credentials; all of it is borrowed for the call. */
struct dsql_http_request {
    const char *method;         /* "GET", "PUT" or "POST" */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", ..., NULL */
    const char *body;           /* NULL: none */
    size_t body_length;
    const char *proxy;   /* "http://HOST:PORT"; NULL: none, whatever the environment says */
    const char *ca_file; /* the authorities for https://; NULL for http:// */
    int timeout_ms;      /* for all of it */
    size_t limit;        /* a body of more bytes is a failure */
};

struct dsql_http_response {
    int status;
    char *body; /* from malloc(), with a NUL behind its length bytes: taken, wiped and freed */
    size_t length;
};

/* How the library speaks HTTP: perhaps from several threads at once. Redirects
 * are not followed and nothing is kept between calls. request(): 0 and
 * *response for any status, or DSQL_E_IO, DSQL_E_TIMEOUT, DSQL_E_TLS,
 * DSQL_E_UNSUPPORTED or DSQL_E_NOMEM with a sentence, which must not hold
 * headers or bodies. */
struct dsql_http {
    void *context;
    int (*request)(void *context, const struct dsql_http_request *request,
                   struct dsql_http_response *response, struct dsql_error *error);
};

/* ------------------------------------------------------------- environment */

/* Where the library gets what is not an argument: tests and programs with
 * their own configuration replace single members. Members that are NULL mean
 * the real thing. A NULL pointer to the struct means all of them. */
struct dsql_env {
    void *context; /* borrowed; handed to each function below */
    /* The value of an environment variable, or NULL. Borrowed until the next
     * call of this function. */
    const char *(*get)(void *context, const char *name);
    /* The whole file at *data (returned - caller frees with free()), with a
     * NUL behind its *size bytes. 0, DSQL_E_IO (no such file, or not
     * readable) or DSQL_E_NOMEM. */
    int (*read_file)(void *context, const char *path, char **data, size_t *size);
    /* Seconds since the epoch. */
    int64_t (*now)(void *context);
    /* Borrowed as context is. NULL: libcurl, loaded when it is first needed. */
    const struct dsql_http *http;
};

/* ---------------------------------------------------------------- endpoint */

enum dsql_host_kind {
    DSQL_HOST_CLUSTER = 1, /* ID.dsql[-xxxx].REGION.on.aws */
    DSQL_HOST_PRIVATELINK, /* vpce-....dsql-xxxx.REGION.vpce.amazonaws.com */
    DSQL_HOST_LOCALHOST,   /* a dsql-local whose port the caller knows */
    DSQL_HOST_LOCAL,       /* "local": a dsql-local that the caller finds or starts */
};

struct dsql_endpoint {
    enum dsql_host_kind kind;
    char host[254];      /* the name to resolve, to send as SNI and to verify */
    char sign_host[254]; /* the name that the token is signed for */
    char region[64];
    char cluster_id[27]; /* "" when not known */
};

/* Reads what a user calls a host: a full endpoint name with any suffix form, a
 * 26-character cluster id (region required), a PrivateLink name (cluster_id
 * required), "localhost", 127.0.0.1 and ::1 (region us-east-1 unless given), or "local".
 * region and cluster_id may be NULL or "": derived where that is possible. A
 * region that contradicts the host is DSQL_E_REGION. Letters are folded to
 * lower case, one trailing dot is dropped. */
DSQL_API DSQL_MUST_CHECK int dsql_endpoint_parse(const char *host, const char *region,
                                                 const char *cluster_id,
                                                 struct dsql_endpoint *endpoint,
                                                 struct dsql_error *error);

/* ------------------------------------------------------------- credentials */

/* A key pair. The strings belong to the struct; clear() wipes them. */
struct dsql_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: none */
    int64_t expires_at;  /* seconds since the epoch, 0: never */
    const char *source;  /* "argument", "environment", "assume-role", "web-identity", "sso",
                            "shared-credentials-file", "process", "config-file", "container",
                            "instance-metadata"; static */
};

struct dsql_credentials_options {
    const char *profile;          /* NULL: AWS_DEFAULT_PROFILE, AWS_PROFILE or "default" */
    const char *credentials_file; /* NULL: AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials */
    const char *config_file;      /* NULL: AWS_CONFIG_FILE, ~/.aws/config */
};

/* Copies a key pair that the caller already has. session_token may be NULL. */
DSQL_API DSQL_MUST_CHECK int dsql_credentials_set(struct dsql_credentials *credentials,
                                                  const char *access_key, const char *secret_key,
                                                  const char *session_token,
                                                  struct dsql_error *error);

/* Finds a key pair, in the order of other AWS programs: the environment (unless
 * options name a profile), the profile's role, a web identity, the profile's
 * IAM Identity Center session, the shared credentials file, credential_process,
 * the config file, the container's endpoint, EC2's metadata. options and env
 * may be NULL. Blocks where a source is asked over the network or is a program.
 * On success the caller clears the struct with dsql_credentials_clear(). */
DSQL_API DSQL_MUST_CHECK int dsql_credentials_load(struct dsql_credentials *credentials,
                                                   const struct dsql_credentials_options *options,
                                                   const struct dsql_env *env,
                                                   struct dsql_error *error);

/* The same, from the key pairs of the process, as long as neither the
 * environment nor the files change. Pairs that expire are replaced ahead of
 * that, by one caller, while others are given the pair that still holds; after
 * a failure the source is left alone for a while. may_block 0: returns 1, with
 * nothing, where this call would have to wait. With functions of its own in env
 * (other than now and http) nothing is kept. */
DSQL_API DSQL_MUST_CHECK int dsql_credentials_get(struct dsql_credentials *credentials,
                                                  const struct dsql_credentials_options *options,
                                                  const struct dsql_env *env, int may_block,
                                                  struct dsql_error *error);

/* Wipes and frees the strings; the struct may be used again. NULL is allowed,
 * and so is a struct of zeros. */
DSQL_API void dsql_credentials_clear(struct dsql_credentials *credentials);

/* The region that the environment (AWS_REGION, AWS_DEFAULT_REGION) or the
 * profile names, for hosts that do not tell. "" when there is none. */
DSQL_API DSQL_MUST_CHECK int dsql_region_load(char *region, size_t size,
                                              const struct dsql_credentials_options *options,
                                              const struct dsql_env *env, struct dsql_error *error);
/* The same, and after that the region of the EC2 instance; may block. */
DSQL_API DSQL_MUST_CHECK int dsql_region_find(char *region, size_t size,
                                              const struct dsql_credentials_options *options,
                                              const struct dsql_env *env, struct dsql_error *error);

/* ------------------------------------------------------------------- token */

#define DSQL_TOKEN_EXPIRES_DEFAULT 900
#define DSQL_TOKEN_EXPIRES_MAX 604800

/* Signs a token: the password of a connection as user. A pure function of its
 * arguments. now is seconds since the epoch, expires 1 to
 * DSQL_TOKEN_EXPIRES_MAX seconds; the action is DbConnectAdmin for "admin",
 * DbConnect for every other user. *token is a string of *length bytes:
 * returned - caller frees with dsql_token_free(). length may be NULL. */
DSQL_API DSQL_MUST_CHECK int dsql_token_sign(const struct dsql_credentials *credentials,
                                             const struct dsql_endpoint *endpoint, const char *user,
                                             int64_t now, int64_t expires, char **token,
                                             size_t *length, struct dsql_error *error);

/* Wipes and frees. NULL is allowed. */
DSQL_API void dsql_token_free(char *token);

/* ------------------------------------------------------------------- trust */

/* The file of certificate authorities that this machine trusts: SSL_CERT_FILE,
 * OpenSSL's own default, or the place where the known distributions keep it.
 * DSQL_E_TRUST with the packages' names when there is none. */
DSQL_API DSQL_MUST_CHECK int dsql_ca_file_find(char *path, size_t size, const struct dsql_env *env,
                                               struct dsql_error *error);

/* -------------------------------------------------------------- connection */

/* A connection: used by one thread at a time. Nothing blocks but the functions
 * that say so. */
struct dsql_conn;
struct dsql_diagnostic;

enum dsql_verify {
    DSQL_VERIFY_FULL = 0, /* chain and name of the certificate */
    DSQL_VERIFY_CA,       /* chain only: PrivateLink names */
    DSQL_VERIFY_NONE,     /* encrypted, to whomever answers */
};

/* A struct of zeros and a host connects. Everything is copied. */
struct dsql_conn_options {
    const char *host;     /* as for dsql_endpoint_parse(), but for "local" */
    const char *hostaddr; /* the number to connect to instead of resolving the host */
    uint16_t port;        /* 0: 5432 */
    const char *user;     /* NULL: "admin" */
    const char *dbname;   /* NULL: "postgres" */
    const char *region, *cluster_id;
    const char *profile, *credentials_file;     /* where the keys are looked for */
    const struct dsql_credentials *credentials; /* NULL: looked for; wiped with the connection */
    const char *password;                       /* a token made by the caller: nothing is signed */
    int64_t token_seconds;                      /* 0: DSQL_TOKEN_EXPIRES_DEFAULT */
    enum dsql_verify verify;
    const char *ca_file;          /* NULL: dsql_ca_file_find() */
    int classic_tls;              /* 1: begin with PostgreSQL's SSLRequest */
    const char *application_name; /* NULL: none */
    const char *settings;         /* the start-up packet's "options", "-c name=value ..." */
    int connect_timeout_ms;       /* until signed in, with all retries; 0: 30,000; -1: none */
    /* TCP keepalive in seconds and probes, TCP_USER_TIMEOUT in ms; 0: 30, 10, 3
     * and 0 (the system's); keepalive_idle -1: no keepalive. */
    int keepalive_idle, keepalive_interval, keepalive_count, user_timeout_ms;
    const struct dsql_env *env; /* copied; its context is borrowed until the connection is free */
};

/* What a call waits for; the bits may come together. Positive, so that neither
 * success nor an error is one. */
#define DSQL_WANT_READ 1
#define DSQL_WANT_WRITE 2

/* Begins to connect: asks for credentials that are not at hand and resolves the
 * name (on threads of their own; env must allow that), tries IPv6 and
 * IPv4 by turns (RFC 8305), opens TLS, signs in. `rate exceeded`, `waking up
 * cluster` and an expired signature (once, with a new token) are tried again
 * with growing pauses. *conn is returned - caller frees with dsql_conn_free(). */
DSQL_API DSQL_MUST_CHECK int dsql_conn_start(const struct dsql_conn_options *options,
                                             struct dsql_conn **conn, struct dsql_error *error);
/* Goes on connecting. 0: connected. DSQL_WANT_...: call again when
 * dsql_conn_fd() is ready, or after dsql_conn_timeout_ms(). Negative: over. */
DSQL_API DSQL_MUST_CHECK int dsql_conn_poll(struct dsql_conn *conn, struct dsql_error *error);
/* start and poll until connected, blocking. */
DSQL_API DSQL_MUST_CHECK int dsql_conn_open(const struct dsql_conn_options *options,
                                            struct dsql_conn **conn, struct dsql_error *error);
/* Says good-bye if that does not block, closes, wipes, frees. NULL is allowed.
 * Waits only for a source of credentials that is being asked with an env of the
 * caller's, which is borrowed until then. */
DSQL_API void dsql_conn_free(struct dsql_conn *conn);
/* Closes the socket without a word: for a child after fork(), whose parent goes
 * on using the connection, and for a connection whose answer nobody awaits. */
DSQL_API void dsql_conn_abandon(struct dsql_conn *conn);

/* The descriptor to wait for; it may be another after each dsql_conn_poll().
 * -1 when closed. Owned by the connection. */
DSQL_API int dsql_conn_fd(const struct dsql_conn *conn);
/* What the server said when it refused or ended the connection; NULL: nothing.
 * Borrowed until the connection is freed. */
DSQL_API const struct dsql_diagnostic *dsql_conn_refusal(const struct dsql_conn *conn);
/* Milliseconds after which dsql_conn_poll() is due without any event; -1: never. */
DSQL_API int dsql_conn_timeout_ms(const struct dsql_conn *conn);
/* Waits, blocking, for DSQL_WANT_... bits, timeout_ms at most (-1: for ever). 0,
 * DSQL_E_TIMEOUT, or DSQL_E_IO (also when a signal came: errno is EINTR). */
DSQL_API DSQL_MUST_CHECK int dsql_conn_wait(struct dsql_conn *conn, int wants, int timeout_ms,
                                            struct dsql_error *error);

/* 1 while the connection can be used as far as the socket tells, else 0. No
 * round trip, never blocks. */
DSQL_API int dsql_conn_is_alive(struct dsql_conn *conn);
/* 'I' idle, 'T' in a transaction, 'E' in one that failed: as of the last
 * DSQL_EVENT_READY. 0 when not connected. */
DSQL_API char dsql_conn_transaction(const struct dsql_conn *conn);
/* What the server reported ("server_version", "TimeZone", ...); NULL if it did
 * not. Borrowed until the next call on the connection. */
DSQL_API const char *dsql_conn_parameter(const struct dsql_conn *conn, const char *name);

/* -------------------------------------------------------------- statements */

/* A parameter. */
struct dsql_value {
    uint32_t type;    /* PostgreSQL's type OID; 0: the server decides */
    const char *data; /* NULL: SQL NULL */
    size_t length;    /* of data */
    int binary;       /* 1: PostgreSQL's binary format, 0: text */
};

#define DSQL_TEXT_RESULT 1 /* rows in text format; else binary */
#define DSQL_NO_CACHE 2    /* do not keep the statement prepared */
#define DSQL_COPY                                                                                  \
    4 /* COPY ... FROM STDIN: its dsql_send_sync() follows its data, or the                        \
         event that says that there is no copying */

/* Each of these appends a request to what goes out with dsql_flush(), or while
 * events are awaited; replies come as events in the same order. Several may be
 * sent before the first reply is read (pipelining). A failure leaves nothing
 * half-sent.
 *
 * dsql_send_query(): one statement with parameters $1, ...; in a flight of its
 * own requests: Parse unless it is prepared already, Bind, Execute. Prepared
 * statements are kept by SQL and parameter types, least recently used first to
 * go. sql and values are copied. */
DSQL_API DSQL_MUST_CHECK int dsql_send_query(struct dsql_conn *conn, const char *sql,
                                             size_t sql_length, const struct dsql_value *values,
                                             int count, int flags, struct dsql_error *error);
/* Ends a batch: what failed before is over, and DSQL_EVENT_READY comes. */
DSQL_API DSQL_MUST_CHECK int dsql_send_sync(struct dsql_conn *conn, struct dsql_error *error);
/* One or more statements in the simple protocol, with its own DSQL_EVENT_READY. */
DSQL_API DSQL_MUST_CHECK int dsql_send_script(struct dsql_conn *conn, const char *sql,
                                              struct dsql_error *error);
/* COPY ... FROM STDIN, after DSQL_EVENT_COPY_IN: data, then its end; reason
 * NULL: good, else the COPY fails with it. */
DSQL_API DSQL_MUST_CHECK int dsql_send_copy_data(struct dsql_conn *conn, const void *data,
                                                 size_t length, struct dsql_error *error);
DSQL_API DSQL_MUST_CHECK int dsql_send_copy_end(struct dsql_conn *conn, const char *reason,
                                                struct dsql_error *error);

/* A transaction whose BEGIN travels with its first statement: nothing is sent
 * yet. sql is "BEGIN" with what may follow; copied. */
DSQL_API DSQL_MUST_CHECK int dsql_begin(struct dsql_conn *conn, const char *sql,
                                        struct dsql_error *error);
/* Ends it ("COMMIT" or "ROLLBACK"). 0: nothing had been sent, so there is
 * nothing to await; 1: sent, await DSQL_EVENT_READY. */
DSQL_API DSQL_MUST_CHECK int dsql_end(struct dsql_conn *conn, int commit, struct dsql_error *error);

/* Writes what waits to be sent. 0: all is out; DSQL_WANT_...: more later. */
DSQL_API DSQL_MUST_CHECK int dsql_flush(struct dsql_conn *conn, struct dsql_error *error);
/* Bytes that wait to be sent: a caller that sends much reads events meanwhile. */
DSQL_API size_t dsql_unsent(const struct dsql_conn *conn);

/* ------------------------------------------------------------------ events */

struct dsql_column {
    const char *name;
    uint32_t type;     /* OID */
    int32_t modifier;  /* -1: none */
    int16_t size;      /* negative: varies */
    uint32_t table;    /* OID; 0: no column of a table */
    int16_t attribute; /* number in that table */
};

/* What an ErrorResponse or a NoticeResponse says; members are NULL where the
 * server gave none. */
struct dsql_diagnostic {
    const char *severity, *sqlstate, *message, *detail, *hint, *position, *where;
    const char *schema, *table, *column, *datatype, *constraint;
};

enum dsql_event_kind {
    DSQL_EVENT_COLUMNS = 1, /* a result with rows begins: columns, count */
    DSQL_EVENT_ROW,         /* data: see dsql_row_get() */
    DSQL_EVENT_COMPLETE,    /* a statement is done: tag, and rows, -1 where it counts none */
    DSQL_EVENT_ERROR,       /* it failed: diagnostic. The rest of the batch is skipped */
    DSQL_EVENT_NOTICE,      /* diagnostic */
    DSQL_EVENT_COPY_IN,     /* now send data */
    DSQL_EVENT_COPY_OUT,    /* data begins */
    DSQL_EVENT_COPY_DATA,   /* data, length */
    DSQL_EVENT_READY,       /* a batch is over */
};

/* Everything in it is borrowed until the next call on the connection; columns
 * until DSQL_EVENT_READY. */
struct dsql_event {
    enum dsql_event_kind kind;
    const struct dsql_column *columns;
    int count;
    const char *data;
    size_t length;
    const char *tag;
    int64_t rows;
    struct dsql_diagnostic diagnostic;
    int stale; /* DSQL_EVENT_ERROR: 1 when a change of the catalog had made the prepared statement
                  useless. Nothing was done; sent again, it is prepared anew */
};

/* The next event. 0: *event is filled; DSQL_WANT_...: wait, then call again
 * (what waits to be sent is sent on the way); negative: the connection is over.
 * An error of the server is an event, not a failure. */
DSQL_API DSQL_MUST_CHECK int dsql_next(struct dsql_conn *conn, struct dsql_event *event,
                                       struct dsql_error *error);
/* The value of a column of a DSQL_EVENT_ROW: 0 and *data, *length (data NULL:
 * SQL NULL), or DSQL_E_INVALID without such a column. */
DSQL_API DSQL_MUST_CHECK int dsql_row_get(const struct dsql_event *event, int column,
                                          const char **data, size_t *length);
/* dsql_next(), blocking. */
DSQL_API DSQL_MUST_CHECK int dsql_next_wait(struct dsql_conn *conn, struct dsql_event *event,
                                            struct dsql_error *error);
/* Runs one statement in text format and reads it to its end, blocking; rows are
 * handed to each(), which may be NULL and ends nothing. DSQL_E_SERVER with
 * sqlstate and message when it fails. */
DSQL_API DSQL_MUST_CHECK int dsql_exec(struct dsql_conn *conn, const char *sql,
                                       const struct dsql_value *values, int count,
                                       void (*each)(void *context, const struct dsql_event *row),
                                       void *context, struct dsql_error *error);

/* ------------------------------------------------------------ transactions */

/* How often a transaction is tried. NULL or a struct of zeros: 5 tries, waits
 * of 50 ms, doubled each time up to 5 s, half of each random. */
struct dsql_retry {
    unsigned int attempts;       /* tries in all, the first one too; 0: 5 */
    int64_t deadline_ms;         /* no try begins later than this after the first; 0: no limit */
    struct dsql_backoff backoff; /* all zeros: as above */
    /* Called before each wait, NULL: nothing is. error says why the try failed;
     * borrowed for the call. Other than 0 ends the tries with that error. */
    int (*on_retry)(void *context, unsigned int attempt, int64_t wait_ms,
                    const struct dsql_error *error);
    void *context; /* borrowed; on_retry()'s */
};

/* What a transaction does: sends its statements on conn and reads their events
 * to DSQL_EVENT_READY (dsql_exec() does both). It neither begins nor ends
 * transactions. 0: what it did is to be committed; anything else is rolled back
 * and returned as it is, unless error says that the transaction may be run
 * again. It may be called several times, so what it does outside of the
 * database must bear that. error is never NULL. */
typedef int dsql_work(struct dsql_conn *conn, void *context, struct dsql_error *error);

/* Runs work in a transaction, blocking, from its start again whenever the
 * service gave it up for a conflict (40001, at COMMIT too). begin: what may
 * follow BEGIN ("BEGIN READ ONLY"); NULL: "BEGIN". context is work's, borrowed.
 * 0: committed. DSQL_E_OUTCOME: the connection ended, or the service failed,
 * while COMMIT was under way, so nobody knows; it is not run again. Anything
 * else: not committed. */
DSQL_API DSQL_MUST_CHECK int dsql_run_transaction(struct dsql_conn *conn, const char *begin,
                                                  dsql_work *work, void *context,
                                                  const struct dsql_retry *retry,
                                                  struct dsql_error *error);

/* -------------------------------------------------------------------- pool */

/* Connections that are kept for the next user. Every function of a pool may be
 * called from any thread at any time, dsql_pool_free() but as the last. A child
 * of fork() makes a pool of its own: its parent's refuses it connections, and
 * dsql_pool_free() there closes without a word. */
struct dsql_pool;

struct dsql_pool_options {
    int size;            /* connections at most, idle and in use; 0: 10 */
    int max_age_seconds; /* a connection this old is not handed out again, give or take a tenth
                            less at random; 0: 3,300, since the service ends them at 3,600 */
    int wait_ms;         /* how long dsql_pool_get() waits for another user's; 0: 30,000; -1: for
                            ever */
};

/* connect and options are copied (connect->env's context is borrowed until the
 * pool and its connections are free); options may be NULL. Nothing is connected
 * yet. *pool is returned - caller frees with dsql_pool_free(). */
DSQL_API DSQL_MUST_CHECK int dsql_pool_new(const struct dsql_conn_options *connect,
                                           const struct dsql_pool_options *options,
                                           struct dsql_pool **pool, struct dsql_error *error);
/* A connection that is idle, young enough and alive as far as its socket tells
 * (no round trip), or a new one, with a token of its own; blocking. DSQL_E_TIMEOUT
 * when all were in use for wait_ms. *conn is the pool's: given back with
 * dsql_pool_put(), by any thread. */
DSQL_API DSQL_MUST_CHECK int dsql_pool_get(struct dsql_pool *pool, struct dsql_conn **conn,
                                           struct dsql_error *error);
/* Gives it back. A transaction that was left open is rolled back, blocking; a
 * connection that is broken, or whose answers were not read, is closed. */
DSQL_API void dsql_pool_put(struct dsql_pool *pool, struct dsql_conn *conn);
/* dsql_run_transaction() on a connection of the pool, and again on another one
 * when that was lost before COMMIT. */
DSQL_API DSQL_MUST_CHECK int dsql_pool_run_transaction(struct dsql_pool *pool, const char *begin,
                                                       dsql_work *work, void *context,
                                                       const struct dsql_retry *retry,
                                                       struct dsql_error *error);
/* Closes the idle connections and frees. One that somebody still has is his
 * from now on: he frees it with dsql_conn_free(). NULL is allowed. */
DSQL_API void dsql_pool_free(struct dsql_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
