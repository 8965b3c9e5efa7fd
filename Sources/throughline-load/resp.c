#include "resp.h"

bool resp_next(struct scan *scan, struct resp *element) {
    struct scan rest = *scan, line;
    if (rest.at >= rest.end || !scan_line(&rest, &line)) return false;
    element->kind = *line.at;
    element->text = (struct scan){line.at + 1, line.end - 1};
    element->count = 0;
    struct scan digits = element->text;
    // "-1" is nothing: an array or a string without content.
    bool is_nothing = digits.at < digits.end && *digits.at == '-';
    if (!is_nothing) element->count = scan_number(&digits);
    if (element->kind == '$' && !is_nothing) {
        if ((size_t)(rest.end - rest.at) < element->count + 2) return false;
        element->text = scan_of(rest.at, element->count);
        rest.at += element->count + 2;
    }
    *scan = rest;
    return true;
}

size_t resp_whole(struct scan scan) {
    const char *begin = scan.at;
    struct resp element;
    for (uint64_t due = 1; due > 0; due--) {
        if (!resp_next(&scan, &element)) return 0;
        if (element.kind == '*') due += element.count;
    }
    return (size_t)(scan.at - begin);
}
