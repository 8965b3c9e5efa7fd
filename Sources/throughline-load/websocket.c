#include "websocket.h"

#include <string.h>

#include "connection.h"
#include "failure.h"

enum {
    opcode_continuation = 0,
    opcode_text = 1,
    opcode_binary = 2,
    opcode_close = 8,
    opcode_ping = 9,
    opcode_pong = 10,
    final_bit = 0x80,
    mask_bit = 0x80,
};

/// One frame as it arrived: never masked, since it comes from a server.
struct frame {
    bool is_final;
    int opcode;
    char *payload;
    size_t length;
    size_t whole;
};

void websocket_ask(struct connection *connection, const char *path, const char *subprotocol) {
    buffer_format(&connection->out,
                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                  path);
    if (subprotocol != NULL) buffer_format(&connection->out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    buffer_add_text(&connection->out, "\r\n");
}

void websocket_open(struct connection *connection, const char *path, const char *subprotocol) {
    websocket_ask(connection, path, subprotocol);
    connection_await(connection, "\r\n\r\n");
    websocket_is_open(connection);
}

bool websocket_is_open(struct connection *connection) {
    static const char accepted[] = "HTTP/1.1 101";
    char *head = buffer_front(&connection->in);
    size_t length = buffer_length(&connection->in);
    char *end = length == 0 ? NULL : memmem(head, length, "\r\n\r\n", 4);
    if (end == NULL) return false;
    if (memcmp(head, accepted, sizeof accepted - 1) != 0) fail("no WebSocket: %.*s", (int)(end - head), head);
    buffer_take(&connection->in, (size_t)(end - head) + 4);
    return true;
}

/// The header of a client's frame; the mask is fixed, which costs the server the same as any other.
static size_t write_header(unsigned char *header, int opcode, size_t length, const unsigned char mask[4]) {
    size_t at = 0;
    header[at++] = (unsigned char)(final_bit | opcode);
    if (length < 126) {
        header[at++] = (unsigned char)(mask_bit | length);
    } else if (length <= 0xffff) {
        header[at++] = mask_bit | 126;
        header[at++] = (unsigned char)(length >> 8);
        header[at++] = (unsigned char)length;
    } else {
        header[at++] = mask_bit | 127;
        for (int shift = 56; shift >= 0; shift -= 8) header[at++] = (unsigned char)((uint64_t)length >> shift);
    }
    memcpy(header + at, mask, 4);
    return at + 4;
}

static void add_frame(struct buffer *out, int opcode, const char *bytes, size_t length) {
    static const unsigned char mask[4] = {0x5a, 0x13, 0xc7, 0x2e};
    unsigned char header[14];
    size_t header_length = write_header(header, opcode, length, mask);
    buffer_add(out, header, header_length);
    char *to = buffer_reserve(out, length);
    for (size_t at = 0; at < length; at++) to[at] = (char)(bytes[at] ^ (char)mask[at & 3]);
    out->end += length;
}

void websocket_add(struct buffer *out, bool is_binary, const char *bytes, size_t length) {
    add_frame(out, is_binary ? opcode_binary : opcode_text, bytes, length);
}

static bool read_length(const unsigned char *bytes, size_t available, size_t *length, size_t *header) {
    size_t extra = (bytes[1] & 127) == 126 ? 2 : (bytes[1] & 127) == 127 ? 8 : 0;
    *header = 2 + extra;
    if (available < *header) return false;
    *length = extra == 0 ? bytes[1] & 127u : 0;
    for (size_t at = 0; at < extra; at++) *length = *length << 8 | bytes[2 + at];
    return true;
}

static bool read_frame(struct buffer *in, struct frame *frame) {
    const unsigned char *bytes = (const unsigned char *)buffer_front(in);
    size_t available = buffer_length(in), header;
    if (available < 2 || !read_length(bytes, available, &frame->length, &header)) return false;
    if (available < header + frame->length) return false;
    frame->is_final = (bytes[0] & final_bit) != 0;
    frame->opcode = bytes[0] & 15;
    frame->payload = buffer_front(in) + header;
    frame->whole = header + frame->length;
    return true;
}

static void handle_control(struct connection *connection, const struct frame *frame) {
    if (frame->opcode == opcode_ping) add_frame(&connection->out, opcode_pong, frame->payload, frame->length);
    if (frame->opcode == opcode_close) {
        int code = frame->length < 2 ? 0 : (unsigned char)frame->payload[0] << 8 | (unsigned char)frame->payload[1];
        fail("the server closed WebSocket %u with code %d", connection->number, code);
    }
}

/// Adds a fragment. @return true when the message is complete.
static bool gather(struct websocket *websocket, const struct frame *frame, struct message *message) {
    if (!websocket->is_fragmented) buffer_clear(&websocket->fragments);
    buffer_add(&websocket->fragments, frame->payload, frame->length);
    websocket->is_fragmented = !frame->is_final;
    message->bytes = buffer_front(&websocket->fragments);
    message->length = buffer_length(&websocket->fragments);
    return frame->is_final;
}

bool websocket_next(struct connection *connection, struct message *message) {
    struct frame frame;
    while (read_frame(&connection->in, &frame)) {
        // The bytes stay where they are until the next read.
        connection->in.start += frame.whole;
        if (frame.opcode >= opcode_close) {
            handle_control(connection, &frame);
        } else if (frame.is_final && !connection->websocket.is_fragmented) {
            *message = (struct message){frame.payload, frame.length};
            return true;
        } else if (gather(&connection->websocket, &frame, message)) {
            return true;
        }
    }
    if (connection->in.start == connection->in.end) buffer_clear(&connection->in);
    return false;
}
