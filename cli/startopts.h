/*
 * cli/startopts.h - the options of "tend start", and the specification that they, a file or
 * command, and the caller's surroundings amount to.
 */
#ifndef CLI_STARTOPTS_H
#define CLI_STARTOPTS_H

#include <stdbool.h>

#include "cli/agentfile.h"
#include "cli/cmd.h"
#include "config/cliconf.h"
#include "config/spec.h"

struct startopts {
	bool background;
	bool json; /* tell what was done by a document */
	bool registry_only;
	bool no_registry;	     /* by --no-registry or $TEND_REGISTRY */
	const char *conf[CONF_KEYS]; /* the configuration's options, as typed; NULL = not given */
	bool policy_given;
	bool shaped; /* an option was given that changes how the process runs; its group does not */
	const char *name;
	char cwd[PATH_MAX]; /* "" = not given */
	struct spec base;   /* numbers only */
	char **add;	    /* --env, pointers into argv */
	size_t adds;
	char **env; /* the environment handed on, NULL-terminated, with room for two more */
	size_t envs;
};

/* Read the options; operands begin at optind. argc ends before a "--". OPT_END on success, else as
 * opts_next(). Free with startopts_done(). */
int startopts_read(const struct command *c, int argc, char **argv, struct startopts *ret);
void startopts_done(struct startopts *o);
/* Put the options over the configuration; one that is about the processes of this call goes into
 * their specifications. An exit status: said if not EXIT_OK. */
int startopts_configure(struct startopts *o, struct cliconf *c);
/* Variables that agents are given in the place of the caller's own; what --env says is stronger.
 * They stay the caller's. False: no memory. */
bool startopts_variables(struct startopts *o, char **variables);

/* The texts of specifications, malloc'ed. NULL: f says why. */
char *startopts_agent(struct startopts *o, struct agent *a, struct fault *f);
/* The registry that the environment names which they get; NULL: none. */
const char *startopts_registry(const struct startopts *o);
/* command: argument vector, NULL-terminated. */
char *startopts_command(struct startopts *o, char **command, struct fault *f);

#endif
