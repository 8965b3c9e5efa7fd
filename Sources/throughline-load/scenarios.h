// What can be measured. Each prints one line of JSON and returns the exit status: 0 when nothing was found wrong.
#ifndef THROUGHLINE_LOAD_SCENARIOS_H
#define THROUGHLINE_LOAD_SCENARIOS_H

#include "load.h"

/// Durable appends. Closed loop: each connection keeps `pipeline` on their way, topped up after each read by one send().
/// With a rate, open loop: each is sent when it is due, and its latency counts from then.
int run_append(struct settings settings);

/// One session that `connections` agents write to and `readers` follow. With a rate, latency counts from when a text was due to when
/// a reader has it. Without, as many as the slowest reader takes: at most `window` texts are on their way to it.
int run_fanout(struct settings settings);

/// A session of `events` texts, read again and again from its start for the measured time. Operations are texts.
int run_replay(struct settings settings);

/// `readers` connections, each following a session of its own: resident memory for each, and how long it takes until all are back
/// (resuming where they were) after all were closed at once. At most 256 are on their way at a time.
int run_crowd(struct settings settings);

/// Writes of 4 KiB, each made durable, for the time it is given.
int run_disk(struct settings settings);

/// Servers that show what the machine allows; see their files. They run until they are stopped.
int serve_commits(int port, const char *folder);
int serve_relay(int port);

/// Creates sessions with `events` appends each, and ends all of their runs but a thousand.
int run_fill(struct settings settings);

/// `connections` agents with `rate` appends a second in all, `readers` readers, each for a while. Prints a line for each sample.
int run_soak(struct settings settings);

#endif
