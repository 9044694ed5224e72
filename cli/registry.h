/*
 * cli/registry.h - a registry for agents: one that answers already is used, else one is started and
 * supervised as the process "registry".
 *
 * Its address stands in HOME/run/registry.url, where the monitor finds it. The CLI speaks no HTTP
 * but one GET /health with a deadline.
 */
#ifndef CLI_REGISTRY_H
#define CLI_REGISTRY_H

#include <limits.h>
#include <stdbool.h>

#include "cli/instance.h"
#include "client/outcome.h"
#include "config/cliconf.h"

#define REGISTRY_NAME "registry"

struct registry {
	char host[256], url[300], db[PATH_MAX];
	unsigned port;
	bool started; /* by this call */
};

/* Is the caller free of registries by $TEND_REGISTRY=none? */
bool registry_is_off(void);

/* Find or start one; daemons run, in is attached. False: a complaint. */
bool registry_ensure(
	struct outcomes *oc, struct instance *in, const struct cliconf *c, struct registry *ret);

/* Agents are started that tend finds no registry for, but whose environment names one: it is the
 * one that the monitor asks, unless tend runs one itself. False: a complaint. */
bool registry_named(struct outcomes *oc, const struct instance *in, const char *url);

/* Stop and start it again as it was; reset: as the configuration says now. One that does not run is
 * started. False: a complaint. */
bool registry_restart(
	struct outcomes *oc, struct instance *in, const struct cliconf *c, bool reset);

/* The registry that was used last: its address alone. False: none is known. */
bool registry_last(const struct home *h, struct registry *ret);

/* What an agent is told of it: "MCP_MESH_REGISTRY_URL=..." and the others, NULL behind the last;
 * points into static memory. */
char **registry_variables(const struct registry *r, const struct cliconf *c);

#endif
