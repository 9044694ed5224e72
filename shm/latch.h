/*
 * shm/latch.h - a record that is always whole: two copies and a version whose lowest bit says which
 * copy is current.
 *
 * Writer (exactly one, see shm/table.h): fill the other copy, then publish it by one store of the
 * version. Reader: note the version, copy the current side, accept if the version has not moved.
 * Killed anywhere, a writer leaves the current copy as it was, so there is nothing to repair, and a
 * reader waits for no one. A plain seqlock would leave readers stuck on an odd version.
 *
 * Model-checked, with writers killed at every step: tests/model/latch.pml.
 *
 * Why accesses and no fences: every data word is stored with release and loaded with acquire order.
 * A reader that sees a word of the copy that is being filled therefore also sees the version that
 * was published before the filling began, and rejects its copy. On x86-64 these are plain moves;
 * and unlike fences, ThreadSanitizer understands them.
 */
#ifndef SHM_LATCH_H
#define SHM_LATCH_H

#include <stddef.h>
#include <stdint.h>

/* In the segment: the version, then two copies of `words` 64-bit words each. */
struct latch {
	_Atomic uint64_t version;
	_Atomic uint64_t word[];
};

#define LATCH_BYTES(record_bytes) (8u + 2u * (record_bytes)) /* record_bytes: a multiple of 8 */

/* rec: aligned to 8. */
void latch_store(struct latch *l, const void *rec, size_t record_bytes);
/* 0, or -EBUSY after PT_READ_TRIES lost races. */
int latch_load(const struct latch *l, void *rec, size_t record_bytes);

#endif
