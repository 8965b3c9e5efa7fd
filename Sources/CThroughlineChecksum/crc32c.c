// CRC-32C, three ways: by the instruction of x86-64 (SSE 4.2), by that of 64-bit ARM, by tables.
//
// In C because Swift has no name for these instructions. The choice is made once, by a constructor, before anybody calls.

#include "CThroughlineChecksum.h"

#include <string.h>

typedef uint32_t (*crc_function)(uint32_t crc, const uint8_t *bytes, size_t count);

static uint32_t tables[8][256];

static uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

// Eight bytes a step, each looked up in a table of its own.
static uint32_t by_tables(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word = word_at(bytes) ^ crc;
        crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
              tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
              tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; count > 0; count--, bytes++) crc = tables[0][(crc ^ *bytes) & 0xff] ^ crc >> 8;
    return crc;
}

static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

#if defined(__x86_64__)

#include <nmmintrin.h>

#define WITH_INSTRUCTION __attribute__((target("sse4.2")))

WITH_INSTRUCTION static inline uint64_t step(uint64_t crc, uint64_t word) { return _mm_crc32_u64(crc, word); }
WITH_INSTRUCTION static inline uint32_t byte_step(uint32_t crc, uint8_t byte) { return _mm_crc32_u8(crc, byte); }

static bool has_instruction(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__))

#if defined(__linux__)
#include <sys/auxv.h>
static bool has_instruction(void) { return getauxval(AT_HWCAP) >> 7 & 1; } // HWCAP_CRC32
#else
static bool has_instruction(void) { return true; }
#endif

#define WITH_INSTRUCTION __attribute__((target("crc")))

// By the mnemonics, so that the rest of the file need not be compiled for processors that have them.
WITH_INSTRUCTION static inline uint64_t step(uint64_t crc, uint64_t word) {
    uint32_t next = (uint32_t)crc;
    __asm__("crc32cx %w0, %w0, %x1" : "+r"(next) : "r"(word));
    return next;
}

WITH_INSTRUCTION static inline uint32_t byte_step(uint32_t crc, uint8_t byte) {
    __asm__("crc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)byte));
    return crc;
}

#else

#define by_instruction by_tables
static bool has_instruction(void) { return false; }

#endif

#if defined(WITH_INSTRUCTION)

// A step takes three cycles but can be begun in each, so three lanes go on beside one another. What the first two come to is
// moved past the bytes behind them, by tables.
enum { LANE = 1024 };

static uint32_t past_lane[4][256];

static void fill_past_lane(void) {
    static const uint8_t zeros[LANE];
    for (int part = 0; part < 4; part++) {
        for (int bit = 0; bit < 8; bit++) {
            uint32_t moved = by_tables((uint32_t)1 << (8 * part + bit), zeros, LANE);
            for (int byte = 0; byte < 256; byte++) {
                if (byte >> bit & 1) past_lane[part][byte] ^= moved;
            }
        }
    }
}

static uint32_t move_past_lane(uint32_t crc) {
    return past_lane[0][crc & 0xff] ^ past_lane[1][crc >> 8 & 0xff] ^ past_lane[2][crc >> 16 & 0xff] ^
           past_lane[3][crc >> 24];
}

WITH_INSTRUCTION static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 3 * LANE; count -= 3 * LANE, bytes += 3 * LANE) {
        uint64_t first = crc, second = 0, third = 0;
        for (size_t at = 0; at < LANE; at += 8) {
            first = step(first, word_at(bytes + at));
            second = step(second, word_at(bytes + LANE + at));
            third = step(third, word_at(bytes + 2 * LANE + at));
        }
        crc = move_past_lane(move_past_lane((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
    }
    uint64_t wide = crc;
    for (; count >= 8; count -= 8, bytes += 8) wide = step(wide, word_at(bytes));
    crc = (uint32_t)wide;
    for (; count > 0; count--, bytes++) crc = byte_step(crc, *bytes);
    return crc;
}

#else

static void fill_past_lane(void) {}

#endif

static crc_function chosen = by_tables;

__attribute__((constructor)) static void choose(void) {
    fill_tables();
    fill_past_lane();
    if (has_instruction()) chosen = by_instruction;
}

uint32_t throughline_crc32c(uint32_t previous, const void *bytes, size_t count) {
    return ~chosen(~previous, bytes, count);
}

uint32_t throughline_crc32c_portable(uint32_t previous, const void *bytes, size_t count) {
    return ~by_tables(~previous, bytes, count);
}

bool throughline_crc32c_has_hardware(void) { return chosen != by_tables; }
