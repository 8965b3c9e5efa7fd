// Finds members in JSON that the server has written: no spaces, keys in quotes. Not a parser, and cheap for that.
#ifndef THROUGHLINE_LOAD_SCAN_H
#define THROUGHLINE_LOAD_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A piece of text being looked through, from front to back.
struct scan {
    const char *at;
    const char *end;
};

static inline struct scan scan_of(const char *bytes, size_t length) { return (struct scan){bytes, bytes + length}; }

/// Goes behind the next `needle`. @return false, and nothing moves, if there is none.
bool scan_past(struct scan *scan, const char *needle);
bool scan_has(struct scan scan, const char *needle);

/// The digits here; 0 if there are none.
uint64_t scan_number(struct scan *scan);

/// The number behind the next `needle`.
bool scan_number_after(struct scan *scan, const char *needle, uint64_t *number);

/// What is up to the next quote.
struct scan scan_string(struct scan *scan);

/// Up to the end of the line; the next line begins behind it. @return false when no whole line is left.
bool scan_line(struct scan *scan, struct scan *line);

#endif
