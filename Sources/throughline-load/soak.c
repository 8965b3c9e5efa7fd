// Hours of ordinary life: agents that come, create a session, write at their pace, end the run, perhaps erase the session, and go;
// readers that come to a session in the middle of it, from its start or its state, and go.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "failure.h"
#include "follower.h"
#include "report.h"
#include "scan.h"
#include "scenarios.h"
#include "sessions.h"

enum { events_at_once = 512, reader_seconds = 20, erased_of_four = 3 };

static const uint64_t second = 1000000000u;

enum stage {
    stage_connecting,
    stage_upgrading,
    stage_creating,
    stage_starting,
    stage_opening,
    stage_writing,
    stage_ending,
    stage_erasing,
    /// Done; another comes in its place.
    stage_leaving,
};

/// An agent of its one session at a time. Its stream's run bears the agent's number, its session a new number each time.
struct worker {
    struct agent agent;
    struct stream stream;
    struct stream *streams[1];
    enum stage stage;
    uint64_t due;
    uint64_t until;
};

struct soak {
    struct load load;
    struct followers group;
    struct worker *workers;
    struct follower *followers;
    uint64_t *leaving;
    unsigned next_session;
    unsigned next_connection;
    uint64_t interval;
    uint64_t created, erased, ended, attached;
    struct histogram *deliveries;
    uint64_t acknowledged;
    struct processor_time last_time;
};

static uint64_t lifetime(struct soak *soak, uint64_t mean) {
    // Between half and one and a half of it, so that they do not march in step.
    return mean / 2 + load_random(&soak->load) % mean;
}

// Agents

static void ask(struct worker *worker, const struct buffer *text) {
    websocket_add(&worker->agent.connection.out, false, buffer_front(text), buffer_length(text));
}

static void start_worker(struct soak *soak, struct worker *worker, unsigned number) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &worker->agent.connection};
    free(worker->stream.ledger.waiting);
    memset(worker, 0, sizeof *worker);
    worker->stream = (struct stream){.number = number, .session = soak->next_session++, .agent = &worker->agent};
    worker->agent.streams = worker->streams;
    worker->agent.streams[0] = &worker->stream;
    worker->agent.stream_count = 1;
    connection_begin(&worker->agent.connection, soak->load.settings.port, soak->next_connection++ % 40000);
    worker->agent.connection.owner = worker;
    worker->agent.connection.waits_for_room = true;
    epoll_ctl(soak->load.poll, EPOLL_CTL_ADD, worker->agent.connection.socket, &event);
}

static void ask_for_stage(struct soak *soak, struct worker *worker, enum stage stage) {
    static struct buffer text;
    struct load *load = &soak->load;
    const char *session = session_name(load, &worker->stream);
    unsigned run = worker->stream.number;
    buffer_clear(&text);
    worker->stage = stage;
    if (stage == stage_creating) session_ask_create(load, &worker->stream, &text);
    if (stage == stage_starting) session_ask_run(load, &worker->stream, &text);
    if (stage == stage_opening) session_ask_open(load, &worker->stream, &text);
    if (stage == stage_ending) {
        buffer_format(&text, "{\"id\":%u,\"op\":\"end\",\"session\":\"%s\",\"run\":\"r%u\",\"lease\":\"%s\",\"reason\":\"completed\"}",
                      run, session, run, worker->stream.lease);
    }
    if (stage == stage_erasing) buffer_format(&text, "{\"id\":%u,\"op\":\"erase\",\"session\":\"%s\"}", run, session);
    ask(worker, &text);
}

static void begin_writing(struct soak *soak, struct worker *worker) {
    uint64_t now = monotonic_nanoseconds();
    worker->stage = stage_writing;
    worker->due = now + load_random(&soak->load) % soak->interval;
    worker->until = now + lifetime(soak, (uint64_t)(soak->load.settings.session_seconds * 1e9));
}

