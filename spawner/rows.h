/*
 * spawner/rows.h - a process becomes known, and is forgotten: row, FIFOs, cgroup and private record
 * together.
 *
 * Only here does the spawner take the table's lock, and it never waits for it: -EBUSY means that
 * someone holds it, and the command is carried out a little later.
 */
#ifndef SPAWNER_ROWS_H
#define SPAWNER_ROWS_H

#include "spawner/spawner.h"

/* What a spec file says, as the table shows it. f gets the reason; -ENOENT: there is no such
 * file. */
int row_load_ident(struct spawner *sp, const char *file, const char *name, struct pt_ident *ret,
	struct fault *f);

/* A new row, with its FIFOs. -EBUSY as above, -ENOSPC: the table is full. The fault is
 * set only where a FIFO can't be made. */
int row_add(struct spawner *sp, const struct pt_ident *ident, struct proc **ret, struct fault *f);

/* Have the daemons descriptors enough to hold its output as well, under their limit of open files?
 * 0, or -EMFILE with a sentence that names the limit. All rows count, also those at rest: their
 * pipes are held, too. */
int room_for(struct spawner *sp, const struct pt_ident *ident, struct fault *f);

/* The row of a process that an earlier spawner handed over: it lives already, and its events were
 * told. ident->created_real_ns counts. */
int row_restore(struct spawner *sp, const struct pt_ident *ident, const struct pt_life *life,
	struct proc **ret);

/* Write the row of a process again from private memory, holding the lock: into a table that was
 * made again, or where somebody wrote over it. */
void row_rewrite(struct proc *p, struct pt *pt);

/* Take the row of a resting process out of the table, with its FIFOs and cgroup; frees p. -EBUSY as
 * above. */
int row_drop(struct proc *p, const struct cause *why);

/* The same, but p stays, for whoever holds it still and then calls proc_free(). */
int row_withdraw(struct proc *p, const struct cause *why);

/* Remove what writers that were killed left in the home: half-written files, specifications of
 * commands that were never posted. */
void rows_sweep(struct spawner *sp);

/* Remove the stored spec. */
void row_unlink_spec(struct spawner *sp, const char *name);

#endif
