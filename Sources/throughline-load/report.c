#include "report.h"

#include <stdio.h>
#include <unistd.h>

struct processor_time processor_time_now(pid_t server) {
    return (struct processor_time){
        .server = processor_microseconds(server),
        .client = processor_microseconds(getpid()),
        .wall_milliseconds = wall_milliseconds(),
    };
}

void report_begin(const char *scenario, const struct settings *settings) {
    printf("{\"scenario\":\"%s\",\"target\":\"%s\",\"connections\":%u,\"pipeline\":%u,\"bytes\":%u,\"sessions\":%u,\"seconds\":%g",
           scenario, settings->target, settings->connections, settings->pipeline, settings->bytes, settings->sessions,
           settings->seconds);
}

void report_number(const char *name, double value) { printf(",\"%s\":%.3f", name, value); }

void report_count(const char *name, uint64_t value) { printf(",\"%s\":%llu", name, (unsigned long long)value); }

void report_processor(const struct processor_time *before, const struct processor_time *after, uint64_t operations) {
    double count = operations == 0 ? 1 : (double)operations;
    report_number("server_us_per_operation", (double)(after->server - before->server) / count);
    report_number("client_us_per_operation", (double)(after->client - before->client) / count);
    report_count("from_ms", before->wall_milliseconds);
    report_count("to_ms", after->wall_milliseconds);
}

void report_latencies(const struct histogram *latencies) {
    report_count("samples", latencies->total);
    report_number("p50_us", (double)histogram_percentile(latencies, 50) / 1e3);
    report_number("p90_us", (double)histogram_percentile(latencies, 90) / 1e3);
    report_number("p99_us", (double)histogram_percentile(latencies, 99) / 1e3);
    report_number("p999_us", (double)histogram_percentile(latencies, 99.9) / 1e3);
    report_number("max_us", (double)latencies->maximum / 1e3);
}

void report_findings(const struct load *load) {
    const struct findings *findings = &load->findings;
    report_count("repeated", findings->verdicts[verdict_repeated]);
    report_count("unsent", findings->verdicts[verdict_unsent]);
    report_count("wrong_tail", findings->verdicts[verdict_wrong_tail]);
    report_count("refused", findings->refused);
    report_count("unanswered", findings->unanswered);
    report_count("missing", findings->missing);
    report_count("altered", findings->altered);
    report_count("verified_sessions", load->verified.sessions);
    report_count("verified_events", load->verified.events);
}

void report_end(const struct load *load) {
    printf(",\"ok\":%s}\n", findings_are_none(&load->findings) ? "true" : "false");
    fflush(stdout);
}
