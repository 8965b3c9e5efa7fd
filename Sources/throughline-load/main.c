// throughline-load: the load client of `throughline bench`. One process, one thread, one epoll set, for our server and for its peers.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "scenarios.h"
#include "stamp.h"

static const char usage[] =
    "usage: throughline-load SCENARIO --target NAME --port N [--option value ...]\n"
    "\n"
    "  append    durable appends; --target ws, http or redis\n"
    "  fanout    one session, --connections that write and --readers; --target ws, nats or redis\n"
    "  replay    a session of --events texts from its start; --target ws, lines, snapshot or redis\n"
    "  crowd     --readers idle connections, each with a session of its own, cut and back; --target ws or nats\n"
    "  fill      --sessions of ours with --events appends each\n"
    "  serve-commits, serve-relay   servers that do the least possible: on --port, the first with a file in --folder\n"
    "  disk      fdatasync of a file in --folder that has its size already\n"
    "  soak      agents, readers and sessions that come and go; ours only, one line for each sample\n"
    "\n"
    "  --connections N   50     connections that write\n"
    "  --pipeline N      16     appends on their way on each\n"
    "  --bytes N         200    text of one append\n"
    "  --sessions N      1000   sessions, or streams of a peer\n"
    "  --seconds S       20     measured time, after --warm-up S (1)\n"
    "  --rate R                 appends a second in all, each sent when it is due (open loop)\n"
    "  --verify S        10     how long to read back what was written\n"
    "  --server PID             whose processor time is counted\n"
    "  --prefix NAME            of the sessions' names\n"
    "  --readers N       1000   of the session\n"
    "  --stalled N       0      more readers, who begin at the start and read nothing\n"
    "  --history N       0      texts in the session before they come\n"
    "  --session-seconds S 40   soak: how long a session is written to\n"
    "  --sample-seconds S  10   soak: how far samples are apart\n"
    "  --window N        64     without --rate: texts that the slowest reader may be behind\n"
    "\n"
    "Prints one line of JSON. Exits with 1 when an acknowledgement or what was read back was wrong.\n";

/// Where an option's value goes; one of the three is set.
struct option {
    const char *name;
    unsigned *count;
    double *number;
    const char **text;
};

static bool apply(const struct option *option, const char *value) {
    char *end = "";
    if (option->text != NULL) *option->text = value;
    if (option->count != NULL) *option->count = (unsigned)strtoul(value, &end, 10);
    if (option->number != NULL) *option->number = strtod(value, &end);
    return *end == 0;
}

static struct settings read_settings(int count, char **arguments) {
    static char prefix[64];
    snprintf(prefix, sizeof prefix, "load%llu", (unsigned long long)wall_milliseconds());
    struct settings settings = {
        .connections = 50, .pipeline = 16, .bytes = 200, .sessions = 1000,
        .seconds = 20,     .warm_up = 1,   .verify = 10, .prefix = prefix, .folder = ".", .readers = 1000, .window = 64, .events = 1000, .session_seconds = 40, .sample_seconds = 10,
    };
    unsigned port = 0, server = 0;
    const struct option options[] = {
        {.name = "--target", .text = &settings.target},
        {.name = "--port", .count = &port},
        {.name = "--connections", .count = &settings.connections},
        {.name = "--pipeline", .count = &settings.pipeline},
        {.name = "--bytes", .count = &settings.bytes},
        {.name = "--sessions", .count = &settings.sessions},
        {.name = "--seconds", .number = &settings.seconds},
        {.name = "--warm-up", .number = &settings.warm_up},
        {.name = "--rate", .number = &settings.rate},
        {.name = "--verify", .number = &settings.verify},
        {.name = "--server", .count = &server},
        {.name = "--folder", .text = &settings.folder},
        {.name = "--readers", .count = &settings.readers},
        {.name = "--stalled", .count = &settings.stalled},
        {.name = "--history", .count = &settings.history},
        {.name = "--window", .count = &settings.window},
        {.name = "--events", .count = &settings.events},
        {.name = "--existing", .count = &settings.existing},
        {.name = "--session-seconds", .number = &settings.session_seconds},
        {.name = "--sample-seconds", .number = &settings.sample_seconds},
        {.name = "--prefix", .text = &settings.prefix},
    };
    for (int at = 0; at + 1 < count; at += 2) {
        bool is_known = false;
        for (size_t which = 0; which < sizeof options / sizeof options[0]; which++) {
            if (strcmp(options[which].name, arguments[at]) != 0) continue;
            is_known = true;
            if (!apply(&options[which], arguments[at + 1])) fail("%s takes a number", arguments[at]);
        }
        if (!is_known) fail("there is no option %s", arguments[at]);
    }
    if (count % 2 != 0) fail("%s needs a value", arguments[count - 1]);
    settings.port = (int)port;
    settings.server = (pid_t)server;
    return settings;
}

static void check_settings(const struct settings *settings, unsigned least_bytes) {
    if (settings->target == NULL || settings->port == 0) fail("--target and --port are needed");
    if (settings->connections == 0 || settings->sessions == 0) fail("--connections and --sessions are at least 1");
    if (settings->bytes < least_bytes || settings->bytes > 65536) fail("--bytes is %u to 65536", least_bytes);
    if (settings->seconds <= 0) fail("--seconds is more than 0");
}

int main(int count, char **arguments) {
    if (count < 2 || strcmp(arguments[1], "--help") == 0) {
        fputs(usage, count < 2 ? stderr : stdout);
        return count < 2 ? 2 : 0;
    }
    struct settings settings = read_settings(count - 2, arguments + 2);
    signal(SIGPIPE, SIG_IGN);
    // Who started this one may ignore them, which would be inherited.
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    allow_many_files();
    if (strcmp(arguments[1], "disk") == 0) return run_disk(settings);
    if (strcmp(arguments[1], "serve-commits") == 0) return serve_commits(settings.port, settings.folder);
    if (strcmp(arguments[1], "serve-relay") == 0) return serve_relay(settings.port);
    // The tokens of a replay are too short for a stamp.
    check_settings(&settings, strcmp(arguments[1], "replay") == 0 ? 8 : stamp_bytes);
    if (strcmp(arguments[1], "append") == 0) return run_append(settings);
    if (strcmp(arguments[1], "replay") == 0) return run_replay(settings);
    if (strcmp(arguments[1], "crowd") == 0) return run_crowd(settings);
    if (strcmp(arguments[1], "fill") == 0) return run_fill(settings);
    if (strcmp(arguments[1], "soak") == 0) return run_soak(settings);
    if (strcmp(arguments[1], "fanout") == 0) return run_fanout(settings);
    fputs(usage, stderr);
    return 2;
}
