#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "failure.h"

void ledger_begin(struct ledger *ledger, uint64_t first) { ledger->sent = ledger->acknowledged = first; }

static void grow(struct ledger *ledger) {
    uint32_t capacity = ledger->capacity == 0 ? 4 : ledger->capacity * 2;
    struct pending *waiting = allocate(capacity, sizeof *waiting);
    for (uint32_t at = 0; at < ledger->capacity; at++) {
        waiting[at] = ledger->waiting[(ledger->head + at) % ledger->capacity];
    }
    free(ledger->waiting);
    ledger->waiting = waiting;
    ledger->capacity = capacity;
    ledger->head = 0;
}

static struct pending *slot(const struct ledger *ledger, uint64_t place) {
    return &ledger->waiting[(ledger->head + place) % ledger->capacity];
}

void ledger_send(struct ledger *ledger, uint64_t at, uint64_t tail) {
    if (ledger_waiting(ledger) == ledger->capacity) grow(ledger);
    *slot(ledger, ledger_waiting(ledger)) = (struct pending){at, tail};
    ledger->sent++;
}

enum verdict ledger_judge(const struct ledger *ledger, uint64_t written, uint64_t tail) {
    if (written <= ledger->acknowledged) return verdict_repeated;
    if (written > ledger->sent) return verdict_unsent;
    uint64_t expected = slot(ledger, written - ledger->acknowledged - 1)->tail;
    if (expected != 0 && tail != 0 && tail != expected) return verdict_wrong_tail;
    return verdict_fine;
}

struct pending ledger_take(struct ledger *ledger) {
    struct pending oldest = *slot(ledger, 0);
    ledger->head = (ledger->head + 1) % ledger->capacity;
    ledger->acknowledged++;
    return oldest;
}
