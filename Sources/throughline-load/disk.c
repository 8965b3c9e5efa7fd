// What one commit costs at the least: 4 KiB written over zeros of a file that has its size, then fdatasync.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "failure.h"
#include "report.h"
#include "scenarios.h"

enum { file_bytes = 64 << 20, write_bytes = 4096 };

int disk_preallocated(const char *folder, long long bytes) {
    static char zeros[1 << 20];
    char path[512];
    snprintf(path, sizeof path, "%s/preallocated", folder);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) fail("cannot write %s: %s", path, strerror(errno));
    for (long long at = 0; at < bytes; at += (long long)sizeof zeros) {
        if (pwrite(file, zeros, sizeof zeros, at) != (ssize_t)sizeof zeros) fail("cannot fill %s", path);
    }
    if (fdatasync(file) != 0) fail("cannot synchronize %s", path);
    return file;
}

int run_disk(struct settings settings) {
    static char page[write_bytes] = "commit";
    struct load load = {.settings = settings};
    load.settings.target = "disk";
    int file = disk_preallocated(settings.folder, file_bytes);
    uint64_t end = monotonic_nanoseconds() + (uint64_t)(settings.seconds * 1e9);
    load.latencies = allocate(1, sizeof *load.latencies);
    for (off_t at = 0; monotonic_nanoseconds() < end; at = (at + write_bytes) % file_bytes) {
        uint64_t began = monotonic_nanoseconds();
        if (pwrite(file, page, sizeof page, at) != write_bytes || fdatasync(file) != 0) fail("cannot write");
        histogram_add(load.latencies, monotonic_nanoseconds() - began);
    }
    report_begin("disk", &load.settings);
    report_latencies(load.latencies);
    report_end(&load);
    close(file);
    return 0;
}
