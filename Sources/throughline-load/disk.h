// Files as a log wants them.
#ifndef THROUGHLINE_LOAD_DISK_H
#define THROUGHLINE_LOAD_DISK_H

/// A new file in the folder, filled with zeros and synchronized.
int disk_preallocated(const char *folder, long long bytes);

#endif
