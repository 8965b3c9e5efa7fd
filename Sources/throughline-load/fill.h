// Fills sessions of ours with whole writes of many events each.
#ifndef THROUGHLINE_LOAD_FILL_H
#define THROUGHLINE_LOAD_FILL_H

#include "load.h"

/// Each stream gets `events` appends after those it has. They count as acknowledged once this returns.
void fill_streams(struct load *load, unsigned events);

#endif
