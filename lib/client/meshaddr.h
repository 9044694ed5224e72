/*
 * client/meshaddr.h - where the registry for agents is, and what they are told of it.
 *
 * Its address is in HOME/run/registry.url, where the monitor finds it.
 */
#ifndef CLIENT_MESHADDR_H
#define CLIENT_MESHADDR_H

#include <limits.h>
#include <stdbool.h>

#include "client/instance.h"
#include "client/outcome.h"
#include "config/cliconf.h"

#define MESH_NAME	   "registry" /* of the process */
#define MESHADDR_VARIABLES 6u

struct meshaddr {
	char host[256], url[300], db[PATH_MAX];
	unsigned port;
	bool started; /* by this call */
};

/* Make the URL from host and port. */
void meshaddr_say(struct meshaddr *r);
/* Write it down for the monitor. False: a complaint. */
bool meshaddr_write(struct outcomes *oc, const struct instance *in, const struct meshaddr *r);
/* The registry that was used last: its address alone. False: none is known. */
bool meshaddr_last(const struct home *h, struct meshaddr *ret);
/* The path of its database, which is relative to the current folder; its folders are made. False: a
 * complaint. */
bool meshaddr_database(struct outcomes *oc, const struct cliconf *c, struct meshaddr *r);
/* From here on by the address at which it listens, where that is not the whole of its host. */
void meshaddr_bind(struct meshaddr *r);

/* Agents are started that tend finds no registry for, but whose environment names one: it is the
 * one that the monitor asks, unless tend runs one itself. False: a complaint. */
bool meshaddr_named(struct outcomes *oc, const struct instance *in, const char *url);

/* What an agent is told of it: "MCP_MESH_REGISTRY_URL=..." and the others, NULL behind the last.
 * Returns ret->list. */
struct meshaddr_variables {
	char text[MESHADDR_VARIABLES][PATH_MAX + 64];
	char *list[MESHADDR_VARIABLES + 1];
};
char **meshaddr_variables(
	const struct meshaddr *r, const struct cliconf *c, struct meshaddr_variables *ret);

#endif
