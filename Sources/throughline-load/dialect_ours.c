// Our own server: over WebSocket, where one acknowledgement may cover several writes and runs, and over HTTP.
#include <string.h>

#include "failure.h"
#include "http.h"
#include "scan.h"
#include "sessions.h"

static void append_over_websocket(struct load *load, struct agent *agent, struct stream *stream, uint64_t at) {
    static struct buffer text;
    buffer_clear(&text);
    buffer_add_text(&text, "{\"op\":\"write\",\"session\":\"");
    buffer_add_text(&text, load->settings.prefix);
    buffer_add_text(&text, "-");
    buffer_add_number(&text, stream->session);
    buffer_add_text(&text, "\",\"run\":\"r");
    buffer_add_number(&text, stream->number);
    buffer_add_text(&text, "\",\"lease\":\"");
    buffer_add_text(&text, stream->lease);
    buffer_add_text(&text, "\",\"seq\":");
    buffer_add_number(&text, stream->ledger.sent + 1);
    buffer_add_text(&text, ",\"events\":");
    session_add_events(load, &text, stream, at);
    buffer_add_text(&text, "}");
    websocket_add(&agent->connection.out, false, buffer_front(&text), buffer_length(&text));
    ledger_send(&stream->ledger, at, load->stream_count == load->settings.sessions ? stream->tail : 0);
}

/// One frame may carry the acknowledgements of several runs. Runs bear the number of their stream.
static void read_frame(struct load *load, const struct message *message) {
    struct scan scan = scan_of(message->bytes, message->length);
    uint64_t number, written, tail;
    if (scan_has(scan, "\"error\":")) return load_refused(load, message->bytes, message->length);
    while (scan_number_after(&scan, "\"run\":\"r", &number)) {
        if (!scan_number_after(&scan, "\"written\":", &written) || !scan_number_after(&scan, "\"tail\":", &tail) ||
            number >= load->stream_count) {
            return load_refused(load, message->bytes, message->length);
        }
        load_acknowledge(load, &load->streams[number], written, tail);
    }
}

static void read_websocket(struct load *load, struct agent *agent) {
    struct message message;
    while (websocket_next(&agent->connection, &message)) read_frame(load, &message);
}

static void open_http(struct load *load, struct connection *connection, unsigned number) {
    connection_open(connection, load->settings.port, number);
}

static void append_over_http(struct load *load, struct agent *agent, struct stream *stream, uint64_t at) {
    static struct buffer body;
    buffer_clear(&body);
    session_add_events(load, &body, stream, at);
    buffer_format(&agent->connection.out,
                  "POST /v1/sessions/%s/runs/r%u/events HTTP/1.1\r\nHost: 127.0.0.1\r\nRun-Lease: %s\r\nWrite-Seq: %llu\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  session_name(load, stream), stream->number, stream->lease, (unsigned long long)stream->ledger.sent + 1,
                  buffer_length(&body));
    buffer_add(&agent->connection.out, buffer_front(&body), buffer_length(&body));
    ledger_send(&stream->ledger, at, load->stream_count == load->settings.sessions ? stream->tail : 0);
    agent_expect(agent, stream);
}

static void read_http(struct load *load, struct agent *agent) {
    struct http_answer answer;
    while (http_read(&agent->connection.in, &answer)) {
        struct stream *stream = agent_answered(agent);
        struct scan scan = scan_of(answer.body, answer.length);
        uint64_t written, tail;
        if (answer.status == 200 && scan_number_after(&scan, "\"written\":", &written) &&
            scan_number_after(&scan, "\"tail\":", &tail)) {
            load_acknowledge(load, stream, written, tail);
        } else {
            load_refused(load, answer.body, answer.length);
        }
        buffer_take(&agent->connection.in, answer.whole);
    }
}

const struct dialect dialect_websocket = {
    .name = "ws",
    .open = session_open_websocket,
    .prepare = sessions_prepare,
    .append = append_over_websocket,
    .read = read_websocket,
    .verify = sessions_verify,
};

const struct dialect dialect_http = {
    .name = "http",
    .open = open_http,
    .prepare = sessions_prepare_apart,
    .append = append_over_http,
    .read = read_http,
    .verify = sessions_verify,
};
