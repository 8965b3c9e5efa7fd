// NATS over WebSocket: one writer's end, and the readers'. Nothing is stored, and nothing acknowledged.
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "follower.h"

static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"protocol\":1}\r\n";

static void say(struct connection *connection, const char *bytes, size_t length) {
    websocket_add(&connection->out, true, bytes, length);
}

/// Takes the messages off `in` and puts their bytes behind `plain`: NATS uses WebSocket as a stream of bytes.
static void unwrap(struct connection *connection, struct buffer *plain) {
    struct message message;
    while (websocket_next(connection, &message)) buffer_add(plain, message.bytes, message.length);
}

/// The next line, and for a message its payload, taken off `plain`. @return false while it is not complete.
static bool next_line(struct buffer *plain, struct scan *line, struct scan *payload) {
    struct scan rest = scan_of(buffer_front(plain), buffer_length(plain));
    *payload = scan_of(rest.at, 0);
    if (buffer_length(plain) == 0 || !scan_line(&rest, line)) return false;
    if (memcmp(line->at, "MSG ", 4) == 0) {
        struct scan size = *line;
        for (int field = 0; field < 3; field++) scan_past(&size, " ");
        size_t length = scan_number(&size);
        if ((size_t)(rest.end - rest.at) < length + 2) return false;
        *payload = scan_of(rest.at, length);
        rest.at += length + 2;
    }
    plain->start = (size_t)(rest.at - plain->bytes);
    return true;
}

static bool starts_with(struct scan line, const char *word) {
    return (size_t)(line.end - line.at) >= strlen(word) && memcmp(line.at, word, strlen(word)) == 0;
}

// Writing

static void open_nats(struct load *load, struct connection *connection, unsigned number) {
    connection_open(connection, load->settings.port, number);
    websocket_open(connection, "/", NULL);
    say(connection, hello, sizeof hello - 1);
}

static void prepare_nats(struct load *load) {
    for (unsigned at = 0; at < load->stream_count; at++) ledger_begin(&load->streams[at].ledger, 0);
}

static void append_nats(struct load *load, struct agent *agent, struct stream *stream, uint64_t at) {
    static struct buffer text;
    buffer_clear(&text);
    buffer_format(&text, "PUB %s-%u %u\r\n", load->settings.prefix, stream->session, load->settings.bytes);
    buffer_add(&text, load_text(load, stream, stream->ledger.sent + 1, at), load->settings.bytes);
    buffer_add_text(&text, "\r\n");
    say(&agent->connection, buffer_front(&text), buffer_length(&text));
    ledger_send(&stream->ledger, at, 0);
    ledger_take(&stream->ledger);
    agent->in_flight--;
}

static void read_nats(struct load *load, struct agent *agent) {
    static struct buffer plain;
    struct scan line, payload;
    unwrap(&agent->connection, &plain);
    while (next_line(&plain, &line, &payload)) {
        if (starts_with(line, "PING")) say(&agent->connection, "PONG\r\n", 6);
        if (starts_with(line, "-ERR")) load_refused(load, line.at, (size_t)(line.end - line.at));
    }
}

static void verify_nothing(struct load *load) { (void)load; }

const struct dialect dialect_nats = {
    .name = "nats",
    .open = open_nats,
    .prepare = prepare_nats,
    .append = append_nats,
    .read = read_nats,
    .verify = verify_nothing,
};

// Reading

static void greet(struct follower *follower) { websocket_ask(&follower->connection, "/", NULL); }

static void subscribe(struct follower *follower) {
    char text[512];
    int length = snprintf(text, sizeof text, "%sSUB %s-%u 1\r\nPING\r\n", hello, follower->group->load->settings.prefix,
                          follower->session);
    say(&follower->connection, text, (size_t)length);
    follower->state = follower_subscribing;
}

static void take_line(struct follower *follower, struct scan line, struct scan payload, uint64_t now) {
    if (payload.at < payload.end) return follower_deliver(follower, payload, now, true);
    if (starts_with(line, "PING")) return say(&follower->connection, "PONG\r\n", 6);
    if (starts_with(line, "PONG") && follower->state == follower_subscribing) return follower_subscribed(follower);
    if (starts_with(line, "-ERR")) load_refused(follower->group->load, line.at, (size_t)(line.end - line.at));
}

static void read(struct follower *follower) {
    struct scan line, payload;
    if (follower->state == follower_upgrading) {
        if (!websocket_is_open(&follower->connection)) return;
        subscribe(follower);
    }
    uint64_t now = monotonic_nanoseconds();
    unwrap(&follower->connection, &follower->plain);
    while (next_line(&follower->plain, &line, &payload)) take_line(follower, line, payload, now);
    if (buffer_length(&follower->plain) == 0) buffer_clear(&follower->plain);
}

const struct feed feed_nats = {.target = "nats", .greet = greet, .read = read};
