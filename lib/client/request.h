/*
 * client/request.h - what restart, signal and remove have in common: look up names, send each the
 * same request, tell what became of it.
 */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include "client/ask.h"
#include "client/outcome.h"

struct request {
	struct pt_request like; /* everything but the name */
	const char *doing;	/* "restarting" */
	enum outcome_kind done;
	const char *words; /* what people are told in place of its own; NULL */
};

/* home: NULL = $TEND_HOME or the default. No names: whatever is up. False: complaints. */
bool request_run(
	struct outcomes *oc, const char *home, const struct request *q, char **names, size_t n);

#endif
