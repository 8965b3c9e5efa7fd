// Many idle connections, each reading a session of its own: what they cost in memory, and how fast all are back after all were cut.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "failure.h"
#include "follower.h"
#include "report.h"
#include "scenarios.h"
#include "sessions.h"

enum { events_at_once = 512, preparing_connections = 16, arriving_at_once = 256 };

static const uint64_t settle_nanoseconds = 3000000000u, patience_nanoseconds = 120000000000u;

struct crowd {
    struct load load;
    struct followers group;
    struct follower *followers;
    unsigned subscribed;
    struct histogram *arrivals;
};

static void subscribed(struct follower *follower) {
    struct crowd *crowd = follower->group->context;
    crowd->subscribed++;
    histogram_add(crowd->arrivals, monotonic_nanoseconds() - follower->began);
}

/// Our sessions exist before anybody reads them; NATS needs none.
static void prepare_sessions(struct crowd *crowd, bool exist_already) {
    struct load *load = &crowd->load;
    load->settings.sessions = load->stream_count = load->settings.readers;
    if (load->dialect != &dialect_websocket || exist_already) return load_prepare_alone(load);
    load->settings.connections = preparing_connections;
    load_begin(load);
    for (unsigned at = 0; at < preparing_connections; at++) connection_close(&load->agents[at].connection);
}

static void serve_arrivals(struct crowd *crowd) {
    struct epoll_event events[events_at_once];
    int count = epoll_wait(crowd->load.poll, events, events_at_once, 10);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int at = 0; at < count; at++) {
        struct connection *connection = events[at].data.ptr;
        if (!follower_serve(connection->owner)) fail("the server closed connection %u", connection->number);
    }
}

/// All come, 256 at a time. @return how long it took.
static double come(struct crowd *crowd) {
    unsigned count = crowd->load.settings.readers;
    uint64_t began = monotonic_nanoseconds();
    crowd->subscribed = 0;
    for (unsigned started = 0; crowd->subscribed < count;) {
        while (started < count && started - crowd->subscribed < arriving_at_once) {
            // Those who come back say what they have seen.
            uint64_t seen = crowd->followers[started].last_event;
            follower_start(&crowd->followers[started], &crowd->group, started, started);
            crowd->followers[started].after = seen;
            started++;
        }
        serve_arrivals(crowd);
        if (monotonic_nanoseconds() - began > patience_nanoseconds) fail("only %u of %u came", crowd->subscribed, count);
    }
    return (double)(monotonic_nanoseconds() - began) / 1e9;
}

static void settle(struct crowd *crowd) {
    uint64_t until = monotonic_nanoseconds() + settle_nanoseconds;
    while (monotonic_nanoseconds() < until) serve_arrivals(crowd);
}

static void cut_all(struct crowd *crowd) {
    for (unsigned at = 0; at < crowd->load.settings.readers; at++) follower_stop(&crowd->followers[at]);
}

int run_crowd(struct settings settings) {
    struct crowd crowd = {.load = {.settings = settings, .dialect = dialect_named(settings.target)}};
    crowd.group = (struct followers){
        .load = &crowd.load, .feed = feed_named(settings.target), .context = &crowd, .subscribed = subscribed};
    crowd.load.streams = allocate(settings.readers, sizeof *crowd.load.streams);
    for (unsigned at = 0; at < settings.readers; at++) crowd.load.streams[at].number = crowd.load.streams[at].session = at;
    crowd.followers = allocate(settings.readers, sizeof *crowd.followers);
    crowd.arrivals = allocate(1, sizeof *crowd.arrivals);
    prepare_sessions(&crowd, settings.existing != 0);
    uint64_t alone = resident_kilobytes(settings.server);
    double first = come(&crowd);
    settle(&crowd);
    uint64_t with_all = resident_kilobytes(settings.server);
    struct processor_time before = processor_time_now(settings.server);
    uint64_t cut = monotonic_nanoseconds();
    cut_all(&crowd);
    histogram_clear(crowd.arrivals);
    come(&crowd);
    double again = (double)(monotonic_nanoseconds() - cut) / 1e9;
    struct processor_time after = processor_time_now(settings.server);
    report_begin("crowd", &crowd.load.settings);
    report_count("readers", settings.readers);
    report_number("connect_seconds", first);
    report_number("resume_seconds", again);
    report_number("resident_kb_per_connection", ((double)with_all - (double)alone) / settings.readers);
    report_processor(&before, &after, settings.readers);
    report_latencies(crowd.arrivals);
    report_findings(&crowd.load);
    report_end(&crowd.load);
    return findings_are_none(&crowd.load.findings) ? 0 : 1;
}