/// An answer to the question of this stage; on to the next.
static void advance(struct soak *soak, struct worker *worker, struct scan answer) {
    switch (worker->stage) {
    case stage_creating:
        soak->created++;
        return ask_for_stage(soak, worker, stage_starting);
    case stage_starting:
        session_take_run(&worker->stream, answer);
        return ask_for_stage(soak, worker, stage_opening);
    case stage_opening:
        session_take_open(&worker->stream, answer);
        return begin_writing(soak, worker);
    case stage_ending:
        soak->ended++;
        if (load_random(&soak->load) % 4 < erased_of_four) return ask_for_stage(soak, worker, stage_erasing);
        worker->stage = stage_leaving;
        return;
    case stage_erasing:
        soak->erased++;
        worker->stage = stage_leaving;
        return;
    default:
        fail("an answer nobody asked for");
    }
}

static void read_worker(struct soak *soak, struct worker *worker) {
    struct message message;
    while (websocket_next(&worker->agent.connection, &message)) {
        struct scan scan = scan_of(message.bytes, message.length);
        uint64_t number, written, tail;
        if (scan_past(&scan, "\"ok\":")) {
            advance(soak, worker, scan);
        } else if (scan_number_after(&scan, "\"run\":\"r", &number) && scan_number_after(&scan, "\"written\":", &written) &&
                   scan_number_after(&scan, "\"tail\":", &tail)) {
            load_acknowledge(&soak->load, &worker->stream, written, tail);
        } else {
            load_refused(&soak->load, message.bytes, message.length);
        }
    }
}

static void serve_worker(struct soak *soak, struct worker *worker) {
    struct connection *connection = &worker->agent.connection;
    if (worker->stage == stage_connecting) {
        websocket_ask(connection, "/v1/connect?as=bench%3B%20role%3Dagent", "throughline.v1");
        worker->stage = stage_upgrading;
    } else if (!connection_receive(connection)) {
        fail("the server closed the connection of agent %u", worker->stream.number);
    } else if (worker->stage != stage_upgrading) {
        read_worker(soak, worker);
    } else if (websocket_is_open(connection)) {
        ask_for_stage(soak, worker, stage_creating);
    }
    connection_flush(connection, soak->load.poll);
}

static void replace_worker(struct soak *soak, struct worker *worker) {
    connection_close(&worker->agent.connection);
    start_worker(soak, worker, worker->stream.number);
}

/// Writes what is due; when its time is over and all is acknowledged, ends the run.
static void drive_worker(struct soak *soak, struct worker *worker, uint64_t now) {
    if (worker->stage == stage_leaving) return replace_worker(soak, worker);
    if (worker->stage != stage_writing) return;
    while (worker->due <= now && now < worker->until) {
        soak->load.dialect->append(&soak->load, &worker->agent, &worker->stream, worker->due);
        worker->agent.in_flight++;
        worker->due += soak->interval;
    }
    if (now >= worker->until && worker->agent.in_flight == 0) ask_for_stage(soak, worker, stage_ending);
    connection_flush(&worker->agent.connection, soak->load.poll);
}

// Readers

static void delivered(struct follower *follower, struct stamp stamp, uint64_t now, bool is_live) {
    struct soak *soak = follower->group->context;
    // What was written before it came is no delivery in time.
    if (is_live && stamp.at > follower->began) histogram_add(soak->deliveries, now - stamp.at);
}

static void start_reader(struct soak *soak, unsigned number) {
    struct load *load = &soak->load;
    const struct worker *worker = &soak->workers[load_random(load) % load->settings.connections];
    uint64_t now = monotonic_nanoseconds();
    soak->leaving[number] = now + second / 10;
    // One that is about to be erased is left alone: to be told so is no failure, but tells nothing either.
    if (worker->stage != stage_writing || worker->until < now + second) return;
    follower_start(&soak->followers[number], &soak->group, soak->next_connection++ % 40000, worker->stream.session);
    soak->followers[number].wants_snapshot = load_random(load) % 2 == 0;
    uint64_t stays = lifetime(soak, reader_seconds * second);
    soak->leaving[number] = now + stays < worker->until ? now + stays : worker->until - second / 10;
    soak->attached++;
}

static void drive_reader(struct soak *soak, unsigned number, uint64_t now) {
    if (now < soak->leaving[number]) return;
    follower_stop(&soak->followers[number]);
    start_reader(soak, number);
}

