// The least a durable server can do: reads what has come on all connections, writes it to one file that has its size already,
// synchronizes once for all, then answers. Speaks as much of Redis' protocol as XADD needs. It keeps nothing that could be read.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "disk.h"
#include "failure.h"
#include "resp.h"
#include "scenarios.h"
#include "server.h"

enum { file_bytes = 256 << 20, events_at_once = 256 };

struct commits {
    struct server server;
    int file;
    off_t place;
    uint64_t last_id;
    struct buffer batch;
};

/// Answers each whole request with an id that goes up, and puts its bytes into the batch.
static void take_requests(struct commits *commits, struct connection *connection) {
    size_t whole;
    while ((whole = resp_whole(scan_of(buffer_front(&connection->in), buffer_length(&connection->in)))) > 0) {
        char id[32];
        int length = snprintf(id, sizeof id, "1-%llu", (unsigned long long)++commits->last_id);
        buffer_add(&commits->batch, buffer_front(&connection->in), whole);
        buffer_take(&connection->in, whole);
        buffer_format(&connection->out, "$%d\r\n%s\r\n", length, id);
    }
}

static void commit(struct commits *commits) {
    size_t length = buffer_length(&commits->batch);
    if (length == 0) return;
    if (commits->place + (off_t)length > file_bytes) commits->place = 0;
    if (pwrite(commits->file, buffer_front(&commits->batch), length, commits->place) != (ssize_t)length) fail("cannot write");
    if (fdatasync(commits->file) != 0) fail("cannot synchronize");
    commits->place += (off_t)length;
    buffer_clear(&commits->batch);
}

int serve_commits(int port, const char *folder) {
    struct commits commits = {.file = disk_preallocated(folder, file_bytes)};
    struct epoll_event events[events_at_once];
    server_listen(&commits.server, port);
    for (;;) {
        struct connection *ready[events_at_once];
        int count = epoll_wait(commits.server.poll, events, events_at_once, -1), readable = 0;
        for (int at = 0; at < count; at++) {
            struct connection *connection = server_serve(&commits.server, &events[at]);
            if (connection == NULL) continue;
            take_requests(&commits, connection);
            ready[readable++] = connection;
        }
        commit(&commits);
        for (int at = 0; at < readable; at++) connection_flush(ready[at], commits.server.poll);
    }
}
