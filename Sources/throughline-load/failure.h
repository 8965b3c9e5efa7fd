// How the load client gives up.
#ifndef THROUGHLINE_LOAD_FAILURE_H
#define THROUGHLINE_LOAD_FAILURE_H

#include <stddef.h>

/// Prints one sentence on standard error and exits with status 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Zeroed memory, or the end of the process.
void *allocate(size_t count, size_t size);

#endif
