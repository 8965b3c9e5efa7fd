// A connection that reads a session as it grows: ours over WebSocket, NATS over WebSocket, Redis by XREAD. Nothing blocks, so that
// thousands may come at once. It sees to it that it gets every text of each writer once, in order.
#ifndef THROUGHLINE_LOAD_FOLLOWER_H
#define THROUGHLINE_LOAD_FOLLOWER_H

#include "load.h"
#include "scan.h"
#include "stamp.h"

enum follower_state {
    follower_absent,
    follower_connecting,
    follower_upgrading,
    follower_subscribing,
    follower_reading,
};

/// The number of the text that one writer sends next.
struct expectation {
    unsigned writer;
    uint64_t next;
};

struct follower {
    struct connection connection;
    struct followers *group;
    enum follower_state state;
    unsigned number;
    unsigned session;
    /// Ours: begins with the state, or else after event number `after`.
    bool wants_snapshot;
    uint64_t after;
    /// Ours: the last event seen.
    uint64_t last_event;
    /// When it began to connect.
    uint64_t began;
    uint64_t received;
    struct expectation *expected;
    unsigned expected_count;
    /// NATS: what came in messages, as the stream that it is.
    struct buffer plain;
    /// Redis: what to read after.
    char last_id[48];
};

/// How one kind of server is followed.
struct feed {
    const char *target;
    /// Speaks first, once connected.
    void (*greet)(struct follower *follower);
    /// Takes what has come off `in`: goes on towards `follower_reading`, then delivers.
    void (*read)(struct follower *follower);
};

extern const struct feed feed_ours;
extern const struct feed feed_nats;
extern const struct feed feed_redis;
extern const struct feed feed_raw;

const struct feed *feed_named(const char *target);

/// Followers of one scenario, and who wants to know of them.
struct followers {
    struct load *load;
    const struct feed *feed;
    void *context;
    /// A text arrived; `is_live` is false for what was there before.
    void (*delivered)(struct follower *follower, struct stamp stamp, uint64_t now, bool is_live);
    void (*subscribed)(struct follower *follower);
};

/// Begins to connect.
void follower_start(struct follower *follower, struct followers *group, unsigned number, unsigned session);

/// Says which text of a writer comes first; otherwise it is number 1.
void follower_expect(struct follower *follower, unsigned writer, uint64_t number);

/// Something happened on its connection. @return false when the server has closed it.
bool follower_serve(struct follower *follower);
void follower_stop(struct follower *follower);

/// For feeds: the subscription stands.
void follower_subscribed(struct follower *follower);

/// For feeds: texts arrived, one behind the other, each of the size that all have.
void follower_deliver(struct follower *follower, struct scan texts, uint64_t now, bool is_live);

#endif
