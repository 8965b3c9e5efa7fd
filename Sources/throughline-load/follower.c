#include "follower.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "failure.h"

const struct feed *feed_named(const char *target) {
    static const struct feed *const all[] = {&feed_ours, &feed_nats, &feed_redis, &feed_raw};
    for (size_t at = 0; at < sizeof all / sizeof all[0]; at++) {
        if (strcmp(all[at]->target, target) == 0) return all[at];
    }
    fail("--target is ws, nats, redis or raw here, not %s", target);
}

void follower_start(struct follower *follower, struct followers *group, unsigned number, unsigned session) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &follower->connection};
    memset(follower, 0, sizeof *follower);
    follower->group = group;
    follower->number = number;
    follower->session = session;
    follower->began = monotonic_nanoseconds();
    follower->state = follower_connecting;
    connection_begin(&follower->connection, group->load->settings.port, number);
    follower->connection.owner = follower;
    follower->connection.is_followers = true;
    follower->connection.waits_for_room = true;
    epoll_ctl(group->load->poll, EPOLL_CTL_ADD, follower->connection.socket, &event);
}

bool follower_serve(struct follower *follower) {
    if (follower->state == follower_absent) return true;
    if (follower->state == follower_connecting) {
        follower->state = follower_upgrading;
        follower->group->feed->greet(follower);
    } else {
        if (!connection_receive(&follower->connection)) return false;
        follower->group->feed->read(follower);
    }
    connection_flush(&follower->connection, follower->group->load->poll);
    return true;
}

void follower_stop(struct follower *follower) {
    if (follower->state == follower_absent) return;
    connection_close(&follower->connection);
    buffer_free(&follower->plain);
    free(follower->expected);
    follower->expected = NULL;
    follower->state = follower_absent;
}

void follower_subscribed(struct follower *follower) {
    follower->state = follower_reading;
    if (follower->group->subscribed != NULL) follower->group->subscribed(follower);
}

static struct expectation *expectation_of(struct follower *follower, unsigned writer) {
    for (unsigned at = 0; at < follower->expected_count; at++) {
        if (follower->expected[at].writer == writer) return &follower->expected[at];
    }
    unsigned count = ++follower->expected_count;
    follower->expected = realloc(follower->expected, count * sizeof *follower->expected);
    if (follower->expected == NULL) fail("no memory");
    follower->expected[count - 1] = (struct expectation){writer, 1};
    return &follower->expected[count - 1];
}

void follower_expect(struct follower *follower, unsigned writer, uint64_t number) {
    expectation_of(follower, writer)->next = number;
}

static void judge(struct follower *follower, struct stamp stamp) {
    struct expectation *expectation = expectation_of(follower, stamp.writer);
    struct findings *findings = &follower->group->load->findings;
    if (stamp.number < expectation->next) findings->verdicts[verdict_repeated]++;
    if (stamp.number > expectation->next) findings->missing += stamp.number - expectation->next;
    expectation->next = stamp.number + 1;
}

void follower_deliver(struct follower *follower, struct scan texts, uint64_t now, bool is_live) {
    struct followers *group = follower->group;
    size_t size = group->load->settings.bytes;
    if ((size_t)(texts.end - texts.at) % size != 0) group->load->findings.altered++;
    for (; (size_t)(texts.end - texts.at) >= size; texts.at += size) {
        struct stamp stamp = stamp_read(texts.at);
        judge(follower, stamp);
        follower->received++;
        if (group->delivered != NULL) group->delivered(follower, stamp, now, is_live);
    }
}
