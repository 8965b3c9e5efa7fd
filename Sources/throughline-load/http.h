// HTTP/1.1 as a client reads it.
#ifndef THROUGHLINE_LOAD_HTTP_H
#define THROUGHLINE_LOAD_HTTP_H

#include <stdbool.h>

#include "buffer.h"

struct connection;

struct http_answer {
    int status;
    /// How many bytes of the connection's `in` it took.
    size_t whole;
    char *body;
    size_t length;
};

/// Reads the answer at the front of `in`, whose body has a length or is chunked; chunks are put together in place.
/// The caller takes `whole` bytes off. @return false while it is not complete.
bool http_read(struct buffer *in, struct http_answer *answer);

/// Asks for a path, blocking, and reads the whole answer, which is valid until the next call.
struct http_answer http_get(struct connection *connection, const char *path, const char *accept);

#endif
