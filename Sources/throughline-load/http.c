#include "http.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "failure.h"
#include "scan.h"

/// The place of a header's value, whatever its case; NULL if it is not there.
static const char *header_value(const char *head, size_t length, const char *name) {
    size_t name_length = strlen(name);
    for (size_t at = 0; at + name_length < length; at++) {
        if (head[at] == '\n' && strncasecmp(head + at + 1, name, name_length) == 0) return head + at + 1 + name_length;
    }
    return NULL;
}

/// Puts the chunks together at the front of the body. @return 0 while the last has not come, else the bytes they all took.
static size_t join_chunks(char *body, size_t available, size_t *length) {
    size_t at = 0;
    // Look first: nothing may move while it is not complete.
    for (int moves = 0; moves < 2; moves++) {
        at = *length = 0;
        for (;;) {
            char *line_end = memmem(body + at, available - at, "\r\n", 2);
            if (line_end == NULL) return 0;
            size_t chunk = strtoul(body + at, NULL, 16);
            size_t data = (size_t)(line_end - body) + 2;
            if (available < data + chunk + 2) return 0;
            at = data + chunk + 2;
            if (chunk == 0) break;
            *length += chunk;
            if (moves == 0) continue;
            memmove(body + *length - chunk, body + data, chunk);
        }
        if (moves == 0 && *length == 0) return at;
    }
    return at;
}

bool http_read(struct buffer *in, struct http_answer *answer) {
    char *head = buffer_front(in);
    size_t available = buffer_length(in);
    char *head_end = available == 0 ? NULL : memmem(head, available, "\r\n\r\n", 4);
    if (head_end == NULL) return false;
    size_t head_length = (size_t)(head_end - head) + 4;
    const char *length = header_value(head, head_length, "content-length:");
    const char *coding = header_value(head, head_length, "transfer-encoding:");
    answer->status = atoi(head + sizeof "HTTP/1.1");
    answer->body = head + head_length;
    answer->length = 0;
    if (coding != NULL) {
        size_t taken = join_chunks(answer->body, available - head_length, &answer->length);
        answer->whole = head_length + taken;
        return taken > 0;
    }
    if (length != NULL) answer->length = strtoul(length, NULL, 10);
    answer->whole = head_length + answer->length;
    return available >= answer->whole;
}

struct http_answer http_get(struct connection *connection, const char *path, const char *accept) {
    struct http_answer answer;
    buffer_clear(&connection->in);
    buffer_format(&connection->out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: %s\r\n\r\n", path, accept);
    connection_flush(connection, -1);
    while (!http_read(&connection->in, &answer)) {
        if (!connection_receive(connection)) fail("the server closed the connection instead of answering GET %s", path);
    }
    return answer;
}
