/*
 * cli/startopts.h - the options of "tend start".
 */
#ifndef CLI_STARTOPTS_H
#define CLI_STARTOPTS_H

#include <stdbool.h>

#include "cli/cmd.h"
#include "client/startspec.h"
#include "client/agentfile.h"
#include "config/cliconf.h"

struct startopts {
	bool background;
	bool json; /* tell what was done by a document */
	bool registry_only;
	const char *conf[CONF_KEYS]; /* the configuration's options, as typed; NULL = not given */
	bool policy_given;
	struct startspec spec; /* last: it is begun by itself */
};

/* Read the options; operands begin at optind. argc ends before a "--". OPT_END on success, else as
 * opts_next(). Free with startopts_done(). */
int startopts_read(const struct command *c, int argc, char **argv, struct startopts *ret);
void startopts_done(struct startopts *o);
/* Put the options over the configuration; one that is about the processes of this call goes into
 * their specifications. An exit status: said if not EXIT_OK. */
int startopts_configure(struct startopts *o, struct cliconf *c);

#endif
