#include "sessions.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "failure.h"
#include "scan.h"

enum { requests_in_flight = 16, apart_connections = 8, silence_milliseconds = 30000 };

const char *session_name(const struct load *load, const struct stream *stream) {
    static char name[128];
    snprintf(name, sizeof name, "%s-%u", load->settings.prefix, stream->session);
    return name;
}

void session_open_websocket(struct load *load, struct connection *connection, unsigned number) {
    connection_open(connection, load->settings.port, number);
    websocket_open(connection, "/v1/connect?as=bench%3B%20role%3Dagent", "throughline.v1");
}

// One round of requests: the same question for many streams, over many connections.

struct round {
    struct load *load;
    struct connection **connections;
    unsigned connection_count;
    /// Asks for streams 0, step, 2 x step, ...
    unsigned step;
    unsigned asked[1024];
    unsigned answered;
    void (*ask)(struct load *load, struct stream *stream, struct buffer *text);
    void (*take)(struct stream *stream, struct scan answer);
};

/// The stream that is connection `which`'s question number `place`; NULL behind the last.
static struct stream *stream_of(const struct round *round, unsigned which, unsigned place) {
    uint64_t index = (uint64_t)round->step * (which + (uint64_t)place * round->connection_count);
    return index < round->load->stream_count ? &round->load->streams[index] : NULL;
}

static void ask_next(struct round *round, unsigned which) {
    static struct buffer text;
    struct stream *stream = stream_of(round, which, round->asked[which]);
    if (stream == NULL) return;
    round->asked[which]++;
    buffer_clear(&text);
    round->ask(round->load, stream, &text);
    websocket_add(&round->connections[which]->out, false, buffer_front(&text), buffer_length(&text));
}

static void take_answer(struct round *round, unsigned which, const struct message *message) {
    struct scan scan = scan_of(message->bytes, message->length);
    uint64_t number;
    if (!scan_number_after(&scan, "{\"re\":", &number)) return;
    if (!scan_has(scan, "\"ok\":")) fail("refused: %.*s", (int)message->length, message->bytes);
    round->take(&round->load->streams[number], scan);
    round->answered++;
    ask_next(round, which);
}

static void serve(struct round *round, unsigned which) {
    struct connection *connection = round->connections[which];
    struct message message;
    if (!connection_receive(connection)) fail("the server closed a connection");
    while (websocket_next(connection, &message)) take_answer(round, which, &message);
    connection_flush(connection, round->load->poll);
}

static void begin_round(struct round *round) {
    memset(round->asked, 0, sizeof round->asked);
    round->answered = 0;
    for (unsigned which = 0; which < round->connection_count; which++) {
        for (unsigned place = 0; place < requests_in_flight; place++) ask_next(round, which);
        connection_flush(round->connections[which], round->load->poll);
    }
}

static void run_round(struct round *round) {
    struct epoll_event events[256];
    unsigned wanted = (round->load->stream_count + round->step - 1) / round->step;
    begin_round(round);
    while (round->answered < wanted) {
        int count = epoll_wait(round->load->poll, events, 256, silence_milliseconds);
        if (count == 0) fail("no answer for 30 s while preparing (%u of %u)", round->answered, wanted);
        for (int at = 0; at < count; at++) {
            struct connection *connection = events[at].data.ptr;
            serve(round, connection->number);
        }
    }
}

void session_ask_create(struct load *load, struct stream *stream, struct buffer *text) {
    buffer_format(text, "{\"id\":%u,\"op\":\"create\",\"session\":\"%s\"}", stream->number, session_name(load, stream));
}

static void take_nothing(struct stream *stream, struct scan answer) {
    (void)stream;
    (void)answer;
}

void session_ask_run(struct load *load, struct stream *stream, struct buffer *text) {
    buffer_format(text,
                  "{\"id\":%u,\"op\":\"run\",\"session\":\"%s\",\"run\":{\"id\":\"r%u\",\"agent\":\"bench\","
                  "\"lease\":{\"milliseconds\":%d}}}",
                  stream->number, session_name(load, stream), stream->number, lease_milliseconds);
}

void session_take_run(struct stream *stream, struct scan answer) {
    if (!scan_past(&answer, "\"token\":\"")) fail("a run was started without a lease");
    struct scan token = scan_string(&answer);
    size_t length = (size_t)(token.end - token.at);
    if (length >= sizeof stream->lease) fail("a lease token of %zu bytes", length);
    memcpy(stream->lease, token.at, length);
}

