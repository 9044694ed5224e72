/*
 * client/stop.h - stopping processes, and ending an instance with all of its own.
 *
 * All requests are posted at once, so that ten processes that take thirty seconds each take thirty
 * seconds. Only registries wait: the agents that talk to one end first.
 */
#ifndef CLIENT_STOP_H
#define CLIENT_STOP_H

#include "client/outcome.h"
#include "client/instance.h"

struct stop {
	unsigned flags;	     /* PT_FLAG_FORCE, PT_FLAG_TIMEOUT */
	uint32_t timeout_ms; /* with PT_FLAG_TIMEOUT */
	/* so many of the watcher's wishes for an end led here: one more kills what has not ended
	 * yet, and after yet another nobody waits for that. 0: a wish changes nothing */
	int stops;
};

/* Stop processes by name, asked in this order; the last of them are registries. in: attached as
 * PT_CLIENT. False: not all have stopped (complaints). */
bool stop_names(struct outcomes *oc, struct instance *in, const struct stop *s,
	const char *const *name, size_t n, size_t registries);

/* Stop names, patterns and groups of a home (NULL: $TEND_HOME or the default): who was started
 * first is asked first, registries last. No names: everything, and then the daemons; what stops
 * because everything does is wanted as before, and started again by resurrect(). False: complaints.
 * */
bool stop_run(
	struct outcomes *oc, const char *home, const struct stop *s, char *const *names, size_t n);

#endif
