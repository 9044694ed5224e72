/*
 * client/enroll.h - waiting until the agents that were started are registered: all at once, by the
 * table's change counter, up to the startup timeout.
 */
#ifndef CLIENT_ENROLL_H
#define CLIENT_ENROLL_H

#include "client/ask.h"
#include "client/outcome.h"

struct enroll_how {
	unsigned timeout_s;
	const char *url; /* of the registry */
	bool shown;	 /* what the agents write is on the screen already */
	/* what agents wrote before is not their last output; 0 = not known */
	uint64_t began_real_ns;
	/* if none registers the caller ends them: each is then named with its last output */
	bool ends;
};

/* a: answered START requests of agents (those whose answer is a failure are left out). An agent
 * that ends meanwhile is said at once, with its last output where that is not shown anyway. True:
 * at least one is registered (a complaint says how many, if not all); false: none (a complaint,
 * with what to do). Whoever runs, runs on. */
bool enroll_wait(struct outcomes *oc, struct instance *in, const struct ask *a, size_t n,
	const struct enroll_how *how);

#endif
