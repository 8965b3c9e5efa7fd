// TCP connections of one epoll set. Bytes go out when a batch of them is complete, in one send().
#ifndef THROUGHLINE_LOAD_CONNECTION_H
#define THROUGHLINE_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "websocket.h"

struct connection {
    int socket;
    unsigned number;
    bool waits_for_room;
    bool is_closed;
    /// Whether its owner is a follower, or else an agent.
    bool is_followers;
    struct buffer in;
    struct buffer out;
    struct websocket websocket;
    /// What the scenario hangs onto it.
    void *owner;
};

/// Raises the limit of open files to what the system allows.
void allow_many_files(void);

/// Makes the epoll set that connections are watched in.
int poll_create(void);

/// Connects to a port of 127.0.0.1 and waits until that is done. Source addresses go over 127.0.x.1, so that ports do not run out.
void connection_open(struct connection *connection, int port, unsigned number);

/// Begins to connect and does not wait.
void connection_begin(struct connection *connection, int port, unsigned number);
void connection_close(struct connection *connection);

/// From now on nothing blocks, and the epoll set tells of what arrives.
void connection_watch(struct connection *connection, int poll);
void connection_unblock(struct connection *connection);

/// Sends what is in `out`; what does not fit goes when there is room.
void connection_flush(struct connection *connection, int poll);

/// Reads what has arrived into `in`. @return false when the other side has closed.
bool connection_receive(struct connection *connection);

/// Reads, blocking, until `text` is in `in`.
void connection_await(struct connection *connection, const char *text);

#endif
