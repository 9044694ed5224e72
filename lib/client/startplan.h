/*
 * client/startplan.h - from the operands of "tend start" to the requests that it will post:
 * everything that can be found out without a daemon is found out here, so that a misspelt path
 * starts none.
 */
#ifndef CLIENT_STARTPLAN_H
#define CLIENT_STARTPLAN_H

#include "client/ask.h"
#include "client/outcome.h"
#include "client/startspec.h"

struct plan {
	struct ask *ask;  /* what will be asked */
	char **file;	  /* for each, the agent's file; NULL for a command or a stored name */
	size_t n, wanted; /* what is there; what was asked for */
};

/* Make the plan: n operands (FILEs, stored names, @GROUPs), or a command. False: the whole command
 * is wrong (a complaint). An operand that alone is wrong is said and left out. Free it with
 * plan_done() in any case. */
bool plan_make(struct outcomes *oc, struct plan *p, struct startspec *s, const struct instance *in,
	char **operand, size_t n, char **command);
void plan_done(struct plan *p);

bool plan_has_agents(const struct plan *p);
/* The agents' specifications again, with what they are told of the registry ("NAME=VALUE", NULL
 * behind the last). False: a complaint. */
bool plan_tell(struct outcomes *oc, struct plan *p, struct startspec *s, char **variables);

#endif
