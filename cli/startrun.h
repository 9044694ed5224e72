/*
 * cli/startrun.h - carrying out what "tend start" has planned: daemons, registry, processes,
 * registration, and staying in the foreground.
 */
#ifndef CLI_STARTRUN_H
#define CLI_STARTRUN_H

#include "cli/startplan.h"

/* in: its home is open; it is attached here, as a client. Returns an exit status. */
int startrun(struct outcomes *oc, struct instance *in, struct plan *p, struct startopts *o,
	const struct cliconf *c);

#endif
