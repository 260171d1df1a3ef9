/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Names and addresses: how they are ordered, tried by turns and given up. The
 * clock is an argument, and getaddrinfo() is ours (the linker sees to that). */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "dial.h"
#include "resolve.h"

static const struct dsql__dial_options plain = {
    .keepalive_idle = 7, .keepalive_interval = 5, .keepalive_count = 2, .user_timeout_ms = 9000};

/* ----------------------------------------------------------- our name server */

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found);
void __real_freeaddrinfo(struct addrinfo *found);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);

static const char *const *answers; /* numbers, up to NULL; NULL: failure */
static int answer_failure;
static sem_t may_answer, has_answered;

int
__wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                   struct addrinfo **found)
{
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        return __real_getaddrinfo(host, port, hints, found);
    }
    sem_wait(&may_answer);
    int failure = answers == NULL ? answer_failure : 0;
    for (int i = 0; failure == 0 && answers[i] != NULL; i++) {
        failure = __real_getaddrinfo(answers[i], port, hints, found);
        found = failure == 0 ? &(*found)->ai_next : found;
    }
    sem_post(&has_answered);
    return failure;
}

void
__wrap_freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        found->ai_next = NULL;
        __real_freeaddrinfo(found);
        found = next;
    }
}

/* ---------------------------------------------------------------- addresses */

static void
add(struct dsql__addresses *addresses, const char *host, int port)
{
    struct dsql__addresses one;
    CHECK(dsql__addresses_parse(host, (uint16_t)port, &one, NULL) == 0 && one.count == 1);
    addresses->items[addresses->count++] = one.items[0];
}

static void
expect(const struct dsql__addresses *addresses, const char *const *wanted, int count)
{
    char text[DSQL__ADDRESS_TEXT];
    CHECK(addresses->count == count);
    for (int i = 0; i < count && i < addresses->count; i++) {
        dsql__address_text(&addresses->items[i], text, sizeof text);
        CHECK_TEXT(text, wanted[i]);
    }
}

static void
families_take_turns_and_keep_their_order(void)
{
    static const char *const wanted[] = {"2001:db8::1 port 1", "192.0.2.1 port 1",
                                         "2001:db8::2 port 1", "192.0.2.2 port 1",
                                         "2001:db8::3 port 1"};
    static const char *const four_first[] = {"192.0.2.1 port 1", "2001:db8::1 port 1",
                                             "192.0.2.2 port 1", "192.0.2.3 port 1"};
    struct dsql__addresses addresses = {.count = 0};
    add(&addresses, "2001:db8::1", 1);
    add(&addresses, "2001:db8::2", 1);
    add(&addresses, "2001:db8::3", 1);
    add(&addresses, "192.0.2.1", 1);
    add(&addresses, "192.0.2.2", 1);
    dsql__addresses_interleave(&addresses);
    expect(&addresses, wanted, 5);
    addresses.count = 0;
    add(&addresses, "192.0.2.1", 1);
    add(&addresses, "192.0.2.2", 1);
    add(&addresses, "192.0.2.3", 1);
    add(&addresses, "2001:db8::1", 1);
    dsql__addresses_interleave(&addresses);
    expect(&addresses, four_first, 4);
}

static void
localhost_needs_no_name_server(void)
{
    static const char *const wanted[] = {"127.0.0.1 port 5432", "::1 port 5432"};
    struct dsql__addresses addresses;
    dsql__addresses_local(5432, &addresses);
    expect(&addresses, wanted, 2);
}

static void
names_are_no_numbers(void)
{
    struct dsql__addresses addresses;
    struct dsql_error error;
    CHECK(dsql__addresses_parse("localhost", 1, &addresses, &error) == DSQL_E_RESOLVE);
    CHECK(strstr(error.message, "\"localhost\" is not an address") != NULL);
}

/* ----------------------------------------------------------------- sockets */

/* A listening socket of 127.0.0.1, and its port. */
static int
listening(int backlog, int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    CHECK(backlog < 0 || listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    *port = ntohs(name.sin_port);
    return fd;
}

/* A port where nobody answers: a listening socket whose queue is full. The
 * sockets in it are for the caller to close. */
#define QUEUE 8
struct black_hole {
    int fd, port, queued[QUEUE];
};

static void
black_hole_open(struct black_hole *hole)
{
    bool full = false;
    hole->fd = listening(0, &hole->port);
    for (int i = 0; i < QUEUE; i++) {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)hole->port)};
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        hole->queued[i] = full ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (!full && connect(hole->queued[i], (struct sockaddr *)&name, sizeof name) != 0) {
            struct pollfd done = {.fd = hole->queued[i], .events = POLLOUT};
            full = errno == EINPROGRESS && poll(&done, 1, 0) == 0;
        }
    }
    CHECK(full);
}

static void
black_hole_close(struct black_hole *hole)
{
    for (int i = 0; i < QUEUE; i++) {
        if (hole->queued[i] >= 0) {
            close(hole->queued[i]);
        }
    }
    if (hole->fd >= 0) {
        close(hole->fd);
    }
}

