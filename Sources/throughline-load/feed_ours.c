// Our own server, over WebSocket: attach, then frames of events, merged or not.
#include "follower.h"

static void greet(struct follower *follower) {
    websocket_ask(&follower->connection, "/v1/connect?as=reader", "throughline.v1");
}

static void attach(struct follower *follower) {
    static struct buffer text;
    const struct load *load = follower->group->load;
    buffer_clear(&text);
    buffer_format(&text, "{\"id\":1,\"op\":\"attach\",\"session\":\"%s-%u\",", load->settings.prefix, follower->session);
    if (follower->wants_snapshot) {
        buffer_add_text(&text, "\"from\":\"snapshot\"}");
    } else {
        buffer_format(&text, "\"after\":%llu}", (unsigned long long)follower->after);
    }
    websocket_add(&follower->connection.out, false, buffer_front(&text), buffer_length(&text));
    follower->last_event = follower->after;
    follower->state = follower_subscribing;
}

/// Event numbers are dense: an event follows the one before, a merged one says from where.
static void judge_number(struct follower *follower, uint64_t from, uint64_t to) {
    if (from != follower->last_event + 1 || to < from) follower->group->load->findings.altered++;
    follower->last_event = to;
}

/// A merged event says `"from"` right before its `"seq"`. Texts hold no such words, since their quotes are escaped.
static void read_numbers(struct follower *follower, struct scan frame) {
    uint64_t from, to;
    struct scan before = frame;
    while (scan_number_after(&frame, "\"seq\":", &to)) {
        before.end = frame.at;
        if (!scan_number_after(&before, "\"from\":", &from)) from = to;
        judge_number(follower, from, to);
        before.at = frame.at;
    }
}

static void deliver_texts(struct follower *follower, struct scan frame, bool is_live) {
    uint64_t now = monotonic_nanoseconds();
    while (scan_past(&frame, "\"text\":\"")) follower_deliver(follower, scan_string(&frame), now, is_live);
}

static void read_frame(struct follower *follower, const struct message *message) {
    struct scan frame = scan_of(message->bytes, message->length);
    struct load *load = follower->group->load;
    if (follower->state == follower_subscribing && scan_has(frame, "{\"re\":1,\"ok\":")) {
        return follower_subscribed(follower);
    }
    if (scan_has(frame, "\"events\":[")) {
        read_numbers(follower, frame);
        return deliver_texts(follower, frame, true);
    }
    if (scan_past(&frame, "\"snapshot\":")) {
        deliver_texts(follower, frame, false);
        scan_number_after(&frame, "\"seq\":", &follower->last_event);
        return;
    }
    load_refused(load, message->bytes, message->length);
}

static void read(struct follower *follower) {
    struct message message;
    if (follower->state == follower_upgrading) {
        if (websocket_is_open(&follower->connection)) attach(follower);
        return;
    }
    while (follower->state != follower_absent && websocket_next(&follower->connection, &message)) {
        read_frame(follower, &message);
    }
}

const struct feed feed_ours = {.target = "ws", .greet = greet, .read = read};
