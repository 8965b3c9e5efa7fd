#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "failure.h"
#include "report.h"
#include "scenarios.h"

enum { events_at_once = 256 };

static const uint64_t drain_nanoseconds = 5000000000u;

/// The state of one measurement while it runs.
struct run {
    struct load load;
    /// Open loop: when the next append is due, how far they are apart, and whose turn it is.
    uint64_t due;
    double interval;
    uint64_t sent;
    uint64_t began;
    /// Processor time of the server and of this process, when the measured time began and ended.
    struct processor_time before, after;
    bool has_begun;
    bool has_ended;
};

static struct stream *choose_stream(struct load *load, struct agent *agent) {
    return agent->streams[agent->stream_count == 1 ? 0 : load_random(load) % agent->stream_count];
}

static void append(struct load *load, struct agent *agent, uint64_t at) {
    load->dialect->append(load, agent, choose_stream(load, agent), at);
    agent->in_flight++;
}

static void top_up(struct load *load, struct agent *agent) {
    uint64_t now = monotonic_nanoseconds();
    if (now < load->to) {
        while (agent->in_flight < load->settings.pipeline) append(load, agent, now);
    }
    connection_flush(&agent->connection, load->poll);
}

/// Sends what is due by now, one after the other over the connections.
static void send_due(struct run *run, uint64_t now) {
    struct load *load = &run->load;
    while (run->due <= now && run->due < load->to) {
        struct agent *agent = &load->agents[run->sent % load->settings.connections];
        append(load, agent, run->due);
        connection_flush(&agent->connection, load->poll);
        run->sent++;
        run->due = run->began + (uint64_t)((double)run->sent * run->interval);
    }
}

static struct timespec patience(const struct run *run, uint64_t now) {
    uint64_t most = 5000000;
    if (run->interval > 0 && run->due < run->load.to) most = run->due > now ? run->due - now : 0;
    if (most > 5000000) most = 5000000;
    return (struct timespec){.tv_nsec = (long)most};
}

static void serve_arrivals(struct run *run) {
    struct load *load = &run->load;
    struct epoll_event events[events_at_once];
    struct timespec timeout = patience(run, monotonic_nanoseconds());
    int count = epoll_pwait2(load->poll, events, events_at_once, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int at = 0; at < count; at++) {
        struct connection *connection = events[at].data.ptr;
        if (!connection_receive(connection)) fail("the server closed connection %u", connection->number);
        load->dialect->read(load, connection->owner);
        if (run->interval > 0) {
            connection_flush(connection, load->poll);
        } else {
            top_up(load, connection->owner);
        }
    }
}

static uint64_t in_flight(const struct load *load) {
    uint64_t sum = 0;
    for (unsigned at = 0; at < load->settings.connections; at++) sum += load->agents[at].in_flight;
    return sum;
}

static void mark_time(struct run *run, uint64_t now) {
    if (!run->has_begun && now >= run->load.from) {
        run->has_begun = true;
        run->before = processor_time_now(run->load.settings.server);
    }
    if (!run->has_ended && now >= run->load.to) {
        run->has_ended = true;
        run->after = processor_time_now(run->load.settings.server);
    }
}

static void begin(struct run *run) {
    struct load *load = &run->load;
    run->began = run->due = monotonic_nanoseconds();
    load->from = run->began + (uint64_t)(load->settings.warm_up * 1e9);
    load->to = load->from + (uint64_t)(load->settings.seconds * 1e9);
    if (load->settings.rate > 0) {
        run->interval = 1e9 / load->settings.rate;
    } else {
        for (unsigned at = 0; at < load->settings.connections; at++) top_up(load, &load->agents[at]);
    }
}

static void run_until_drained(struct run *run) {
    struct load *load = &run->load;
    for (;;) {
        uint64_t now = monotonic_nanoseconds();
        mark_time(run, now);
        if (now >= load->to && (in_flight(load) == 0 || now > load->to + drain_nanoseconds)) break;
        if (run->interval > 0) send_due(run, now);
        serve_arrivals(run);
    }
    load->findings.unanswered = in_flight(load);
}

static void print_report(const struct run *run) {
    const struct load *load = &run->load;
    report_begin("append", &load->settings);
    report_number("rate", load->settings.rate);
    report_number("operations_per_second", (double)load->acknowledged / load->settings.seconds);
    report_processor(&run->before, &run->after, load->acknowledged);
    report_latencies(load->latencies);
    report_number("creates_per_second", load->creates_per_second);
    report_findings(load);
    report_end(load);
}

int run_append(struct settings settings) {
    if (settings.sessions < settings.connections) fail("each connection needs a session of its own: more --sessions");
    struct run run = {.load = {.settings = settings, .dialect = dialect_named(settings.target)}};
    struct load *load = &run.load;
    load->stream_count = settings.sessions;
    load->streams = allocate(load->stream_count, sizeof *load->streams);
    for (unsigned at = 0; at < load->stream_count; at++) load->streams[at].number = load->streams[at].session = at;
    load_begin(load);
    begin(&run);
    run_until_drained(&run);
    load->dialect->verify(load);
    print_report(&run);
    return findings_are_none(&load->findings) ? 0 : 1;
}