// Samples

static unsigned open_files(pid_t process) {
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *folder = opendir(path);
    if (folder == NULL) return 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count - 2;
}

static void print_sample(struct soak *soak, uint64_t began, uint64_t now) {
    struct load *load = &soak->load;
    struct processor_time time = processor_time_now(load->settings.server);
    double elapsed = (double)(time.wall_milliseconds - soak->last_time.wall_milliseconds) / 1e3;
    printf("{\"at_seconds\":%.1f", (double)(now - began) / 1e9);
    report_number("appends_per_second", (double)(load->acknowledged - soak->acknowledged) / elapsed);
    report_number("ack_p50_us", (double)histogram_percentile(load->latencies, 50) / 1e3);
    report_number("ack_p99_us", (double)histogram_percentile(load->latencies, 99) / 1e3);
    report_number("delivery_p50_us", (double)histogram_percentile(soak->deliveries, 50) / 1e3);
    report_number("delivery_p99_us", (double)histogram_percentile(soak->deliveries, 99) / 1e3);
    report_count("deliveries", soak->deliveries->total);
    report_count("resident_kb", resident_kilobytes(load->settings.server));
    report_count("open_files", open_files(load->settings.server));
    report_number("server_cores", (double)(time.server - soak->last_time.server) / 1e6 / elapsed);
    report_count("sessions_created", soak->created);
    report_count("sessions_erased", soak->erased);
    report_count("readers_attached", soak->attached);
    report_findings(load);
    report_end(load);
    histogram_clear(load->latencies);
    histogram_clear(soak->deliveries);
    soak->acknowledged = load->acknowledged;
    soak->last_time = time;
}

// The loop

static void serve_arrivals(struct soak *soak) {
    struct epoll_event events[events_at_once];
    int count = epoll_wait(soak->load.poll, events, events_at_once, 1);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int at = 0; at < count; at++) {
        struct connection *connection = events[at].data.ptr;
        if (!connection->is_followers) {
            serve_worker(soak, connection->owner);
        } else if (!follower_serve(connection->owner)) {
            fail("the server closed a reader's connection");
        }
    }
}

static void drive(struct soak *soak, uint64_t now) {
    for (unsigned at = 0; at < soak->load.settings.connections; at++) drive_worker(soak, &soak->workers[at], now);
    for (unsigned at = 0; at < soak->load.settings.readers; at++) drive_reader(soak, at, now);
}

static void begin(struct soak *soak) {
    struct load *load = &soak->load;
    load_prepare_alone(load);
    load->to = UINT64_MAX;
    soak->deliveries = allocate(1, sizeof *soak->deliveries);
    soak->workers = allocate(load->settings.connections, sizeof *soak->workers);
    soak->followers = allocate(load->settings.readers, sizeof *soak->followers);
    soak->leaving = allocate(load->settings.readers, sizeof *soak->leaving);
    soak->interval = (uint64_t)(1e9 * load->settings.connections / load->settings.rate);
    soak->last_time = processor_time_now(load->settings.server);
    for (unsigned at = 0; at < load->settings.connections; at++) start_worker(soak, &soak->workers[at], at);
}

int run_soak(struct settings settings) {
    struct soak soak = {.load = {.settings = settings, .dialect = dialect_named("ws"), .stream_count = 1}};
    soak.load.settings.sessions = 1;
    soak.group = (struct followers){.load = &soak.load, .feed = &feed_ours, .context = &soak, .delivered = delivered};
    if (settings.rate <= 0) fail("--rate is needed");
    begin(&soak);
    uint64_t began = monotonic_nanoseconds(), sample = (uint64_t)(settings.sample_seconds * 1e9), next = began + sample;
    uint64_t end = began + (uint64_t)(settings.seconds * 1e9);
    for (uint64_t now = began; now < end; now = monotonic_nanoseconds()) {
        drive(&soak, now);
        serve_arrivals(&soak);
        if (now < next) continue;
        print_sample(&soak, began, now);
        next += sample;
    }
    return findings_are_none(&soak.load.findings) ? 0 : 1;
}
