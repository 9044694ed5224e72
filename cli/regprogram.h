/*
 * cli/regprogram.h - which program is the registry, and how it is run: the first that exists of the
 * configured command, mcp-mesh-registry, the reference's Python module, and tend's own.
 */
#ifndef CLI_REGPROGRAM_H
#define CLI_REGPROGRAM_H

#include "cli/registry.h"

/* The text of its specification, malloc'ed. NULL: f says why. */
char *regprogram_spec(const struct instance *in, const struct cliconf *c, const struct registry *r,
	struct fault *f);

#endif
