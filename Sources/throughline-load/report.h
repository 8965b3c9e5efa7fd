// One line of JSON on standard output, member by member.
#ifndef THROUGHLINE_LOAD_REPORT_H
#define THROUGHLINE_LOAD_REPORT_H

#include "load.h"

/// Processor time used so far, microseconds.
struct processor_time {
    uint64_t server;
    uint64_t client;
    uint64_t wall_milliseconds;
};

struct processor_time processor_time_now(pid_t server);

void report_begin(const char *scenario, const struct settings *settings);
void report_number(const char *name, double value);
void report_count(const char *name, uint64_t value);

/// What an operation cost the server and this client, and when the measured time was.
void report_processor(const struct processor_time *before, const struct processor_time *after, uint64_t operations);
void report_latencies(const struct histogram *latencies);
void report_findings(const struct load *load);
void report_end(const struct load *load);

#endif
