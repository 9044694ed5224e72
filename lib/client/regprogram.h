/*
 * client/regprogram.h - which program is the registry, and how it is run: the first that exists of
 * the configured command, mcp-mesh-registry, the reference's Python module, and tend's own.
 */
#ifndef CLIENT_REGPROGRAM_H
#define CLIENT_REGPROGRAM_H

#include "client/meshaddr.h"
#include "client/surroundings.h"

/* The text of its specification, malloc'ed; it runs in the current folder. NULL: f says why. */
char *regprogram_spec(const struct cliconf *c, const struct shell *shell, const struct meshaddr *r,
	struct fault *f);

#endif
