// Bare texts over TCP, for `serve-relay`: nothing is said but the texts themselves.
#include "follower.h"

static void open_raw(struct load *load, struct connection *connection, unsigned number) {
    connection_open(connection, load->settings.port, number);
}

static void prepare_raw(struct load *load) { ledger_begin(&load->streams[0].ledger, 0); }

static void append_raw(struct load *load, struct agent *agent, struct stream *stream, uint64_t at) {
    buffer_add(&agent->connection.out, load_text(load, stream, stream->ledger.sent + 1, at), load->settings.bytes);
    ledger_send(&stream->ledger, at, 0);
    ledger_take(&stream->ledger);
    agent->in_flight--;
}

static void read_nothing(struct load *load, struct agent *agent) {
    (void)load;
    buffer_clear(&agent->connection.in);
}

static void verify_nothing(struct load *load) { (void)load; }

const struct dialect dialect_raw = {
    .name = "raw",
    .open = open_raw,
    .prepare = prepare_raw,
    .append = append_raw,
    .read = read_nothing,
    .verify = verify_nothing,
};

static void greet(struct follower *follower) { follower_subscribed(follower); }

static void read(struct follower *follower) {
    struct buffer *in = &follower->connection.in;
    size_t size = follower->group->load->settings.bytes;
    size_t whole = buffer_length(in) / size * size;
    if (whole == 0) return;
    follower_deliver(follower, scan_of(buffer_front(in), whole), monotonic_nanoseconds(), true);
    buffer_take(in, whole);
}

const struct feed feed_raw = {.target = "raw", .greet = greet, .read = read};
