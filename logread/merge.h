/*
 * logread/merge.h - many logs as one row of lines, by time: when a line arrived, where that is known, else what it says.
 *
 * USED BY   cli/, tests.
 */
#ifndef LOGREAD_MERGE_H
#define LOGREAD_MERGE_H

#include "logread/stream.h"

struct merge;

/* stems, q and c must outlive it. A log that can't be opened is complained of and left out. */
int merge_open(int dirfd, char *const *stems, size_t n, enum stream_way way, const struct log_query *q, const struct log_complain *c, struct merge **ret,
	struct fault *f);
void merge_close(struct merge *m);
/* As stream_read(). The entry is good until the next call. */
int merge_read(struct merge *m, struct log_entry *ret, struct fault *f);

#endif
