/*
 * shm/owner.h - the writing side of the table: who may write what is fixed by the role given at
 * attach, checked here (-EPERM), and enforced by the page tables: each role maps only its own
 * regions writable, so a stray pointer in one daemon can't damage another's records.
 */
#ifndef SHM_OWNER_H
#define SHM_OWNER_H

#include <stdio.h>

#include "base/home.h"
#include "base/role.h"
#include "shm/table.h"

enum pt_access {
	PT_GUARDIAN = ROLE_GUARDIAN,
	PT_SPAWNER = ROLE_SPAWNER,
	PT_MONITOR = ROLE_MONITOR,
	PT_LOGGER = ROLE_LOGGER,
	PT_CLIENT, /* commands only */
	PT_READER
}; /* nothing */

/* Join as a writer (or reader) the segment of an open home. Errors as pt_attach(). Clients and the
 * lock takers are refused (-EXDEV) in another pid namespace than the segment's: a robust mutex
 * knows its owner by thread id. */
int pt_attach_as(const struct home *h, enum pt_access access, struct pt **ret, struct fault *f);
/* The same through a descriptor that was kept over an execve. It is the caller's. */
int pt_attach_fd(int fd, enum pt_access access, struct pt **ret, struct fault *f);

/* Make the segment of a home (guardian only, holding the role's lock): a new one under a temporary
 * name, complete, then renamed over whatever was there. capacity: rows, 1 .. PT_CAPACITY_MAX. from
 * (may be NULL): an older attachment whose rows, daemons and events are taken over. */
int pt_create(const struct home *h, uint32_t capacity, const struct pt *from, struct pt **ret,
	struct fault *f);
/* Remove the name of the segment. */
int pt_unlink(const struct home *h);
/* Is this attachment what the name leads to now? false: it was unlinked or another lies there. */
bool pt_is_current(const struct pt *pt, const struct home *h);
/* Is there another segment to move to? The guardian's note in this one (pt_replaced()) may have
 * been lost with its bytes, so the name counts too. */
bool pt_is_stale(const struct pt *pt, const struct home *h);
/* Does the header still say what it said at attach? false: someone wrote over it. */
bool pt_is_intact(const struct pt *pt);
int pt_fd(const struct pt *pt);
/* The file behind the segment's name. */
#define PT_PATH_MAX 128
void pt_path(const struct home *h, char buf[static PT_PATH_MAX]);

/* What this program was built for; and what lies under the segment's name, made by any build:
 * -ENOENT, -EBADMSG (no segment of tend). */
struct pt_layout pt_layout_own(void);
int pt_layout_found(const struct home *h, struct pt_layout *ret);
bool pt_layout_same(struct pt_layout a, struct pt_layout b);
/* "PROGRAM VERSION (table layout N, fingerprint F)\n": what every daemon says to --version. */
void pt_print_version(const char *program, FILE *out);

/* Survive a segment that someone cuts short while it is mapped: installs a handler for SIGBUS. For
 * programs that own their signals, early in main(). */
void pt_tolerate_truncation(void);

/* Row management (spawner, holding the lock). A claimed row has a new gen and stays invisible until
 * pt_put_ident() named it and pt_claim() committed: choose a free slot, put its ident and life with
 * the gen that pt_free_slot() gave, then claim. Both do nothing for others than the spawner and for
 * a row that is (not) in use. -ENOSPC: the table is full. */
int pt_free_slot(const struct pt *pt, uint32_t *ret_slot, uint32_t *ret_gen);
void pt_claim(struct pt *pt, uint32_t slot);
void pt_release(struct pt *pt, uint32_t slot);
/* Give a row of a segment that was made again the generation (odd) that its owner remembers. */
void pt_restore(struct pt *pt, uint32_t slot, uint32_t gen);

/* Replace a block. The in->gen field must be set by the caller. -EPERM: not this role's block;
 * -ERANGE: no such slot. */
int pt_put_ident(struct pt *pt, uint32_t slot, const struct pt_ident *in);
int pt_put_life(struct pt *pt, uint32_t slot, const struct pt_life *in);
int pt_put_health(struct pt *pt, uint32_t slot, const struct pt_health *in);
int pt_put_log(struct pt *pt, uint32_t slot, const struct pt_log *in);
/* the own one of guardian, monitor and logger */
int pt_put_exit(struct pt *pt, uint32_t slot, const struct pt_exit *in);
int pt_put_monitor(struct pt *pt, const struct pt_monitor *in);
int pt_put_daemon(struct pt *pt, unsigned role, const struct pt_daemon *in);

/* Where the kernel stores the pid of a launch (CLONE_PARENT_SETTID), before the child runs. NULL:
 * not the spawner, or out of range. */
int32_t *pt_pid_cell(struct pt *pt, uint32_t slot);
int32_t pt_pid_read(const struct pt *pt, uint32_t slot);

/* Bump the change counter and wake who sleeps on it. */
void pt_changed(struct pt *pt);

#endif
