/* monitor/watches.h - the watches of a monitor, by the rows of the table, and its cycle. */
#ifndef MONITOR_WATCHES_H
#define MONITOR_WATCHES_H

#include "monitor/monitor.h"

/* 0 or -errno. */
int watches_begin(struct monitor *mo);
void watches_end(struct monitor *mo);

/* Compare the watches with the table, and arm the timer for what comes next. */
void watches_scan(struct monitor *mo);
/* Make the next scan look at every row: the segment is another one. */
void watches_forget_versions(struct monitor *mo);

#endif
