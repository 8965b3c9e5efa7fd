#ifndef THROUGHLINE_CHECKSUM_H
#define THROUGHLINE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The CRC-32C (Castagnoli, RFC 3720 appendix B.4) of bytes, going on from the one of what stands before them; 0 at the start.
///
/// Uses the processor's own instruction where it has one, else tables: the result is the same.
uint32_t throughline_crc32c(uint32_t previous, const void *bytes, size_t count);

/// The same from tables, on every processor: what the other is compared with.
uint32_t throughline_crc32c_portable(uint32_t previous, const void *bytes, size_t count);

/// Whether this processor has the instruction.
bool throughline_crc32c_has_hardware(void);

#endif
