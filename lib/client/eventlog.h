/*
 * client/eventlog.h - the four event rings of the table as one stream in order of time.
 */
#ifndef CLIENT_EVENTLOG_H
#define CLIENT_EVENTLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/role.h"
#include "shm/events.h"

struct eventlog {
	uint64_t pos[ROLE_MAX]; /* next to read */
};

/* Begin with the oldest event that is still there, or behind the newest. */
void eventlog_oldest(struct eventlog *log, const struct pt *pt);
void eventlog_newest(struct eventlog *log, const struct pt *pt);

/* What is new since the last call, sorted by time; *ret is malloc'ed, the caller's. -ENOMEM. */
int eventlog_read(struct eventlog *log, const struct pt *pt, struct pt_event **ret, size_t *ret_n);

/* All that are still there about a process, in the same way. */
int eventlog_about(const struct pt *pt, const char *name, struct pt_event **ret, size_t *ret_n);

#endif
