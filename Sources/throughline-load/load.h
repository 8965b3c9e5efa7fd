// What the scenarios share: settings, agents with their connections, streams of writes, and what was measured and found wrong.
#ifndef THROUGHLINE_LOAD_LOAD_H
#define THROUGHLINE_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "connection.h"
#include "histogram.h"
#include "ledger.h"

struct dialect;

struct settings {
    const char *target;
    int port;
    unsigned connections;
    unsigned pipeline;
    unsigned bytes;
    unsigned sessions;
    double seconds;
    double warm_up;
    /// Requests a second over all connections; 0: as many as come back.
    double rate;
    /// Seconds for reading back what was written.
    double verify;
    const char *prefix;
    /// Where `serve-commits` keeps its file.
    const char *folder;
    /// Fan-out: how many read, how many of them stop reading, how many texts are in the session before.
    unsigned readers;
    unsigned stalled;
    unsigned history;
    /// Fan-out without a rate: texts that the slowest reader may be behind.
    unsigned window;
    /// Replay and filling: appends of each session.
    unsigned events;
    /// Crowd: not 0 when the sessions are there already.
    unsigned existing;
    /// Soak: how long a session is written to, and how far samples are apart.
    double session_seconds;
    double sample_seconds;
    /// Whose processor time is counted; 0: nobody's.
    pid_t server;
};

/// One run of a session of ours, or one stream of a peer: what one writer writes in order.
struct stream {
    unsigned number;
    unsigned session;
    struct agent *agent;
    struct ledger ledger;
    /// Ours: the lease, the tail that the writes sent so far lead to, and where the next append goes.
    char lease[80];
    uint64_t tail;
    /// Writes that carried no text, before the first that does.
    uint64_t first_number;
    /// Filling: the number of the last write.
    uint64_t fill_write;
    unsigned part;
    uint64_t offset;
    /// Redis: the last id.
    uint64_t last_id[2];
};

/// A connection that writes, and the streams it writes to.
struct agent {
    struct connection connection;
    struct stream **streams;
    unsigned stream_count;
    unsigned in_flight;
    /// For dialects that answer in order: whose answers are due. A ring.
    struct stream **due;
    uint32_t due_capacity;
    uint32_t due_head;
    uint32_t due_count;
};

/// What was found wrong. All zero, or the figures count for nothing.
struct findings {
    uint64_t verdicts[verdict_count];
    uint64_t refused;
    uint64_t unanswered;
    uint64_t missing;
    uint64_t altered;
};

/// What was read back after the measurement.
struct verification {
    uint64_t sessions;
    uint64_t events;
};

struct load {
    struct settings settings;
    const struct dialect *dialect;
    int poll;
    struct agent *agents;
    struct stream *streams;
    unsigned stream_count;
    char *text;
    /// When set, what the one stream writes, instead of stamped texts.
    const char *texts;
    uint64_t random;
    /// The measured time.
    uint64_t from;
    uint64_t to;
    uint64_t acknowledged;
    struct histogram *latencies;
    double creates_per_second;
    /// Runs that are left open when the others end.
    unsigned runs_kept;
    struct findings findings;
    struct verification verified;
};

/// How one kind of server is spoken to.
struct dialect {
    const char *name;
    /// Connects, blocking.
    void (*open)(struct load *load, struct connection *connection, unsigned number);
    /// Makes ready what the streams are written to.
    void (*prepare)(struct load *load);
    /// Adds one append to the connection's `out`, and to the stream's ledger.
    void (*append)(struct load *load, struct agent *agent, struct stream *stream, uint64_t at);
    /// Takes the answers off the connection's `in`; tells of them by ``load_acknowledge``.
    void (*read)(struct load *load, struct agent *agent);
    /// Reads back what was written.
    void (*verify)(struct load *load);
};

extern const struct dialect dialect_websocket;
extern const struct dialect dialect_http;
extern const struct dialect dialect_redis;
extern const struct dialect dialect_nats;
extern const struct dialect dialect_raw;

const struct dialect *dialect_named(const char *name);

/// Makes ready what needs no server.
void load_prepare_alone(struct load *load);

/// Connects the agents and hands out the streams: stream n to agent n modulo the number of agents.
void load_begin(struct load *load);

/// An answer came: all writes of the stream up to `written`. @param tail 0 if none was named.
void load_acknowledge(struct load *load, struct stream *stream, uint64_t written, uint64_t tail);

/// An answer came that refuses; its words go to standard error, for the first few.
void load_refused(struct load *load, const char *bytes, size_t length);

/// Adds a stream to those whose answers are due on this connection, and takes the first of them off.
void agent_expect(struct agent *agent, struct stream *stream);
struct stream *agent_answered(struct agent *agent);

/// The text of one append: it names its stream, its number and when it was due, so that no two are alike. In `load->text`.
const char *load_text(struct load *load, const struct stream *stream, uint64_t number, uint64_t at);

uint64_t load_random(struct load *load);
bool findings_are_none(const struct findings *findings);

/// Resident memory of a process.
uint64_t resident_kilobytes(pid_t process);

/// User and system time of a process so far, microseconds; 0 if there is none.
uint64_t processor_microseconds(pid_t process);

#endif
