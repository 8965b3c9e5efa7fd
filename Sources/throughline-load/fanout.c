#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "failure.h"
#include "follower.h"
#include "report.h"
#include "scenarios.h"

enum { events_at_once = 1024, stalled_receive_bytes = 4096, history_pipeline = 256 };

static const uint64_t settle_nanoseconds = 500000000u, drain_nanoseconds = 5000000000u, patience_nanoseconds = 60000000000u;

struct fanout {
    struct load load;
    struct followers group;
    struct follower *followers;
    unsigned subscribed;
    uint64_t sent;
    uint64_t began;
    uint64_t due;
    double interval;
    /// Deliveries in the measured time.
    uint64_t deliveries;
    /// Without a rate: how many readers have each of the texts on their way, a ring, and the last that all have.
    uint32_t *holders;
    uint64_t slowest;
    struct processor_time before, after;
    bool has_begun, has_ended;
};

static void advance_slowest(struct fanout *fanout, uint64_t number) {
    const struct settings *settings = &fanout->load.settings;
    unsigned ring = settings->window * 2;
    fanout->holders[number % ring]++;
    while (fanout->slowest < fanout->sent && fanout->holders[(fanout->slowest + 1) % ring] == settings->readers) {
        fanout->slowest++;
        fanout->holders[fanout->slowest % ring] = 0;
    }
}

static void delivered(struct follower *follower, struct stamp stamp, uint64_t now, bool is_live) {
    struct fanout *fanout = follower->group->context;
    struct load *load = &fanout->load;
    (void)is_live;
    if (now >= load->from && now < load->to) fanout->deliveries++;
    if (stamp.at >= load->from && stamp.at < load->to) histogram_add(load->latencies, now - stamp.at);
    if (fanout->holders != NULL) advance_slowest(fanout, stamp.number);
}

