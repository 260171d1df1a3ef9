/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A server that does as little as can be done, to see a driver alone: over TLS it
 * answers each flight of a client's (up to a Sync, a Flush or a simple Query) with
 * the bytes that a real server sent to the same flight. It learns them beforehand:
 * with --record it relays to that server and keeps what passes.
 *
 *   replay_server CHAIN KEY TAPE [--record PORT CA]
 *
 * prints "ready PORT", serves until SIGTERM, and then, with --record, writes TAPE.
 * One thread for each connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "replay_tape.h"
#include "tls.h"

#define READ_SIZE (64 * 1024)
#define MESSAGE_LIMIT (256u * 1024u * 1024u)

static struct tape tape;
static pthread_mutex_t recording = PTHREAD_MUTEX_INITIALIZER;
static SSL_CTX *server_context;
static SSL_CTX *client_context; /* NULL: replays */
static int record_port;

/* A stream over TLS with what was read and not used yet. */
struct stream {
    SSL *ssl;
    int fd;
    struct dsql__buffer in;
};

struct session {
    struct stream client, server; /* server: only while recording */
    struct flight flight;
    struct dsql__buffer sent, answer; /* only while recording */
    size_t expected;                  /* ends of answers within the flight that Flush ends */
};

static void
die(const char *what)
{
    fprintf(stderr, "replay_server: %s\n", what);
    exit(1);
}

/* ----------------------------------------------------------------- streams */

static bool
stream_read(struct stream *stream)
{
    char *room = dsql__buffer_reserve(&stream->in, READ_SIZE);
    int count = room != NULL ? SSL_read(stream->ssl, room, READ_SIZE) : -1;
    if (count <= 0) {
        return false;
    }
    dsql__buffer_commit(&stream->in, (size_t)count);
    return true;
}

static bool
stream_write(struct stream *stream, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t count;
        if (SSL_write_ex(stream->ssl, bytes, length, &count) != 1) {
            return false;
        }
        bytes += count;
        length -= count;
    }
    return true;
}

/* The next message, which the caller consumes; start-up packets have no type. */
static bool
stream_peek(struct stream *stream, bool packet, struct dsql__message *message)
{
    for (;;) {
        const char *bytes = dsql__buffer_begin(&stream->in);
        size_t size = dsql__buffer_length(&stream->in);
        int result = packet ? dsql__packet_peek(bytes, size, MESSAGE_LIMIT, message)
                            : dsql__message_peek(bytes, size, MESSAGE_LIMIT, false, message);
        if (result <= 0) {
            return result == 0;
        }
        if (!stream_read(stream)) {
            return false;
        }
    }
}

static void
stream_close(struct stream *stream)
{
    SSL_free(stream->ssl);
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    dsql__buffer_clear(&stream->in);
}

static bool
stream_begin(struct stream *stream, SSL_CTX *context)
{
    int on = 1;
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stream->ssl = SSL_new(context);
    return stream->ssl != NULL && SSL_set_fd(stream->ssl, stream->fd) == 1;
}

/* TLS at once, or after an SSLRequest; GSS is declined. */
static bool
accept_client(struct stream *stream)
{
    char first[8];
    while (recv(stream->fd, first, 1, MSG_PEEK) == 1 && first[0] == 0) {
        if (recv(stream->fd, first, sizeof first, MSG_WAITALL) != sizeof first) {
            return false;
        }
        struct dsql__reader reader;
        dsql__reader_init(&reader, first + 4, 4);
        char answer = dsql__get_int32(&reader) == DSQL__SSL_REQUEST ? 'S' : 'N';
        if (send(stream->fd, &answer, 1, MSG_NOSIGNAL) != 1) {
            return false;
        }
    }
    return stream_begin(stream, server_context) && SSL_accept(stream->ssl) == 1;
}

static bool
connect_server(struct stream *stream)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)record_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stream->fd = socket(AF_INET, SOCK_STREAM, 0);
    return stream->fd >= 0 &&
           connect(stream->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           stream_begin(stream, client_context) &&
           SSL_set_tlsext_host_name(stream->ssl, "localhost") == 1 &&
           SSL_set1_host(stream->ssl, "localhost") == 1 && SSL_connect(stream->ssl) == 1;
}

/* ----------------------------------------------------------------- flights */

/* Whether the message ends what the server answers to a flight: ReadyForQuery, a
 * request for the password, or the last of as many answers as Flush awaits. */
static bool
ends_answer(struct session *session, const struct dsql__message *message)
{
    if (message->type == 'Z') {
        session->flight.status = message->length == 1 ? message->body[0] : 0;
        return true;
    }
    if (message->type == 'E') {
        return session->expected > 0;
    }
    if (message->type == 'R') {
        struct dsql__reader reader;
        dsql__reader_init(&reader, message->body, message->length);
        return dsql__get_int32(&reader) != 0;
    }
    return strchr("123TnCIs", message->type) != NULL && session->expected > 0 &&
           --session->expected == 0;
}

