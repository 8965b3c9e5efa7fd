// Redis Streams, read by XREAD BLOCK: each answer brings what was added, and the next question names the last id.
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "follower.h"
#include "resp.h"

static void ask(struct follower *follower) {
    char key[128];
    int length = snprintf(key, sizeof key, "%s-%u", follower->group->load->settings.prefix, follower->session);
    buffer_format(&follower->connection.out,
                  "*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n$7\r\nSTREAMS\r\n$%d\r\n%s\r\n$%zu\r\n%s\r\n", length, key,
                  strlen(follower->last_id), follower->last_id);
}

/// Redis says nothing until something was added: the question itself has to count as the subscription.
static void greet(struct follower *follower) {
    strcpy(follower->last_id, "0-0");
    ask(follower);
    follower_subscribed(follower);
}

/// An entry is its id, then the array of its one field and its text.
static void take_entry(struct follower *follower, struct scan *answer, uint64_t now) {
    struct resp element;
    resp_next(answer, &element);
    resp_next(answer, &element);
    size_t length = (size_t)(element.text.end - element.text.at);
    if (length >= sizeof follower->last_id) fail("an id of %zu bytes", length);
    memcpy(follower->last_id, element.text.at, length);
    follower->last_id[length] = 0;
    for (int part = 0; part < 3; part++) resp_next(answer, &element);
    follower_deliver(follower, element.text, now, true);
}

static void take_answer(struct follower *follower, struct scan answer) {
    uint64_t now = monotonic_nanoseconds();
    struct resp element;
    resp_next(&answer, &element);
    if (element.kind == '-') return load_refused(follower->group->load, element.text.at, 60);
    // One stream: its pair, its name, then its entries.
    for (int part = 0; part < 3; part++) resp_next(&answer, &element);
    for (uint64_t left = element.count; left > 0; left--) take_entry(follower, &answer, now);
    ask(follower);
}

static void read(struct follower *follower) {
    struct buffer *in = &follower->connection.in;
    size_t whole;
    while ((whole = resp_whole(scan_of(buffer_front(in), buffer_length(in)))) > 0) {
        take_answer(follower, scan_of(buffer_front(in), whole));
        buffer_take(in, whole);
    }
}

const struct feed feed_redis = {.target = "redis", .greet = greet, .read = read};
