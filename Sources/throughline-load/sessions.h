// Our own server's sessions: made ready over WebSocket, written to, read back over HTTP.
#ifndef THROUGHLINE_LOAD_SESSIONS_H
#define THROUGHLINE_LOAD_SESSIONS_H

#include "load.h"
#include "scan.h"

/// Appends that share a part; then the next part of the message begins.
enum { part_bytes = 1 << 20, lease_milliseconds = 600000 };

void session_open_websocket(struct load *load, struct connection *connection, unsigned number);

/// Creates the sessions (and tells how many a second became durable), starts a run for each stream, and opens its message and part.
/// Over the agents' own connections, 16 requests on their way on each.
void sessions_prepare(struct load *load);

/// The same, over connections of its own, for agents who speak HTTP.
void sessions_prepare_apart(struct load *load);

/// Adds the JSON array of events that is the stream's next append, and moves the stream on.
void session_add_events(struct load *load, struct buffer *out, struct stream *stream, uint64_t at);

/// The questions that make a stream ready, one after the other, with the stream's number as their id; and what their answers tell.
void session_ask_create(struct load *load, struct stream *stream, struct buffer *text);
void session_ask_run(struct load *load, struct stream *stream, struct buffer *text);
void session_take_run(struct stream *stream, struct scan answer);
void session_ask_open(struct load *load, struct stream *stream, struct buffer *text);
void session_take_open(struct stream *stream, struct scan answer);

/// Ends the runs of all streams but the first `kept`, over the agents' connections.
void sessions_end_runs(struct load *load, unsigned kept);

/// The name of a stream's session, in a buffer that the next call uses again.
const char *session_name(const struct load *load, const struct stream *stream);

/// Reads back the sessions in the order of their streams, until all are read or the time for it is over: each append that was
/// acknowledged is there exactly once, at its offset, byte for byte, and the events are dense.
void sessions_verify(struct load *load);

#endif
