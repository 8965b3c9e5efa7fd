// The least a fan-out can do: whatever comes on one connection goes to all others, as it is.
#include <sys/epoll.h>

#include "scenarios.h"
#include "server.h"

enum { events_at_once = 256 };

static void relay(struct server *server, struct connection *from) {
    for (unsigned at = 0; at < server->count; at++) {
        struct connection *to = server->connections[at];
        if (to == from) continue;
        buffer_add(&to->out, buffer_front(&from->in), buffer_length(&from->in));
        connection_flush(to, server->poll);
    }
    buffer_clear(&from->in);
}

int serve_relay(int port) {
    struct server server = {.count = 0};
    struct epoll_event events[events_at_once];
    server_listen(&server, port);
    for (;;) {
        int count = epoll_wait(server.poll, events, events_at_once, -1);
        for (int at = 0; at < count; at++) {
            struct connection *connection = server_serve(&server, &events[at]);
            if (connection == NULL) continue;
            if (buffer_length(&connection->in) > 0) relay(&server, connection);
            connection_flush(connection, server.poll);
        }
    }
}
