// The client's end of RFC 6455: text messages out, whole messages in.
#ifndef THROUGHLINE_LOAD_WEBSOCKET_H
#define THROUGHLINE_LOAD_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct connection;

/// What is kept between reads: the fragments of a message that is not complete.
struct websocket {
    struct buffer fragments;
    bool is_fragmented;
};

struct message {
    char *bytes;
    size_t length;
};

/// Asks for the upgrade; `connection_await(connection, "\r\n\r\n")` or ``websocket_is_open`` tells of the answer.
void websocket_ask(struct connection *connection, const char *path, const char *subprotocol);

/// Opens, blocking: asks and waits for the answer.
void websocket_open(struct connection *connection, const char *path, const char *subprotocol);

/// Takes the answer to the upgrade off `in`. @return false while it is not complete.
bool websocket_is_open(struct connection *connection);

/// Adds one masked frame with the whole message to `out`.
void websocket_add(struct buffer *out, bool is_binary, const char *bytes, size_t length);

/// The next whole message in `in`, valid until the next call. Pings are answered on the way.
bool websocket_next(struct connection *connection, struct message *message);

#endif
