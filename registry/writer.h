/*
 * registry/writer.h - a thread that writes what heartbeats changed, and moves what was committed
 * from SQLite's log into its database. Both wait for the disk, up to a tenth of a second and more
 * on a busy one; no request waits for them. Registrations are not its business: those are committed
 * before they are answered.
 *
 * OWNERSHIP The thread has a connection of its own; the table and everything else belongs to the
 * main thread, done is called there.
 */
#ifndef REGISTRY_WRITER_H
#define REGISTRY_WRITER_H

#include "base/fault.h"
#include "base/loop.h"
#include "registry/store.h"

struct writer;

/* A batch is over; r < 0: nothing of it may count as written, why says the reason. */
typedef void writer_fn(void *arg, int r, const struct fault *why);

int writer_start(const char *path, struct loop *l, writer_fn *done, void *arg, struct writer **ret,
	struct fault *f);
/* Hand over what changed in the table since, and have the log moved into the database where it has
 * become long: registrations alone make it so, too. 1: done will be called; -EBUSY: the batch
 * before is still on its way; -ENOMEM. */
int writer_flush(struct writer *w, struct table *t);
/* Waits for the batch that is on its way. NULL is fine. */
void writer_stop(struct writer *w);
/* The batch that failed, for those who mark its agents as changed again; valid within done. */
const struct store_beat *writer_batch(const struct writer *w, size_t *ret_n);

#endif
