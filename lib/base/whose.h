/*
 * base/whose.h - to which instance a process belongs. Everything that is adopted, signalled or
 * counted without being our own child is asked for here first: a pid, a start time or a name in a
 * file says nothing of that, for a home can be copied, and anybody can write into an environment.
 *
 * Two things prove it:
 *   the FIFO run/NAME.out of this very home at descriptor HOME_KEEPER_FD, which nobody else can
 *   open. It moves with its home, and a copied home has others; the marks (base/marks.h) of this
 *   instance, where the environment is the process's own word: none of its user ids is another's,
 *   and it was not executed with more rights than whoever started it had, for then the environment
 *   is his. Nor may its own mounts show another folder in the place of the home.
 */
#ifndef BASE_WHOSE_H
#define BASE_WHOSE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/home.h"
#include "base/marks.h"
#include "base/str.h"

enum whose {
	WHOSE_NOBODYS, /* nothing proves anything */
	WHOSE_OURS,
	WHOSE_OTHERS, /* it bears another instance's mark */
};

/* Judge a process by its folder in /proc and the marks read there. name gets which of our processes
 * it is, or is part of; "" if it is not ours. h->run_fd may be -1: then marks alone count. enum
 * whose, or -errno: that is unknown now. */
int whose_process(
	const struct home *h, int proc_fd, const struct marks *m, char name[static NAME_MAX_BYTES]);

/* The same for a pid. enum whose, -ESRCH: gone, or another -errno: that is unknown now. */
int whose_pid(const struct home *h, pid_t pid, char name[static NAME_MAX_BYTES]);

/* Is it ours, and part of the process of this name? False also if that is unknown, in spite of
 * several tries. */
bool whose_is(const struct home *h, pid_t pid, const char *name);

/* Is what it says of itself our own user's word (see above)? 1, 0, or -errno: that can't be told
 * now. */
int whose_own_word(int proc_fd);

/* Does that process see another folder than ours at the path of our home, through mounts of its
 * own? False also if that is unknown. */
bool whose_home_differs(const struct home *h, pid_t pid);

/* What an absolute path is for that process: looked up from its root, through its mounts. -errno of
 * the lookup; -EACCES also where we may not look. */
int whose_view(int proc_fd, const char *path, struct stat *ret);

#endif
