/*
 * client/restart.h - restarting where a registry is concerned: one itself, or an agent that is to
 * be registered again. home: NULL = $TEND_HOME or the default.
 */
#ifndef CLIENT_RESTART_H
#define CLIENT_RESTART_H

#include "client/request.h"
#include "client/surroundings.h"

/* The registry, at the address and with the database that it had; reset: as the configuration says
 * now. If none runs, one is started. False: a complaint. */
bool restart_registry(struct outcomes *oc, const char *home, const struct shell *shell, bool reset);

/* One process. An agent that knows of a registry is told where that is now, and waited for until it
 * is registered again; what it is and how long it has run is said before. env: for the
 * configuration. False: complaints. */
bool restart_one(struct outcomes *oc, const char *home, char *const *env, const struct request *q,
	char *name);

#endif
