/*
 * logger/publish.h - the log blocks of the table.
 */
#ifndef LOGGER_PUBLISH_H
#define LOGGER_PUBLISH_H

#include "logger/logger.h"

/* Copy the stream's private block into the segment. */
void publish_put(struct stream *st);
void publish_all(struct logger *lg);

/* Enter a state: error is a negative errno with PT_LOG_BLOCKED, else 0. Getting blocked, blocked
 * for another reason, or free again is reported in an event and in tend.log. */
void publish_state(struct stream *st, enum pt_log_state state, int error);

/* Its pipe is full, while its file refuses with error: an event, and a line in tend.log. */
void publish_full(struct stream *st, int error);

/* Continue the counters of a block that an earlier logger left; st and its err know what lies on
 * the disk. marked: bytes in files that retention has marked for removal. */
void publish_resume(struct stream *st, const struct pt_log *found, uint64_t marked);

#endif
