/*
 * spawner/found.h - processes that live, and that no record tells of: found by the read end of
 * their own output FIFO, which every process of ours is given, or by what they bear of tend
 * (base/whose.h).
 */
#ifndef SPAWNER_FOUND_H
#define SPAWNER_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

struct spawner;

struct found_process { /* leads a session, as each process does that a spawner has launched */
	char name[NAME_MAX_BYTES];
	pid_t pid;
	uint64_t start_ticks;
};

struct found {
	struct found_process *process;
	size_t n, cap;
};

/* Look through /proc, once. -errno: something may be missing. Release with found_done(). */
int found_look(struct spawner *sp, struct found *ret);
void found_done(struct found *f);

/* The process of this name; NULL: none lives. Of several the oldest: the others came of it. */
const struct found_process *found_root(const struct found *f, const char *name);
bool found_has(const struct found *f, const char *name, pid_t pid);

#endif
