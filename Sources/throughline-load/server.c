#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "failure.h"

void server_listen(struct server *server, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->poll = poll_create();
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0) fail("port %d: %s", port, strerror(errno));
    listen(server->listener, 4096);
    epoll_ctl(server->poll, EPOLL_CTL_ADD, server->listener, &event);
}

static void accept_one(struct server *server) {
    int yes = 1, accepted = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (accepted < 0) return;
    if (server->count == server_connections) fail("more than %d connections", server_connections);
    struct connection *connection = allocate(1, sizeof *connection);
    connection->socket = accepted;
    connection->number = server->count;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connection_watch(connection, server->poll);
    server->connections[server->count++] = connection;
}

static void forget(struct server *server, struct connection *connection) {
    struct connection *last = server->connections[--server->count];
    last->number = connection->number;
    server->connections[last->number] = last;
    connection_close(connection);
    free(connection);
}

struct connection *server_serve(struct server *server, const struct epoll_event *event) {
    struct connection *connection = event->data.ptr;
    if (connection == NULL) {
        accept_one(server);
        return NULL;
    }
    if (connection_receive(connection)) return connection;
    forget(server, connection);
    return NULL;
}
