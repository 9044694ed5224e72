/*
 * logger/publish.h - the log blocks of the table.
 */
#ifndef LOGGER_PUBLISH_H
#define LOGGER_PUBLISH_H

#include "logger/stream.h"

/* Copy the stream's private block into the segment. */
void publish_put(struct stream *st);
void publish_all(struct logger *lg);

/* Enter a state: error is a negative errno with PT_LOG_BLOCKED, else 0. Getting blocked, blocked for another
 * reason, or free again is told in an event and in tend.log. */
void publish_state(struct stream *st, enum pt_log_state state, int error);

/* Continue the counters of a block that an earlier logger left. file_bytes is the size of the log file now. */
void publish_resume(struct stream *st, const struct pt_log *found, uint64_t file_bytes);

#endif
