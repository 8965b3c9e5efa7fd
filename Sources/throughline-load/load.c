#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "stamp.h"

enum { refusals_shown = 3 };

const struct dialect *dialect_named(const char *name) {
    static const struct dialect *const all[] = {&dialect_websocket, &dialect_http, &dialect_redis, &dialect_nats,
                                                &dialect_raw};
    for (size_t at = 0; at < sizeof all / sizeof all[0]; at++) {
        if (strcmp(all[at]->name, name) == 0) return all[at];
    }
    fail("--target is ws, http, redis, nats or raw, not %s", name);
}

static void hand_out_streams(struct load *load) {
    unsigned agents = load->settings.connections;
    for (unsigned at = 0; at < agents; at++) {
        load->agents[at].streams = allocate(load->stream_count / agents + 1, sizeof(struct stream *));
    }
    for (unsigned at = 0; at < load->stream_count; at++) {
        struct agent *agent = &load->agents[at % agents];
        agent->streams[agent->stream_count++] = &load->streams[at];
        load->streams[at].agent = agent;
    }
}

void load_prepare_alone(struct load *load) {
    load->poll = poll_create();
    load->random = 88172645463325252u;
    load->latencies = allocate(1, sizeof *load->latencies);
    load->text = allocate(load->settings.bytes, 1);
    for (size_t byte = 0; byte < load->settings.bytes; byte++) load->text[byte] = (char)('a' + byte % 26);
}

void load_begin(struct load *load) {
    load_prepare_alone(load);
    load->agents = allocate(load->settings.connections, sizeof *load->agents);
    hand_out_streams(load);
    for (unsigned at = 0; at < load->settings.connections; at++) {
        struct connection *connection = &load->agents[at].connection;
        load->dialect->open(load, connection, at);
        connection->owner = &load->agents[at];
        connection_watch(connection, load->poll);
    }
    load->dialect->prepare(load);
}

static void measure(struct load *load, const struct pending *pending, uint64_t now) {
    if (now >= load->from && now < load->to) load->acknowledged++;
    if (pending->at >= load->from && pending->at < load->to) histogram_add(load->latencies, now - pending->at);
}

void load_acknowledge(struct load *load, struct stream *stream, uint64_t written, uint64_t tail) {
    enum verdict verdict = ledger_judge(&stream->ledger, written, tail);
    uint64_t now = monotonic_nanoseconds();
    if (verdict != verdict_fine) {
        load->findings.verdicts[verdict]++;
        return;
    }
    while (stream->ledger.acknowledged < written) {
        struct pending pending = ledger_take(&stream->ledger);
        stream->agent->in_flight--;
        measure(load, &pending, now);
    }
}

void load_refused(struct load *load, const char *bytes, size_t length) {
    if (load->findings.refused++ < refusals_shown) {
        fprintf(stderr, "throughline-load: refused: %.*s\n", (int)(length < 500 ? length : 500), bytes);
    }
}

void agent_expect(struct agent *agent, struct stream *stream) {
    if (agent->due_count == agent->due_capacity) {
        uint32_t capacity = agent->due_capacity == 0 ? 64 : agent->due_capacity * 2;
        struct stream **due = allocate(capacity, sizeof *due);
        for (uint32_t at = 0; at < agent->due_count; at++) {
            due[at] = agent->due[(agent->due_head + at) % agent->due_capacity];
        }
        free(agent->due);
        agent->due = due;
        agent->due_capacity = capacity;
        agent->due_head = 0;
    }
    agent->due[(agent->due_head + agent->due_count++) % agent->due_capacity] = stream;
}

struct stream *agent_answered(struct agent *agent) {
    if (agent->due_count == 0) fail("an answer came that nobody asked for");
    struct stream *stream = agent->due[agent->due_head];
    agent->due_head = (agent->due_head + 1) % agent->due_capacity;
    agent->due_count--;
    return stream;
}

const char *load_text(struct load *load, const struct stream *stream, uint64_t number, uint64_t at) {
    if (load->texts != NULL) return load->texts + (number - 1) * load->settings.bytes;
    stamp_write(load->text, (struct stamp){.at = at, .writer = stream->number, .number = number});
    return load->text;
}

uint64_t load_random(struct load *load) {
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return load->random;
}

bool findings_are_none(const struct findings *findings) {
    static const struct findings none;
    return memcmp(findings, &none, sizeof none) == 0;
}

uint64_t processor_microseconds(pid_t process) {
    char path[64], line[1024];
    unsigned long long user = 0, system = 0;
    if (process == 0) return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = 0;
    // The name in brackets may hold spaces: fields count from the last bracket on.
    const char *fields = strrchr(line, ')');
    if (fields == NULL) return 0;
    sscanf(fields + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system);
    return (user + system) * (1000000u / (unsigned long long)sysconf(_SC_CLK_TCK));
}

uint64_t resident_kilobytes(pid_t process) {
    char path[64], line[256];
    unsigned long long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmRSS: %llu", &kilobytes) != 1) continue;
    fclose(file);
    return kilobytes;
}
