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

#endif
