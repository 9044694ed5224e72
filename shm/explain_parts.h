/* shm/explain_parts.h - what the two halves of the decoder share. INCLUDED BY shm/explain*.c
 * only. */
#ifndef SHM_EXPLAIN_PARTS_H
#define SHM_EXPLAIN_PARTS_H

#include "base/clock.h"
#include "shm/explain.h"
#include "shm/layout.h"

#define EXPLAIN_PROBLEMS 100u  /* shown; the rest is counted */
#define EXPLAIN_TEXT_MAX 2560u /* the longest field, all of it escaped */

struct explain {
	FILE *out;
	unsigned char *copy;
	uint64_t bytes; /* in the copy */
	uint64_t file_bytes;
	struct seg_header h;
	struct seg_region region[SEG_REGION_MAX]; /* what is trusted: our own plan */
	uint32_t capacity;
	unsigned problems;
};

/* Print what is wrong, and count it. */
void explain_problem(struct explain *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copy bytes from element i of a region; false where the file has no such bytes. */
bool explain_at(const struct explain *v, enum seg_region_id id, uint32_t i, uint64_t skip,
	void *ret, size_t bytes);
/* The same with the current side of a latch. */
bool explain_latched(
	const struct explain *v, enum seg_region_id id, uint32_t i, void *ret, size_t bytes);
/* A fixed text field, which may lack its end, made visible. */
const char *explain_text(const char *field, size_t size, char buf[static EXPLAIN_TEXT_MAX]);
const char *explain_time(uint64_t real_ns, char buf[static CLOCK_TEXT_MAX]);

/* shm/explain_rows.c */
void explain_rows(struct explain *v);
void explain_commands(struct explain *v);
void explain_events(struct explain *v);

#endif
