#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failure.h"

enum { connections_per_address = 20000, read_size = 1 << 18 };

void allow_many_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int poll_create(void) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) fail("cannot create an epoll set: %s", strerror(errno));
    return poll;
}

/// The port is chosen at connect(), so that one port may serve several destinations.
static void bind_source(int socket, unsigned number) {
    struct sockaddr_in source = {.sin_family = AF_INET};
    int yes = 1;
    source.sin_addr.s_addr = htonl(0x7f000001u + ((number / connections_per_address) << 8));
    setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(socket, (struct sockaddr *)&source, sizeof source) != 0) fail("cannot bind: %s", strerror(errno));
}

static int try_connect(struct connection *connection, int port, unsigned number, int flags) {
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    memset(connection, 0, sizeof *connection);
    connection->number = number;
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (connection->socket < 0) fail("cannot open a socket: %s", strerror(errno));
    bind_source(connection->socket, number);
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(connection->socket, (struct sockaddr *)&target, sizeof target);
}

void connection_open(struct connection *connection, int port, unsigned number) {
    if (try_connect(connection, port, number, 0) != 0) fail("cannot connect to port %d: %s", port, strerror(errno));
}

void connection_begin(struct connection *connection, int port, unsigned number) {
    int result = try_connect(connection, port, number, SOCK_NONBLOCK);
    if (result != 0 && errno != EINPROGRESS) fail("cannot connect to port %d: %s", port, strerror(errno));
}

void connection_close(struct connection *connection) {
    close(connection->socket);
    buffer_free(&connection->in);
    buffer_free(&connection->out);
    buffer_free(&connection->websocket.fragments);
    connection->is_closed = true;
}

void connection_unblock(struct connection *connection) {
    fcntl(connection->socket, F_SETFL, fcntl(connection->socket, F_GETFL) | O_NONBLOCK);
}

void connection_watch(struct connection *connection, int poll) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection_unblock(connection);
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->socket, &event) != 0) fail("epoll: %s", strerror(errno));
}

static void watch_for_room(struct connection *connection, int poll, bool waits) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (waits == connection->waits_for_room) return;
    if (waits) event.events |= EPOLLOUT;
    connection->waits_for_room = waits;
    epoll_ctl(poll, EPOLL_CTL_MOD, connection->socket, &event);
}

void connection_flush(struct connection *connection, int poll) {
    while (buffer_length(&connection->out) > 0) {
        ssize_t count =
            send(connection->socket, buffer_front(&connection->out), buffer_length(&connection->out), MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) return watch_for_room(connection, poll, true);
        if (count < 0) fail("cannot send on connection %u: %s", connection->number, strerror(errno));
        buffer_take(&connection->out, (size_t)count);
    }
    watch_for_room(connection, poll, false);
}

bool connection_receive(struct connection *connection) {
    ssize_t count = recv(connection->socket, buffer_reserve(&connection->in, read_size), read_size, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) return false;
    connection->in.end += (size_t)count;
    return true;
}

void connection_await(struct connection *connection, const char *text) {
    connection_flush(connection, -1);
    while (memmem(buffer_front(&connection->in), buffer_length(&connection->in), text, strlen(text)) == NULL) {
        if (!connection_receive(connection)) fail("the server closed the connection instead of saying %s", text);
    }
}
