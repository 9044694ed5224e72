/*
 * client/strays.h - processes that carry tend's mark in their environment and belong to no live
 * record, as far as can be seen: what a crash of everything, a home that was deleted, or an agent
 * that hid its children has left behind. Those that are proved to be nobody's (client/proof.h) are
 * orphans; of the others it is told why that is not known.
 */
#ifndef CLIENT_STRAYS_H
#define CLIENT_STRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "client/proof.h"
#include "shm/table.h"

#define STRAY_HOME_MAX 256u

struct stray {
	pid_t pid;
	uint64_t start_ticks;
	uint64_t age_ns;
	uint64_t memory_bytes;
	/* the process that it was, or was part of; may be cut or odd: it is what its environment
	 * says */
	char name[PT_NAME_MAX];
	char home[STRAY_HOME_MAX];
	char command[PT_COMMAND_TEXT];
	bool proved;		  /* nobody's */
	char why[PROOF_TEXT_MAX]; /* a sentence: why it is an orphan, or why that is unknown */
};

/* Look through /proc; what the caller may not read is left out. *ret is malloc'ed, sorted by age,
 * the oldest first. */
int strays_find(struct stray **ret, size_t *ret_n, struct fault *f);

/* Ask those that are proved to end, wait up to timeout_ms, kill the rest; each is identified by pid
 * and start time all along. Returns how many of them are left. */
size_t strays_end(const struct stray *o, size_t n, unsigned timeout_ms);

#endif