/* Sends the flight on, keeps the answer, and hands it to the client. */
static bool
relay(struct session *session, uint64_t key)
{
    if (!stream_write(&session->server, dsql__buffer_begin(&session->sent),
                      dsql__buffer_length(&session->sent))) {
        return false;
    }
    dsql__buffer_consume(&session->sent, dsql__buffer_length(&session->sent));
    bool end = false;
    while (!end) {
        struct dsql__message message;
        if (!stream_peek(&session->server, false, &message)) {
            return false;
        }
        end = ends_answer(session, &message);
        dsql__buffer_put(&session->answer, message.body - 5, message.total);
        dsql__buffer_consume(&session->server.in, message.total);
    }
    size_t length = dsql__buffer_length(&session->answer);
    pthread_mutex_lock(&recording);
    bool kept = !session->answer.failed &&
                tape_put(&tape, key, dsql__buffer_begin(&session->answer), length);
    pthread_mutex_unlock(&recording);
    kept = kept && stream_write(&session->client, dsql__buffer_begin(&session->answer), length);
    dsql__buffer_consume(&session->answer, length);
    return kept;
}

static bool
replay(struct session *session, uint64_t key)
{
    const struct tape_answer *answer = tape_find(&tape, key);
    if (answer == NULL) {
        fprintf(stderr, "replay_server: a flight that was not recorded\n");
        return false;
    }
    /* "Z", 5, status: the last message of all flights but those that Flush ends. */
    if (answer->length >= 6 && memcmp(answer->bytes + answer->length - 6, "Z\0\0\0\5", 5) == 0) {
        session->flight.status = answer->bytes[answer->length - 1];
    }
    return stream_write(&session->client, answer->bytes, answer->length);
}

/* Reads messages until one ends the flight. */
static bool
read_flight(struct session *session, bool packet)
{
    struct dsql__message message;
    session->expected = 0;
    for (;;) {
        if (!stream_peek(&session->client, packet, &message) || message.type == 'X') {
            return false;
        }
        if (message.type == 'H' && session->expected == 0) { /* of nothing: nothing answers */
            dsql__buffer_consume(&session->client.in, message.total);
            continue;
        }
        if (!flight_add(&session->flight, &message)) {
            return false;
        }
        if (client_context != NULL) {
            dsql__buffer_put(&session->sent, dsql__buffer_begin(&session->client.in),
                             message.total);
        }
        session->expected += message.type != 0 && strchr("PBDEC", message.type) != NULL;
        dsql__buffer_consume(&session->client.in, message.total);
        if (packet || strchr("SQHp", message.type) != NULL) {
            break;
        }
    }
    if (message.type != 'H') {
        session->expected = 0;
    }
    return true;
}

static void *
serve(void *argument)
{
    struct session session = {.client.fd = (int)(intptr_t)argument, .server.fd = -1};
    if (accept_client(&session.client) &&
        (client_context == NULL || connect_server(&session.server))) {
        bool packet = true;
        while (read_flight(&session, packet)) {
            packet = false;
            uint64_t key = flight_end(&session.flight);
            if (!(client_context != NULL ? relay(&session, key) : replay(&session, key))) {
                break;
            }
        }
    }
    stream_close(&session.client);
    stream_close(&session.server);
    flight_clear(&session.flight);
    dsql__buffer_clear(&session.sent);
    dsql__buffer_clear(&session.answer);
    return NULL;
}

/* ----------------------------------------------------------------- program */

static void *
accept_all(void *argument)
{
    int listener = (int)(intptr_t)argument;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;
        if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0) {
            pthread_detach(thread);
        } else if (fd >= 0) {
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            die("cannot accept connections");
        }
    }
    return NULL;
}

static int
open_listener(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        die("cannot listen");
    }
    *port = ntohs(address.sin_port);
    return listener;
}

static void
prepare_recording(const char *port, const char *ca)
{
    static const unsigned char alpn[] = "\012postgresql";
    record_port = atoi(port);
    client_context = SSL_CTX_new(TLS_client_method());
    if (client_context == NULL || SSL_CTX_load_verify_file(client_context, ca) != 1 ||
        SSL_CTX_set_alpn_protos(client_context, alpn, sizeof alpn - 1) != 0) {
        die("no TLS to the server that is recorded");
    }
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
}

int
main(int argc, char **argv)
{
    if (argc != 4 && !(argc == 7 && strcmp(argv[4], "--record") == 0)) {
        die("usage: replay_server CHAIN KEY TAPE [--record PORT CA]");
    }
    struct dsql_error error;
    if (dsql__tls_server_context(argv[1], argv[2], &server_context, &error) != 0) {
        die(error.message);
    }
    if (argc == 7) {
        prepare_recording(argv[5], argv[6]);
    } else if (!tape_load(&tape, argv[3])) {
        die("the tape cannot be read");
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    uint16_t port;
    int listener = open_listener(&port);
    pthread_t acceptor;
    if (pthread_create(&acceptor, NULL, accept_all, (void *)(intptr_t)listener) != 0) {
        die("no thread");
    }
    printf("ready %u\n", (unsigned)port);
    fflush(stdout);
    int signal_number;
    sigwait(&ends, &signal_number);
    pthread_mutex_lock(&recording);
    if (client_context != NULL && !tape_save(&tape, argv[3])) {
        die("the tape cannot be written");
    }
    return 0;
}
