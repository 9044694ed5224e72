/*
 * client/start.h - carrying out a planned start: daemons, registry, processes, registration. One
 * step after the other, for callers that do something of their own in between.
 */
#ifndef CLIENT_START_H
#define CLIENT_START_H

#include "client/meshreg.h"
#include "client/startplan.h"

struct start {
	struct instance *in; /* its home is open; attached by start_daemons(), as a client */
	struct plan *plan;
	struct startspec *spec;
	const struct cliconf *conf;
	bool registry_only;
	/* the watcher's first wish for an end ends the waiting: what was asked for is on its way */
	bool interruptible;
	/* Found out on the way: */
	bool own_daemons;		/* started here */
	bool interrupted;		/* so that all of it counts as started */
	struct meshaddr registry;	/* its URL is empty without one */
	struct meshaddr_variables told; /* large: filled where there is one */
};

/* Nothing found out yet. */
void start_init(struct start *s);


/* The daemons run, and in is attached. False: a complaint. */
bool start_daemons(struct outcomes *oc, struct start *s);

/* The registry, where one is wanted. False: complaints, and what of tend was started for it is
 * taken away again. */
bool start_registry(struct outcomes *oc, struct start *s);

enum started {
	STARTED_UNKNOWN, /* there was no answer: a complaint */
	STARTED_NONE,	 /* complaints */
	STARTED_SOME	 /* all, or a complaint says how many */
};

/* The processes. Those that run already, or are known from before, get the group and the health
 * that are wished for. */
enum started start_processes(struct outcomes *oc, struct start *s);

/* Wait until agents that were started now are registered. shown: what they write is on the screen;
 * ends: the caller ends them if none registers. False: none did (a complaint). */
bool start_enroll(
	struct outcomes *oc, struct start *s, uint64_t began_real_ns, bool shown, bool ends);

#endif
