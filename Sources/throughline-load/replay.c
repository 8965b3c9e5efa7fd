// A session that is long already, read from its start: how many of its texts come in a second, and how long until all are there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "fill.h"
#include "http.h"
#include "report.h"
#include "resp.h"
#include "scan.h"
#include "scenarios.h"
#include "sessions.h"
#include "stamp.h"

enum { entries_in_flight = 500 };

struct replay {
    struct load load;
    struct stream *stream;
    unsigned events;
    /// All texts, one behind the other, as they have to come.
    char *expected;
    size_t expected_length;
    /// What has come of them, in this reading.
    struct buffer seen;
};

/// Tokens are too short for a stamp; they still differ from one another.
static void write_text(struct replay *replay, char *to, unsigned number) {
    char digits[16];
    size_t size = replay->load.settings.bytes;
    snprintf(digits, sizeof digits, "%07u ", number % 10000000);
    for (size_t at = 0; at < size; at++) to[at] = at < 8 ? digits[at] : (char)('a' + at % 26);
}

static void make_texts(struct replay *replay) {
    size_t size = replay->load.settings.bytes;
    replay->expected_length = size * replay->events;
    replay->expected = allocate(replay->expected_length, 1);
    for (unsigned at = 0; at < replay->events; at++) write_text(replay, replay->expected + at * size, at + 1);
}

static void judge(struct replay *replay) {
    size_t length = buffer_length(&replay->seen);
    if (length < replay->expected_length) {
        replay->load.findings.missing += (replay->expected_length - length) / replay->load.settings.bytes;
    } else if (length > replay->expected_length) {
        replay->load.findings.altered++;
    } else if (memcmp(buffer_front(&replay->seen), replay->expected, length) != 0) {
        replay->load.findings.altered++;
    }
    replay->load.verified.sessions = 1;
    replay->load.verified.events += replay->events;
}

static void see(struct replay *replay, struct scan text) {
    buffer_add(&replay->seen, text.at, (size_t)(text.end - text.at));
}

/// A reading: from the question to the last text. The connection stands already, as it does for the peer.
typedef void reading(struct replay *replay, struct connection *connection);

// Ours

static void read_attached(struct replay *replay, struct connection *connection) {
    struct message message;
    struct buffer text = {0};
    buffer_format(&text, "{\"id\":1,\"op\":\"attach\",\"session\":\"%s\",\"after\":0}",
                  session_name(&replay->load, replay->stream));
    websocket_add(&connection->out, false, buffer_front(&text), buffer_length(&text));
    connection_flush(connection, -1);
    buffer_free(&text);
    while (buffer_length(&replay->seen) < replay->expected_length) {
        if (!connection_receive(connection)) fail("the server closed the connection");
        while (websocket_next(connection, &message)) {
            struct scan frame = scan_of(message.bytes, message.length);
            while (scan_past(&frame, "\"text\":\"")) see(replay, scan_string(&frame));
        }
    }
}

static void read_texts_of(struct replay *replay, struct connection *connection, const char *path, const char *accept) {
    struct http_answer answer = http_get(connection, path, accept);
    struct scan body = scan_of(answer.body, answer.length);
    if (answer.status != 200) fail("GET %s: status %d", path, answer.status);
    while (scan_past(&body, "\"text\":\"")) see(replay, scan_string(&body));
}

static void read_lines(struct replay *replay, struct connection *connection) {
    char path[256];
    snprintf(path, sizeof path, "/v1/sessions/%s/events?after=0", session_name(&replay->load, replay->stream));
    read_texts_of(replay, connection, path, "application/x-ndjson");
}

static void read_snapshot(struct replay *replay, struct connection *connection) {
    char path[256];
    snprintf(path, sizeof path, "/v1/sessions/%s", session_name(&replay->load, replay->stream));
    read_texts_of(replay, connection, path, "application/json");
}

static void write_ours(struct replay *replay) {
    struct load *load = &replay->load;
    load->dialect = &dialect_websocket;
    load->texts = replay->expected;
    load_begin(load);
    fill_streams(load, replay->events);
    connection_close(&load->agents[0].connection);
}

// Redis