static struct dsql__dial *
dial_to(const struct dsql__addresses *addresses)
{
    struct dsql__dial *dial = NULL;
    CHECK(dsql__dial_new("example", addresses, &plain, &dial, NULL) == 0);
    return dial;
}

/* Waits for the dial as a caller does, without its clock moving on. */
static int
finish(struct dsql__dial *dial, int64_t now, int *fd, struct dsql_error *error)
{
    int result = dsql__dial_poll(dial, now, fd, error);
    while (result == DSQL_WANT_READ) {
        struct pollfd waiting = {.fd = dsql__dial_fd(dial), .events = POLLIN};
        CHECK(poll(&waiting, 1, 20000) == 1);
        result = dsql__dial_poll(dial, now, fd, error);
    }
    return result;
}

static int
port_of_peer(int fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    CHECK(getpeername(fd, (struct sockaddr *)&name, &size) == 0);
    return ntohs(name.sin_port);
}

static int
option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(fd, level, name, &value, &size) == 0);
    return value;
}

static void
refused_address_hands_over_to_the_next_at_once(void)
{
    int closed_port, port, fd;
    int closed = listening(-1, &closed_port), server = listening(5, &port);
    struct dsql__addresses addresses = {.count = 0};
    add(&addresses, "::1", closed_port); /* refused, or no IPv6 here */
    add(&addresses, "127.0.0.1", closed_port);
    add(&addresses, "127.0.0.1", port);
    struct dsql__dial *dial = dial_to(&addresses);
    CHECK(finish(dial, 0, &fd, NULL) == 0);
    dsql__dial_free(dial);
    CHECK(port_of_peer(fd) == port);
    CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 7);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 5);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 2);
    CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 9000);
    close(fd);
    close(server);
    close(closed);
}

static void
silent_address_is_joined_by_the_next_after_a_while(void)
{
    struct black_hole hole;
    int port, fd;
    int server = listening(5, &port);
    char text[100];
    struct dsql__addresses addresses = {.count = 0};
    black_hole_open(&hole);
    add(&addresses, "127.0.0.1", hole.port);
    add(&addresses, "127.0.0.1", port);
    struct dsql__dial *dial = dial_to(&addresses);
    CHECK(dsql__dial_fd(dial) == -1);
    CHECK(dsql__dial_poll(dial, 1000, &fd, NULL) == DSQL_WANT_READ);
    CHECK(dsql__dial_fd(dial) >= 0);
    CHECK(dsql__dial_due(dial) == 1250);
    CHECK(dsql__dial_poll(dial, 1249, &fd, NULL) == DSQL_WANT_READ);
    dsql__dial_text(dial, text, sizeof text);
    CHECK(strstr(text, ", ") == NULL && strncmp(text, "127.0.0.1 port ", 15) == 0);
    CHECK(finish(dial, 1250, &fd, NULL) == 0);
    CHECK(port_of_peer(fd) == port);
    CHECK(dsql__dial_due(dial) == -1);
    dsql__dial_free(dial);
    close(fd);
    close(server);
    black_hole_close(&hole);
}

static void
descriptor_wakes_when_the_last_attempt_fails(void)
{
    struct black_hole hole;
    struct dsql_error error = {0};
    int fd;
    struct dsql__addresses addresses = {.count = 0};
    black_hole_open(&hole);
    add(&addresses, "127.0.0.1", hole.port);
    struct dsql__dial *dial = dial_to(&addresses);
    CHECK(dsql__dial_poll(dial, 0, &fd, NULL) == DSQL_WANT_READ);
    close(hole.fd); /* the next SYN is refused */
    hole.fd = -1;
    CHECK(finish(dial, 0, &fd, &error) == DSQL_E_IO);
    CHECK(strstr(error.message, "Connection refused") != NULL);
    dsql__dial_free(dial);
    black_hole_close(&hole);
}

static void
failure_names_each_address_and_what_to_do(void)
{
    int first_port, second_port, fd = 0;
    int first = listening(-1, &first_port), second = listening(-1, &second_port);
    struct dsql__addresses addresses = {.count = 0};
    struct dsql_error error = {0};
    char wanted[300];
    add(&addresses, "127.0.0.1", first_port);
    add(&addresses, "127.0.0.1", second_port);
    struct dsql__dial *dial = dial_to(&addresses);
    CHECK(finish(dial, 0, &fd, &error) == DSQL_E_IO && fd == -1);
    snprintf(wanted, sizeof wanted,
             "cannot connect to example at 127.0.0.1 port %d (Connection refused), 127.0.0.1 port "
             "%d (Connection refused); check the port",
             first_port, second_port);
    CHECK_TEXT(error.message, wanted);
    dsql__dial_free(dial);
    close(first);
    close(second);
}

/* ---------------------------------------------------------------- resolving */

static void
wait_for(const struct dsql__resolver *resolver)
{
    struct pollfd waiting = {.fd = dsql__resolver_fd(resolver), .events = POLLIN};
    CHECK(poll(&waiting, 1, 20000) == 1);
}

