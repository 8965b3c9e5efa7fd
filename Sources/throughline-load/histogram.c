#include "histogram.h"

#include <string.h>
#include <time.h>

static uint64_t nanoseconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

uint64_t wall_milliseconds(void) { return nanoseconds_of(CLOCK_REALTIME) / 1000000u; }

void histogram_clear(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

static int bucket_of(uint64_t value) {
    if (value < histogram_steps) return (int)value;
    int exponent = 63 - __builtin_clzll(value);
    int step = (int)((value >> (exponent - 6)) & (histogram_steps - 1));
    return (exponent - 5) * histogram_steps + step;
}

static uint64_t lowest_of(int bucket) {
    if (bucket < histogram_steps) return (uint64_t)bucket;
    int exponent = bucket / histogram_steps + 5;
    return (uint64_t)(histogram_steps + bucket % histogram_steps) << (exponent - 6);
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds) {
    histogram->counts[bucket_of(nanoseconds)]++;
    histogram->total++;
    if (nanoseconds > histogram->maximum) histogram->maximum = nanoseconds;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    uint64_t wanted = (uint64_t)((double)histogram->total * percent / 100 + 0.5);
    uint64_t seen = 0;
    if (histogram->total == 0) return 0;
    if (wanted == 0) wanted = 1;
    for (int bucket = 0; bucket < histogram_buckets; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= wanted) return lowest_of(bucket);
    }
    return histogram->maximum;
}
