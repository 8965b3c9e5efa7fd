#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "http.h"
#include "scan.h"
#include "sessions.h"
#include "stamp.h"

/// What is known while one session's events are read from front to back.
struct reading {
    struct load *load;
    struct stream *stream;
    uint64_t last_event;
    uint64_t appends;
    uint64_t offset;
};

/// Whether it is, byte for byte, what append number `appends` + 1 carried.
static bool is_text_of(struct reading *reading, struct scan text) {
    uint64_t at = stamp_read(text.at).at;
    const char *expected = load_text(reading->load, reading->stream, reading->appends + 1, at);
    return memcmp(text.at, expected, (size_t)(text.end - text.at)) == 0;
}

static void check_append(struct reading *reading, struct scan line) {
    const struct settings *settings = &reading->load->settings;
    uint64_t offset;
    if (!scan_number_after(&line, "\"offset\":", &offset) || !scan_past(&line, "\"text\":\"")) {
        reading->load->findings.altered++;
        return;
    }
    struct scan text = scan_string(&line);
    size_t length = (size_t)(text.end - text.at);
    if (offset != reading->offset || length != settings->bytes || !is_text_of(reading, text)) {
        reading->load->findings.altered++;
    }
    reading->offset += length;
    reading->appends++;
}

static void check_event(struct reading *reading, struct scan line) {
    uint64_t number = 0;
    scan_number_after(&line, "\"seq\":", &number);
    if (number != ++reading->last_event) reading->load->findings.altered++;
    reading->load->verified.events++;
    if (scan_has(line, "\"part.started\"")) reading->offset = 0;
    if (scan_has(line, "\"part.appended\"")) check_append(reading, line);
}

/// What was acknowledged has to be there; what was only sent may be.
static void check_count(struct reading *reading) {
    uint64_t sent = reading->stream->ledger.sent - 1;
    uint64_t acknowledged = reading->stream->ledger.acknowledged - 1;
    if (reading->appends < acknowledged) reading->load->findings.missing += acknowledged - reading->appends;
    if (reading->appends > sent) reading->load->findings.altered += reading->appends - sent;
    reading->load->verified.sessions++;
}

static void verify_session(struct load *load, struct connection *connection, struct stream *stream) {
    struct reading reading = {.load = load, .stream = stream};
    char path[256];
    snprintf(path, sizeof path, "/v1/sessions/%s/events?after=0", session_name(load, stream));
    struct http_answer answer = http_get(connection, path, "application/x-ndjson");
    if (answer.status != 200) fail("reading %s back: status %d", path, answer.status);
    struct scan rest = scan_of(answer.body, answer.length), line;
    while (scan_line(&rest, &line)) check_event(&reading, line);
    check_count(&reading);
}

void sessions_verify(struct load *load) {
    // Where several runs share a session, its readers judge.
    if (load->stream_count != load->settings.sessions) return;
    uint64_t until = monotonic_nanoseconds() + (uint64_t)(load->settings.verify * 1e9);
    struct connection connection;
    connection_open(&connection, load->settings.port, 0);
    for (unsigned at = 0; at < load->stream_count && monotonic_nanoseconds() < until; at++) {
        verify_session(load, &connection, &load->streams[at]);
    }
    connection_close(&connection);
}
