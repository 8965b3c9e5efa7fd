#include "stamp.h"

#include <string.h>

static void write_digits(char *to, unsigned digits, uint64_t value) {
    while (digits-- > 0) {
        to[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static uint64_t read_digits(const char *from, unsigned digits) {
    uint64_t value = 0;
    for (unsigned at = 0; at < digits; at++) {
        unsigned digit = (unsigned char)from[at];
        value = value << 4 | (digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return value;
}

void stamp_write(char *text, struct stamp stamp) {
    memcpy(text, "T=", 2);
    write_digits(text + 2, 16, stamp.at);
    memcpy(text + 18, " W=", 3);
    write_digits(text + 21, 6, stamp.writer);
    memcpy(text + 27, " N=", 3);
    write_digits(text + 30, 12, stamp.number);
    text[42] = ' ';
}

struct stamp stamp_read(const char *text) {
    return (struct stamp){
        .at = read_digits(text + 2, 16),
        .writer = (unsigned)read_digits(text + 21, 6),
        .number = read_digits(text + 30, 12),
    };
}
