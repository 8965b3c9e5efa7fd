// Redis' protocol, as a client reads it.
#ifndef THROUGHLINE_LOAD_RESP_H
#define THROUGHLINE_LOAD_RESP_H

#include "scan.h"

/// One element: the head of an array with the number of its members, a string, a number or an error.
struct resp {
    char kind;
    uint64_t count;
    struct scan text;
};

/// The next element. @return false, and nothing moves, while it is not complete.
bool resp_next(struct scan *scan, struct resp *element);

/// How many bytes the first whole answer takes, arrays with all their members; 0 while it is not complete.
size_t resp_whole(struct scan scan);

#endif