static void
resolver_answers_by_turns_of_the_families(void)
{
    static const char *const numbers[] = {"2001:db8::1", "2001:db8::2", "192.0.2.1", NULL};
    static const char *const wanted[] = {"2001:db8::1 port 5", "192.0.2.1 port 5",
                                         "2001:db8::2 port 5"};
    struct dsql__resolver *resolver = NULL;
    struct dsql__addresses addresses = {.count = 0};
    answers = numbers;
    CHECK(dsql__resolver_start("name", 5, &resolver, NULL) == 0);
    CHECK(dsql__resolver_poll(resolver, &addresses, NULL) == DSQL_WANT_READ);
    sem_post(&may_answer);
    wait_for(resolver);
    CHECK(dsql__resolver_poll(resolver, &addresses, NULL) == 0);
    expect(&addresses, wanted, 3);
    dsql__resolver_free(resolver);
    sem_wait(&has_answered);
}

static void
resolver_gives_up_on_what_is_too_many(void)
{
    static const char *many[40];
    struct dsql__resolver *resolver = NULL;
    struct dsql__addresses addresses = {.count = 0};
    for (int i = 0; i < 39; i++) {
        many[i] = "192.0.2.1";
    }
    answers = many;
    CHECK(dsql__resolver_start("name", 5, &resolver, NULL) == 0);
    sem_post(&may_answer);
    wait_for(resolver);
    CHECK(dsql__resolver_poll(resolver, &addresses, NULL) == 0);
    CHECK(addresses.count == DSQL__ADDRESSES_MAX);
    dsql__resolver_free(resolver);
    sem_wait(&has_answered);
}

static void
resolver_failure_says_what_to_do(void)
{
    struct dsql__resolver *resolver = NULL;
    struct dsql__addresses addresses = {.count = 0};
    struct dsql_error error = {0};
    answers = NULL;
    answer_failure = EAI_NONAME;
    CHECK(dsql__resolver_start("name", 5, &resolver, NULL) == 0);
    sem_post(&may_answer);
    wait_for(resolver);
    CHECK(dsql__resolver_poll(resolver, &addresses, &error) == DSQL_E_RESOLVE);
    CHECK(strstr(error.message, "the host name cannot be resolved: ") != NULL);
    CHECK(strstr(error.message, "check the endpoint and its region") != NULL);
    dsql__resolver_free(resolver);
    sem_wait(&has_answered);
}

/* The leak checker judges the rest. */
static void
resolver_is_heard_while_a_child_has_its_pipe(void)
{
    static const char *const one[] = {"192.0.2.1", NULL};
    struct dsql__addresses addresses;
    struct dsql__resolver *resolver = NULL;
    answers = one;
    CHECK(dsql__resolver_start("name", 5, &resolver, NULL) == 0);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    sem_post(&may_answer);
    wait_for(resolver);
    CHECK(dsql__resolver_poll(resolver, &addresses, NULL) == 0);
    dsql__resolver_free(resolver);
    sem_wait(&has_answered);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void
resolver_may_be_left_before_it_answers(void)
{
    static const char *const numbers[] = {"192.0.2.1", NULL};
    struct dsql__resolver *resolver = NULL;
    answers = numbers;
    CHECK(dsql__resolver_start("name", 5, &resolver, NULL) == 0);
    dsql__resolver_free(resolver);
    sem_post(&may_answer);
    sem_wait(&has_answered);
}

static void
connecting_in_time_covers_the_name(void)
{
    static const char *const numbers[] = {"192.0.2.1", NULL};
    const struct dsql_conn_options options = {
        .host = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws",
        .password = "token",
        .verify = DSQL_VERIFY_NONE,
        .connect_timeout_ms = 50,
    };
    struct dsql_conn *conn = NULL;
    struct dsql_error error = {0};
    answers = numbers;
    CHECK(dsql_conn_open(&options, &conn, &error) == DSQL_E_TIMEOUT && conn == NULL);
    CHECK_TEXT(error.message,
               "connect_timeout (50 ms) was over while resolving the host "
               "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws: check the name servers");
    sem_post(&may_answer);
    sem_wait(&has_answered);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(families_take_turns_and_keep_their_order),
        TEST(localhost_needs_no_name_server),
        TEST(names_are_no_numbers),
        TEST(refused_address_hands_over_to_the_next_at_once),
        TEST(silent_address_is_joined_by_the_next_after_a_while),
        TEST(descriptor_wakes_when_the_last_attempt_fails),
        TEST(failure_names_each_address_and_what_to_do),
        TEST(resolver_answers_by_turns_of_the_families),
        TEST(resolver_gives_up_on_what_is_too_many),
        TEST(resolver_failure_says_what_to_do),
        TEST(resolver_is_heard_while_a_child_has_its_pipe),
        TEST(resolver_may_be_left_before_it_answers),
        TEST(connecting_in_time_covers_the_name),
    };
    sem_init(&may_answer, 0, 0);
    sem_init(&has_answered, 0, 0);
    return RUN(tests);
}