void session_ask_open(struct load *load, struct stream *stream, struct buffer *text) {
    buffer_format(text,
                  "{\"id\":%u,\"op\":\"write\",\"session\":\"%s\",\"run\":\"r%u\",\"lease\":\"%s\",\"seq\":1,\"events\":["
                  "{\"type\":\"message.started\",\"message\":{\"id\":\"m%u\"}},"
                  "{\"type\":\"part.started\",\"part\":{\"id\":\"p%u.0\",\"message\":\"m%u\",\"kind\":\"text\"}}]}",
                  stream->number, session_name(load, stream), stream->number, stream->lease, stream->number, stream->number,
                  stream->number);
}

void session_take_open(struct stream *stream, struct scan answer) {
    if (!scan_number_after(&answer, "\"tail\":", &stream->tail)) fail("a write was answered without its tail");
    stream->first_number = 1;
    ledger_begin(&stream->ledger, stream->first_number);
}

static void create_sessions(struct load *load, struct round *round) {
    uint64_t began = monotonic_nanoseconds();
    round->step = load->stream_count / load->settings.sessions;
    round->ask = session_ask_create;
    round->take = take_nothing;
    run_round(round);
    load->creates_per_second = load->settings.sessions / ((double)(monotonic_nanoseconds() - began) / 1e9);
}

static void prepare_over(struct load *load, struct connection **connections, unsigned count) {
    struct round round = {.load = load, .connections = connections, .connection_count = count};
    create_sessions(load, &round);
    round.step = 1;
    round.ask = session_ask_run;
    round.take = session_take_run;
    run_round(&round);
    round.ask = session_ask_open;
    round.take = session_take_open;
    run_round(&round);
}

void sessions_prepare(struct load *load) {
    struct connection *connections[1024];
    unsigned count = load->settings.connections;
    if (count > 1024) fail("at most 1024 agents");
    for (unsigned at = 0; at < count; at++) connections[at] = &load->agents[at].connection;
    prepare_over(load, connections, count);
}

void sessions_prepare_apart(struct load *load) {
    struct connection own[apart_connections], *connections[apart_connections];
    for (unsigned at = 0; at < apart_connections; at++) {
        session_open_websocket(load, &own[at], at);
        connection_watch(&own[at], load->poll);
        connections[at] = &own[at];
    }
    prepare_over(load, connections, apart_connections);
    for (unsigned at = 0; at < apart_connections; at++) connection_close(&own[at]);
}

static void ask_end(struct load *load, struct stream *stream, struct buffer *text) {
    // Those that are kept say that they live.
    if (stream->number < load->runs_kept) {
        buffer_format(text, "{\"id\":%u,\"op\":\"heartbeat\",", stream->number);
    } else {
        buffer_format(text, "{\"id\":%u,\"op\":\"end\",\"reason\":\"completed\",", stream->number);
    }
    buffer_format(text, "\"session\":\"%s\",\"run\":\"r%u\",\"lease\":\"%s\"}", session_name(load, stream), stream->number,
                  stream->lease);
}

void sessions_end_runs(struct load *load, unsigned kept) {
    struct connection *connections[1024];
    struct round round = {.load = load, .connections = connections, .connection_count = load->settings.connections};
    for (unsigned at = 0; at < load->settings.connections; at++) connections[at] = &load->agents[at].connection;
    load->runs_kept = kept;
    round.step = 1;
    round.ask = ask_end;
    round.take = take_nothing;
    run_round(&round);
}

// Writing

static void add_next_part(struct buffer *out, struct stream *stream) {
    buffer_format(out, "{\"type\":\"part.ended\",\"part\":{\"id\":\"p%u.%u\"}},", stream->number, stream->part);
    stream->part++;
    buffer_format(out, "{\"type\":\"part.started\",\"part\":{\"id\":\"p%u.%u\",\"message\":\"m%u\",\"kind\":\"text\"}},",
                  stream->number, stream->part, stream->number);
    stream->offset = 0;
    stream->tail += 2;
}

void session_add_events(struct load *load, struct buffer *out, struct stream *stream, uint64_t at) {
    buffer_add_text(out, "[");
    if (stream->offset + load->settings.bytes > part_bytes) add_next_part(out, stream);
    buffer_add_text(out, "{\"type\":\"part.appended\",\"part\":{\"id\":\"p");
    buffer_add_number(out, stream->number);
    buffer_add_text(out, ".");
    buffer_add_number(out, stream->part);
    buffer_add_text(out, "\",\"offset\":");
    buffer_add_number(out, stream->offset);
    buffer_add_text(out, ",\"text\":\"");
    buffer_add(out, load_text(load, stream, stream->ledger.sent, at), load->settings.bytes);
    buffer_add_text(out, "\"}}]");
    stream->offset += load->settings.bytes;
    stream->tail++;
}
