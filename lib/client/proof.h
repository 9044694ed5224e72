/*
 * client/proof.h - is a process that bears tend's marks proved to be nobody's? Only of that may it
 * be said that it is an orphan, and only that may be ended. What can't be looked at proves nothing:
 * a home of another user, in other mounts, renamed, writable by others, of another build, or one
 * moment without descriptors.
 *
 * An orphan is a process whose home is gone (ENOENT, from its own root as from ours), of our own
 * user, in our own pid and mount namespaces, under our root, with marks that agree, without a
 * daemon of tend among its ancestors or anywhere for its home, and without an output FIFO that
 * still has a name (a home that was moved).
 */
#ifndef CLIENT_PROOF_H
#define CLIENT_PROOF_H

#include "base/fault.h"
#include "base/marks.h"
#include "base/procfs.h"

#define PROOF_TEXT_MAX 512u

enum proof_word {
	/* a daemon is among its ancestors, or its record says that it is part of a process that
	 * runs */
	PROOF_SUPERVISED,
	PROOF_ORPHAN,
	PROOF_CANT_TELL,
};

struct proof; /* what was seen of homes and daemons, each looked at once */

/* Look for the daemons and the FIFOs that live. -errno. Release with proof_done(). */
int proof_begin(struct proof **ret, struct fault *f);
void proof_done(struct proof *p);

/* Judge one, by its folder in /proc. why: the reason, as a sentence, of all but the supervised. */
enum proof_word proof_of(struct proof *p, int proc_fd, const struct procfs_stat *st,
	const struct marks *m, char why[static PROOF_TEXT_MAX]);

#endif
