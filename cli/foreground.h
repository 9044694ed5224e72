/*
 * cli/foreground.h - "tend start" without --background: stay, tell what happens to what was
 * started, and stop it on Ctrl-C.
 */
#ifndef CLI_FOREGROUND_H
#define CLI_FOREGROUND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "client/eventlog.h"
#include "client/instance.h"
#include "client/outcome.h"

struct foreground {
	char (*name)[NAME_MAX_BYTES]; /* what this command started */
	size_t n;
	/* the first of them; a registry behind them ends last, and does not keep the command alone
	 * */
	size_t agents;
	struct eventlog from; /* taken before anything was asked for */
	bool stays;	      /* this command does, that is */
	/* this command started the daemons, and ends them if nothing else is up */
	bool own_daemons;
};

/* After term_catch(). Returns the exit status: 0 when Ctrl-C was the end and everything stopped, or
 * when all of them completed. */
int foreground_run(struct outcomes *oc, struct instance *in, struct foreground *fg);

/* What was started came to nothing: end it, the registry that was started for it, and the daemons
 * if this command started them and nothing else is up. What others started is left alone. Returns
 * EXIT_FAIL. */
int foreground_give_up(struct outcomes *oc, struct instance *in, struct foreground *fg);

#endif
