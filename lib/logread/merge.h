/*
 * logread/merge.h - many logs as one row of lines, by time: when a line arrived, where that is
 * known, else what it says.
 *
 * USED BY   cli/, tests.
 */
#ifndef LOGREAD_MERGE_H
#define LOGREAD_MERGE_H

#include "logread/stream.h"

struct merge;

struct log_place { /* where a log lies */
	int dirfd;
	const char *stem;
	const char *label; /* what its entries bear as their stem; NULL: the stem itself */
};

/* places, q and c must outlive it. A log that can't be opened is complained of and left out. */
int merge_open(const struct log_place *places, size_t n, enum stream_way way,
	const struct log_query *q, const struct log_complain *c, struct merge **ret,
	struct fault *f);
void merge_close(struct merge *m);
/* As stream_read(). The entry is good until the next call. */
int merge_read(struct merge *m, struct log_entry *ret, struct fault *f);
/* The stream of places[i], or NULL. */
struct stream *merge_stream(struct merge *m, size_t i);

#endif
