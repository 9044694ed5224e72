/* monitor/watch.h - the process of one row: followed while it lives, judged when it has ended. */
#ifndef MONITOR_WATCH_H
#define MONITOR_WATCH_H

#include "monitor/monitor.h"

/* The row is new. Enters the watch in mo->by_slot, or tells that there is no memory for it. */
void watch_begin(struct monitor *mo, uint32_t slot, const struct pt_row *row, uint64_t version);
/* The row is gone. */
void watch_end(struct monitor *mo, uint32_t slot);

/* The row says something new; version is that of its life block. */
void watch_take_life(struct watch *w, const struct pt_life *life, uint64_t version);
/* Of one that is alive. */
void watch_take_sample(struct watch *w);

#endif
