// Clocks, and a histogram of durations. Nanoseconds throughout.
#ifndef THROUGHLINE_LOAD_HISTOGRAM_H
#define THROUGHLINE_LOAD_HISTOGRAM_H

#include <stdint.h>

/// Time that never goes back, since some moment in the past.
uint64_t monotonic_nanoseconds(void);

/// Milliseconds since 1970, as events carry them.
uint64_t wall_milliseconds(void);

enum { histogram_steps = 64, histogram_buckets = 64 * histogram_steps };

/// Counts durations in buckets of 64 steps for each power of two: off by less than 1.6 percent.
struct histogram {
    uint64_t counts[histogram_buckets];
    uint64_t total;
    uint64_t maximum;
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/// The duration that `percent` of all stay at or below; 0 if there are none.
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
