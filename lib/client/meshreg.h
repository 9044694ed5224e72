/*
 * client/meshreg.h - a registry for agents: one that answers already is used, else one is started
 * and supervised as the process "registry". It is asked by one GET /health with a deadline.
 */
#ifndef CLIENT_MESHREG_H
#define CLIENT_MESHREG_H

#include "client/meshaddr.h"
#include "client/surroundings.h"

/* Find or start one; daemons run, in is attached. False: a complaint. */
bool meshreg_ensure(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, struct meshaddr *ret);

/* Stop and start it again as it was; reset: as the configuration says now. One that does not run is
 * started. False: a complaint. */
bool meshreg_restart(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, bool reset);

#endif
