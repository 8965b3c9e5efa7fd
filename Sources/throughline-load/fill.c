#include "fill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "failure.h"
#include "report.h"
#include "scan.h"
#include "scenarios.h"
#include "sessions.h"

enum { events_of_a_write = 500, writes_in_flight = 4, runs_kept = 1000, filling_connections = 16 };

/// How many appends each stream still has to get; a write's answer leads to the stream's next.
struct filling {
    struct load *load;
    unsigned *left;
    unsigned finished;
    unsigned *next;
};

static void write_some(struct filling *filling, struct stream *stream) {
    static struct buffer text, events;
    unsigned *left = &filling->left[stream->number];
    unsigned count = *left < events_of_a_write ? *left : events_of_a_write;
    struct load *load = filling->load;
    buffer_clear(&text);
    buffer_format(&text, "{\"id\":%u,\"op\":\"write\",\"session\":\"%s\",\"run\":\"r%u\",\"lease\":\"%s\",\"seq\":%llu,\"events\":[",
                  stream->number, session_name(load, stream), stream->number, stream->lease,
                  (unsigned long long)++stream->fill_write);
    for (unsigned at = 0; at < count; at++) {
        buffer_clear(&events);
        session_add_events(load, &events, stream, 0);
        ledger_send(&stream->ledger, 0, 0);
        ledger_take(&stream->ledger);
        // Without its brackets.
        if (at > 0) buffer_add_text(&text, ",");
        buffer_add(&text, buffer_front(&events) + 1, buffer_length(&events) - 2);
    }
    buffer_add_text(&text, "]}");
    *left -= count;
    websocket_add(&stream->agent->connection.out, false, buffer_front(&text), buffer_length(&text));
}

static void begin_next(struct filling *filling, struct agent *agent, unsigned which) {
    if (filling->next[which] == agent->stream_count) return;
    write_some(filling, agent->streams[filling->next[which]++]);
}

static void take_answers(struct filling *filling, struct agent *agent, unsigned which) {
    struct message message;
    while (websocket_next(&agent->connection, &message)) {
        struct scan scan = scan_of(message.bytes, message.length);
        uint64_t number;
        if (!scan_number_after(&scan, "\"re\":", &number) || !scan_has(scan, "\"ok\":")) {
            fail("filling: %.*s", (int)(message.length < 300 ? message.length : 300), message.bytes);
        }
        if (filling->left[number] > 0) {
            write_some(filling, &filling->load->streams[number]);
        } else {
            filling->finished++;
            begin_next(filling, agent, which);
        }
    }
}

void fill_streams(struct load *load, unsigned events) {
    struct filling filling = {.load = load};
    struct epoll_event arrivals[64];
    filling.left = allocate(load->stream_count, sizeof *filling.left);
    filling.next = allocate(load->settings.connections, sizeof *filling.next);
    for (unsigned at = 0; at < load->stream_count; at++) {
        filling.left[at] = events;
        load->streams[at].fill_write = 1;
    }
    for (unsigned which = 0; which < load->settings.connections; which++) {
        for (unsigned at = 0; at < writes_in_flight; at++) begin_next(&filling, &load->agents[which], which);
        connection_flush(&load->agents[which].connection, load->poll);
    }
    while (filling.finished < load->stream_count) {
        int count = epoll_wait(load->poll, arrivals, 64, 60000);
        if (count == 0) fail("filling: no answer for 60 s");
        for (int at = 0; at < count; at++) {
            struct connection *connection = arrivals[at].data.ptr;
            if (!connection_receive(connection)) fail("filling: the server closed the connection");
            take_answers(&filling, connection->owner, connection->number);
            connection_flush(connection, load->poll);
        }
    }
}

int run_fill(struct settings settings) {
    struct load load = {.settings = settings, .dialect = &dialect_websocket};
    uint64_t began = monotonic_nanoseconds();
    load.settings.connections = settings.sessions < filling_connections ? settings.sessions : filling_connections;
    load.stream_count = settings.sessions;
    load.streams = allocate(load.stream_count, sizeof *load.streams);
    for (unsigned at = 0; at < load.stream_count; at++) load.streams[at].number = load.streams[at].session = at;
    load_begin(&load);
    if (settings.events > 0) fill_streams(&load, settings.events);
    sessions_end_runs(&load, runs_kept);
    report_begin("fill", &load.settings);
    report_number("fill_seconds", (double)(monotonic_nanoseconds() - began) / 1e9);
    report_number("creates_per_second", load.creates_per_second);
    report_end(&load);
    return 0;
}
