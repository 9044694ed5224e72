/*
 * spawner/tree.h - who belongs to a process: itself, its descendants, and those that were
 * re-parented away from it.
 *
 * With cgroups that is one list. Without: the descendants of the root, and among the children of
 * those who adopt orphans (this spawner; of a process that an earlier one launched also the
 * guardian, and who adopts after them) every process of the root's session or that proves to be
 * part of it (base/whose.h), each with its descendants. A descendant that left the session, lost
 * its parents and cleaned its environment is found with cgroups only; so is one that has cleaned it
 * and left the session of a process that died before this spawner came.
 */
#ifndef SPAWNER_TREE_H
#define SPAWNER_TREE_H

#include <stdint.h>
#include <sys/types.h>

#include "spawner/spawner.h"

struct tree { /* living members (no zombies), parents before children; free(t->member) */
	struct tree_member {
		pid_t pid;
		uint64_t start_ticks;
	} * member;
	size_t n;
};

int tree_find(struct proc *p, struct tree *ret);
void tree_done(struct tree *t);
/* Is anything alive in the tree of a process that has itself ended? Cheap: the common answer is
 * no. */
bool tree_is_empty(struct proc *p);
/* Signal every member, children first. Returns 0, or -errno if one of them was passed over: there
 * was no descriptor or no memory to be sure of it. What has gone meanwhile is no error. */
int tree_signal(const struct tree *t, int signo);

#endif
