// The accepting end, for the two servers that show what the machine allows.
#ifndef THROUGHLINE_LOAD_SERVER_H
#define THROUGHLINE_LOAD_SERVER_H

#include <sys/epoll.h>

#include "connection.h"

enum { server_connections = 4096 };

struct server {
    int poll;
    int listener;
    struct connection *connections[server_connections];
    unsigned count;
};

/// Listens on 127.0.0.1.
void server_listen(struct server *server, int port);

/// Accepts, or receives. @return the connection that something has come on; NULL if it is new or has ended.
struct connection *server_serve(struct server *server, const struct epoll_event *event);

#endif