static void subscribed(struct follower *follower) {
    struct fanout *fanout = follower->group->context;
    fanout->subscribed++;
    if (follower->number < fanout->load.settings.readers) return;
    // From here on this one reads nothing.
    int bytes = stalled_receive_bytes;
    setsockopt(follower->connection.socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    epoll_ctl(fanout->load.poll, EPOLL_CTL_DEL, follower->connection.socket, NULL);
}

static void send_one(struct fanout *fanout, uint64_t at) {
    struct load *load = &fanout->load;
    struct agent *agent = &load->agents[fanout->sent % load->settings.connections];
    load->dialect->append(load, agent, agent->streams[0], at);
    agent->in_flight++;
    fanout->sent++;
}

static void flush_agents(struct fanout *fanout) {
    for (unsigned at = 0; at < fanout->load.settings.connections; at++) {
        connection_flush(&fanout->load.agents[at].connection, fanout->load.poll);
    }
}

static void send_due(struct fanout *fanout, uint64_t now) {
    bool has_sent = false;
    while (fanout->due <= now && fanout->due < fanout->load.to) {
        send_one(fanout, fanout->due);
        has_sent = true;
        fanout->due = fanout->began + (uint64_t)((double)(fanout->sent - fanout->load.settings.history) * fanout->interval);
    }
    if (has_sent) flush_agents(fanout);
}

static void fill_window(struct fanout *fanout, uint64_t now) {
    if (now >= fanout->load.to || fanout->sent - fanout->slowest >= fanout->load.settings.window) return;
    while (fanout->sent - fanout->slowest < fanout->load.settings.window) send_one(fanout, now);
    flush_agents(fanout);
}

static void serve(struct fanout *fanout, struct connection *connection) {
    struct load *load = &fanout->load;
    if (connection->is_followers) {
        if (!follower_serve(connection->owner)) fail("the server closed a reader's connection");
        return;
    }
    if (!connection_receive(connection)) fail("the server closed a writer's connection");
    load->dialect->read(load, connection->owner);
    connection_flush(connection, load->poll);
}

static void serve_arrivals(struct fanout *fanout, uint64_t until) {
    struct epoll_event events[events_at_once];
    uint64_t now = monotonic_nanoseconds();
    uint64_t wait = until > now ? until - now : 0;
    struct timespec timeout = {.tv_nsec = (long)(wait < 5000000 ? wait : 5000000)};
    int count = epoll_pwait2(fanout->load.poll, events, events_at_once, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int at = 0; at < count; at++) serve(fanout, events[at].data.ptr);
}

static uint64_t in_flight(const struct fanout *fanout) {
    uint64_t sum = 0;
    for (unsigned at = 0; at < fanout->load.settings.connections; at++) sum += fanout->load.agents[at].in_flight;
    return sum;
}

static void write_history(struct fanout *fanout) {
    const struct settings *settings = &fanout->load.settings;
    uint64_t limit = monotonic_nanoseconds() + patience_nanoseconds;
    while (fanout->sent < settings->history || in_flight(fanout) > 0) {
        uint64_t now = monotonic_nanoseconds();
        if (now > limit) fail("writing the history took too long");
        while (fanout->sent < settings->history && in_flight(fanout) < history_pipeline) send_one(fanout, now);
        flush_agents(fanout);
        serve_arrivals(fanout, now + 1000000);
    }
}

static void start_follower(struct fanout *fanout, unsigned number) {
    struct follower *follower = &fanout->followers[number];
    const struct stream *stream = &fanout->load.streams[0];
    follower_start(follower, &fanout->group, number, 0);
    if (number >= fanout->load.settings.readers) return;
    follower->after = stream->tail;
    if (fanout->load.settings.history > 0) follower_expect(follower, 0, stream->ledger.sent - stream->first_number + 1);
}

static void start_followers(struct fanout *fanout) {
    unsigned count = fanout->load.settings.readers + fanout->load.settings.stalled;
    uint64_t limit = monotonic_nanoseconds() + patience_nanoseconds;
    fanout->followers = allocate(count, sizeof *fanout->followers);
    for (unsigned started = 0; fanout->subscribed < count;) {
        while (started < count && started - fanout->subscribed < 128) start_follower(fanout, started++);
        serve_arrivals(fanout, UINT64_MAX);
        if (monotonic_nanoseconds() > limit) fail("only %u of %u readers came through", fanout->subscribed, count);
    }
    uint64_t settled = monotonic_nanoseconds() + settle_nanoseconds;
    while (monotonic_nanoseconds() < settled) serve_arrivals(fanout, settled);
}

static void mark_time(struct fanout *fanout, uint64_t now) {
    if (!fanout->has_begun && now >= fanout->load.from) {
        fanout->has_begun = true;
        fanout->before = processor_time_now(fanout->load.settings.server);
    }
    if (!fanout->has_ended && now >= fanout->load.to) {
        fanout->has_ended = true;
        fanout->after = processor_time_now(fanout->load.settings.server);
    }
}

/// Texts that readers have not got, all together.
static uint64_t outstanding(const struct fanout *fanout) {
    uint64_t wanted = fanout->sent - fanout->load.settings.history, missing = 0;
    for (unsigned at = 0; at < fanout->load.settings.readers; at++) missing += wanted - fanout->followers[at].received;
    return missing;
}

static void measure(struct fanout *fanout) {
    struct load *load = &fanout->load;
    fanout->began = fanout->due = monotonic_nanoseconds();
    load->from = fanout->began + (uint64_t)(load->settings.warm_up * 1e9);
    load->to = load->from + (uint64_t)(load->settings.seconds * 1e9);
    for (;;) {
        uint64_t now = monotonic_nanoseconds();
        mark_time(fanout, now);
        if (now >= load->to && (outstanding(fanout) == 0 || now > load->to + drain_nanoseconds)) break;
        if (fanout->interval > 0) send_due(fanout, now);
        if (fanout->interval == 0) fill_window(fanout, now);
        serve_arrivals(fanout, fanout->interval > 0 && fanout->due < load->to ? fanout->due : UINT64_MAX);
    }
    load->findings.missing += outstanding(fanout);
    load->findings.unanswered = in_flight(fanout);
}

static void print_report(const struct fanout *fanout) {
    const struct load *load = &fanout->load;
    report_begin("fanout", &load->settings);
    report_number("rate", load->settings.rate);
    report_count("readers", load->settings.readers);
    report_count("stalled", load->settings.stalled);
    report_number("operations_per_second", (double)fanout->deliveries / load->settings.seconds);
    report_processor(&fanout->before, &fanout->after, fanout->deliveries);
    report_latencies(load->latencies);
    report_findings(load);
    report_end(load);
}

int run_fanout(struct settings settings) {
    struct fanout fanout = {.load = {.settings = settings, .dialect = dialect_named(settings.target)}};
    struct load *load = &fanout.load;
    load->settings.sessions = 1;
    load->stream_count = settings.connections;
    load->streams = allocate(load->stream_count, sizeof *load->streams);
    for (unsigned at = 0; at < load->stream_count; at++) load->streams[at].number = at;
    fanout.group = (struct followers){
        .load = load, .feed = feed_named(settings.target), .context = &fanout, .delivered = delivered, .subscribed = subscribed};
    load_begin(load);
    write_history(&fanout);
    if (settings.rate > 0) {
        fanout.interval = 1e9 / settings.rate;
    } else {
        fanout.holders = allocate(settings.window * 2, sizeof *fanout.holders);
        fanout.slowest = settings.history;
    }
    start_followers(&fanout);
    measure(&fanout);
    load->dialect->verify(load);
    print_report(&fanout);
    return findings_are_none(&load->findings) ? 0 : 1;
}
