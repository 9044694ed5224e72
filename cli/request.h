/*
 * cli/request.h - what restart, signal and remove have in common: look up names, send each the same
 * request, tell what became of it.
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "client/ask.h"
#include "client/outcome.h"

struct request {
	struct pt_request like; /* everything but the name */
	const char *doing;	/* "restarting" */
	enum outcome_kind done;
	const char *words; /* what people are told in place of its own; NULL */
};

/* Returns an exit status. */
int request_run(struct outcomes *oc, const struct request *q, char **names, size_t n);

#endif
