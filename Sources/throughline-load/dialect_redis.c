// Redis Streams: XADD, whose answers are ids, in the order of the requests.
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "load.h"
#include "resp.h"

static void open_redis(struct load *load, struct connection *connection, unsigned number) {
    connection_open(connection, load->settings.port, number);
}

static void prepare_redis(struct load *load) {
    for (unsigned at = 0; at < load->stream_count; at++) ledger_begin(&load->streams[at].ledger, 0);
}

static void add_bulk(struct buffer *out, const char *bytes, size_t length) {
    buffer_add_text(out, "$");
    buffer_add_number(out, length);
    buffer_add_text(out, "\r\n");
    buffer_add(out, bytes, length);
    buffer_add_text(out, "\r\n");
}

static void add_key(struct load *load, struct buffer *out, const struct stream *stream) {
    char key[128];
    int length = snprintf(key, sizeof key, "%s-%u", load->settings.prefix, stream->session);
    add_bulk(out, key, (size_t)length);
}

static void append_redis(struct load *load, struct agent *agent, struct stream *stream, uint64_t at) {
    struct buffer *out = &agent->connection.out;
    buffer_add_text(out, "*5\r\n$4\r\nXADD\r\n");
    add_key(load, out, stream);
    buffer_add_text(out, "$1\r\n*\r\n$1\r\nd\r\n");
    add_bulk(out, load_text(load, stream, stream->ledger.sent + 1, at), load->settings.bytes);
    ledger_send(&stream->ledger, at, 0);
    agent_expect(agent, stream);
}

/// Takes one whole answer off the front: an id, a number or an error. @return false while it is not complete.
static bool next_answer(struct buffer *in, struct resp *answer) {
    struct scan scan = scan_of(buffer_front(in), buffer_length(in));
    if (!resp_next(&scan, answer)) return false;
    in->start = (size_t)(scan.at - in->bytes);
    return true;
}

/// The ids of one stream go up, strictly.
static void take_id(struct load *load, struct stream *stream, struct scan id) {
    uint64_t first = scan_number(&id);
    if (id.at < id.end) id.at++;
    uint64_t second = scan_number(&id);
    bool ascends = first > stream->last_id[0] || (first == stream->last_id[0] && second > stream->last_id[1]);
    stream->last_id[0] = first;
    stream->last_id[1] = second;
    if (!ascends) load->findings.verdicts[verdict_repeated]++;
    load_acknowledge(load, stream, stream->ledger.acknowledged + 1, 0);
}

static void read_redis(struct load *load, struct agent *agent) {
    struct resp answer;
    while (next_answer(&agent->connection.in, &answer)) {
        struct stream *stream = agent_answered(agent);
        if (answer.kind == '$') {
            take_id(load, stream, answer.text);
        } else {
            load_refused(load, answer.text.at, (size_t)(answer.text.end - answer.text.at));
        }
    }
    if (buffer_length(&agent->connection.in) == 0) buffer_clear(&agent->connection.in);
}

static uint64_t stream_length(struct load *load, struct connection *connection, const struct stream *stream) {
    struct resp answer;
    buffer_add_text(&connection->out, "*2\r\n$4\r\nXLEN\r\n");
    add_key(load, &connection->out, stream);
    connection_flush(connection, -1);
    while (!next_answer(&connection->in, &answer)) {
        if (!connection_receive(connection)) fail("Redis closed the connection");
    }
    return answer.count;
}

/// Each stream has as many entries as were acknowledged, or, where answers are missing, were sent.
static void verify_redis(struct load *load) {
    uint64_t until = monotonic_nanoseconds() + (uint64_t)(load->settings.verify * 1e9);
    struct connection connection;
    connection_open(&connection, load->settings.port, 0);
    for (unsigned at = 0; at < load->stream_count && monotonic_nanoseconds() < until; at++) {
        const struct ledger *ledger = &load->streams[at].ledger;
        uint64_t length = stream_length(load, &connection, &load->streams[at]);
        if (length < ledger->acknowledged) load->findings.missing += ledger->acknowledged - length;
        if (length > ledger->sent) load->findings.altered += length - ledger->sent;
        load->verified.sessions++;
        load->verified.events += length;
    }
    connection_close(&connection);
}

const struct dialect dialect_redis = {
    .name = "redis",
    .open = open_redis,
    .prepare = prepare_redis,
    .append = append_redis,
    .read = read_redis,
    .verify = verify_redis,
};
