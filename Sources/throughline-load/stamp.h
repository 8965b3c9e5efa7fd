// What each text begins with: when it was due, whose it is, and its number among that writer's.
//
//     T=0000abcdef012345 W=000003 N=00000000002a
//
// Its length never changes, so that merged texts can be taken apart again.
#ifndef THROUGHLINE_LOAD_STAMP_H
#define THROUGHLINE_LOAD_STAMP_H

#include <stdint.h>

enum { stamp_bytes = 43 };

struct stamp {
    uint64_t at;
    unsigned writer;
    /// 1, 2, 3, ...
    uint64_t number;
};

void stamp_write(char *text, struct stamp stamp);
struct stamp stamp_read(const char *text);

#endif