static void write_redis(struct replay *replay) {
    struct connection connection;
    struct buffer *out = &connection.out;
    size_t size = replay->load.settings.bytes;
    struct resp answer;
    load_prepare_alone(&replay->load);
    connection_open(&connection, replay->load.settings.port, 0);
    for (unsigned at = 0; at < replay->events;) {
        unsigned until = at + entries_in_flight < replay->events ? at + entries_in_flight : replay->events;
        unsigned due = until - at;
        for (; at < until; at++) {
            buffer_format(out, "*5\r\n$4\r\nXADD\r\n$6\r\nreplay\r\n$1\r\n*\r\n$1\r\nd\r\n$%zu\r\n", size);
            buffer_add(out, replay->expected + at * size, size);
            buffer_add_text(out, "\r\n");
        }
        connection_flush(&connection, -1);
        while (due > 0) {
            struct scan scan = scan_of(buffer_front(&connection.in), buffer_length(&connection.in));
            if (!resp_next(&scan, &answer)) {
                if (!connection_receive(&connection)) fail("Redis closed the connection");
                continue;
            }
            buffer_take(&connection.in, (size_t)(scan.at - buffer_front(&connection.in)));
            due--;
        }
    }
    connection_close(&connection);
}

/// Takes the entries while they come, as a client does that does not wait for the last.
static void read_range(struct replay *replay, struct connection *connection) {
    struct resp element;
    unsigned place = 0;
    buffer_add_text(&connection->out, "*4\r\n$6\r\nXRANGE\r\n$6\r\nreplay\r\n$1\r\n-\r\n$1\r\n+\r\n");
    connection_flush(connection, -1);
    // The head of all, then for each entry: its pair, its id, its array, the field's name, the text.
    while (place < 1 + 5 * replay->events) {
        struct scan scan = scan_of(buffer_front(&connection->in), buffer_length(&connection->in));
        while (place < 1 + 5 * replay->events && resp_next(&scan, &element)) {
            if (place > 0 && (place - 1) % 5 == 4) see(replay, element.text);
            place++;
        }
        buffer_take(&connection->in, (size_t)(scan.at - buffer_front(&connection->in)));
        if (place < 1 + 5 * replay->events && !connection_receive(connection)) fail("Redis closed the connection");
    }
}

struct way {
    const char *target;
    bool is_websocket;
    void (*write)(struct replay *replay);
    reading *read;
};

static const struct way ways[] = {
    {"ws", true, write_ours, read_attached},
    {"lines", false, write_ours, read_lines},
    {"snapshot", false, write_ours, read_snapshot},
    {"redis", false, write_redis, read_range},
};

static const struct way *way_named(const char *target) {
    for (size_t at = 0; at < sizeof ways / sizeof ways[0]; at++) {
        if (strcmp(ways[at].target, target) == 0) return &ways[at];
    }
    fail("--target is ws, lines, snapshot or redis here, not %s", target);
}

static uint64_t read_once(struct replay *replay, const struct way *way) {
    struct connection connection;
    buffer_clear(&replay->seen);
    if (way->is_websocket) {
        session_open_websocket(&replay->load, &connection, 1);
    } else {
        connection_open(&connection, replay->load.settings.port, 1);
    }
    uint64_t began = monotonic_nanoseconds();
    way->read(replay, &connection);
    uint64_t took = monotonic_nanoseconds() - began;
    judge(replay);
    connection_close(&connection);
    return took;
}

/// Reads again and again for the measured time; the first reading, which finds nothing warm, does not count.
static void measure(struct replay *replay, const struct way *way, struct processor_time *before, struct processor_time *after) {
    struct load *load = &replay->load;
    read_once(replay, way);
    *before = processor_time_now(load->settings.server);
    load->from = monotonic_nanoseconds();
    load->to = load->from + (uint64_t)(load->settings.seconds * 1e9);
    do histogram_add(load->latencies, read_once(replay, way));
    while (monotonic_nanoseconds() < load->to);
    *after = processor_time_now(load->settings.server);
}

int run_replay(struct settings settings) {
    const struct way *way = way_named(settings.target);
    struct replay replay = {.load = {.settings = settings, .stream_count = 1}, .events = settings.events};
    struct load *load = &replay.load;
    struct processor_time before, after;
    if (settings.bytes < 8 || settings.events == 0) fail("--bytes is 8 or more, --events 1 or more");
    load->settings.sessions = load->settings.connections = 1;
    load->streams = allocate(1, sizeof *load->streams);
    replay.stream = &load->streams[0];
    make_texts(&replay);
    way->write(&replay);
    measure(&replay, way, &before, &after);
    double median = (double)histogram_percentile(load->latencies, 50);
    report_begin("replay", &load->settings);
    report_count("events", replay.events);
    report_number("operations_per_second", replay.events / (median / 1e9));
    report_processor(&before, &after, load->latencies->total * replay.events);
    report_latencies(load->latencies);
    report_findings(load);
    report_end(load);
    return findings_are_none(&load->findings) ? 0 : 1;
}
