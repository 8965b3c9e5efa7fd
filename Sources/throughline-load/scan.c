#include "scan.h"

#include <string.h>

bool scan_past(struct scan *scan, const char *needle) {
    size_t length = strlen(needle);
    const char *found = memmem(scan->at, (size_t)(scan->end - scan->at), needle, length);
    if (found == NULL) return false;
    scan->at = found + length;
    return true;
}

bool scan_has(struct scan scan, const char *needle) { return scan_past(&scan, needle); }

uint64_t scan_number(struct scan *scan) {
    uint64_t number = 0;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') number = number * 10 + (uint64_t)(*scan->at++ - '0');
    return number;
}

bool scan_number_after(struct scan *scan, const char *needle, uint64_t *number) {
    if (!scan_past(scan, needle)) return false;
    *number = scan_number(scan);
    return true;
}

struct scan scan_string(struct scan *scan) {
    const char *quote = memchr(scan->at, '"', (size_t)(scan->end - scan->at));
    struct scan string = {scan->at, quote == NULL ? scan->end : quote};
    scan->at = string.end;
    return string;
}

bool scan_line(struct scan *scan, struct scan *line) {
    const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
    if (newline == NULL) return false;
    *line = (struct scan){scan->at, newline};
    scan->at = newline + 1;
    return true;
}
