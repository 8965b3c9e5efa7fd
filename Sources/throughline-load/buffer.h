// Bytes that grow at the end and are taken from the front.
#ifndef THROUGHLINE_LOAD_BUFFER_H
#define THROUGHLINE_LOAD_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *bytes;
    size_t start;
    size_t end;
    size_t capacity;
};

static inline size_t buffer_length(const struct buffer *buffer) { return buffer->end - buffer->start; }
static inline char *buffer_front(const struct buffer *buffer) { return buffer->bytes + buffer->start; }

/// Makes room for `count` more bytes behind the end, and returns where they go. Moves what is there.
char *buffer_reserve(struct buffer *buffer, size_t count);

void buffer_add(struct buffer *buffer, const void *bytes, size_t count);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_number(struct buffer *buffer, uint64_t number);
void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Forgets `count` bytes at the front.
void buffer_take(struct buffer *buffer, size_t count);
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
