// What was sent and not acknowledged yet, in order, for one stream of writes. It is what finds a lie: an acknowledgement that comes
// twice, for nothing that was sent, out of order, or with a wrong tail.
#ifndef THROUGHLINE_LOAD_LEDGER_H
#define THROUGHLINE_LOAD_LEDGER_H

#include <stdint.h>

/// One write on its way.
struct pending {
    /// When it was sent, or was meant to be.
    uint64_t at;
    /// The tail that its acknowledgement has to name; 0 if that cannot be known.
    uint64_t tail;
};

struct ledger {
    struct pending *waiting;
    uint32_t capacity;
    uint32_t head;
    /// Numbers of the last write sent, and of the last acknowledged.
    uint64_t sent;
    uint64_t acknowledged;
};

enum verdict { verdict_fine, verdict_repeated, verdict_unsent, verdict_wrong_tail, verdict_count };

/// Begins behind write number `first`.
void ledger_begin(struct ledger *ledger, uint64_t first);

static inline uint64_t ledger_waiting(const struct ledger *ledger) { return ledger->sent - ledger->acknowledged; }

void ledger_send(struct ledger *ledger, uint64_t at, uint64_t tail);

/// Judges an acknowledgement of all writes up to `written`. When it is fine, the writes it covers are to be taken with ``ledger_take``.
/// @param tail The tail it names; 0 if it names none.
enum verdict ledger_judge(const struct ledger *ledger, uint64_t written, uint64_t tail);

/// The oldest write that waits; it is acknowledged now.
struct pending ledger_take(struct ledger *ledger);

#endif
