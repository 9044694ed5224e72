/*
 * spawner/cgroup.h - one cgroup v2 a process, where the hierarchy is writable: then its tree can
 * neither be escaped nor missed.
 *
 * The instance's cgroups lie in BASE/tend-HASH/NAME, where BASE is the cgroup that the first
 * spawner ran in. No controller is needed: they are used for grouping, for listing, and for
 * cgroup.kill.
 */
#ifndef SPAWNER_CGROUP_H
#define SPAWNER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/home.h"
#include "base/procfs.h"

struct cgroup {
	int fd; /* the instance's folder, -1 = cgroups are not used */
	char path[PATH_MAX];
};

/* Find or make the instance's cgroup. Leaves fd at -1 where that is not possible: a fallback
 * exists, so it is no error. */
void cgroup_begin(struct cgroup *c, const struct home *h);
/* Remove the instance's folder, if it is empty. */
void cgroup_end(struct cgroup *c, const struct home *h);

/* A folder descriptor of the process's cgroup, made if needed, for CLONE_INTO_CGROUP. -errno. */
int cgroup_open(const struct cgroup *c, const char *name);
void cgroup_remove(const struct cgroup *c, const char *name);

/* 1 = it has living processes, 0 = it has none, or -errno (no such cgroup). */
int cgroup_populated(const struct cgroup *c, const char *name);
/* Append the living members. */
int cgroup_members(const struct cgroup *c, const char *name, struct pidvec *v);
/* Is this living process a member? */
bool cgroup_holds(const struct cgroup *c, const char *name, pid_t pid);
int cgroup_kill(const struct cgroup *c, const char *name);

#endif
