/*
 * cli/request.h - what restart, signal and remove have in common: look up names, send each the same
 * request, tell what became of it.
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli/ask.h"

struct request {
	struct pt_request like; /* everything but the name */
	const char *doing;	/* "restarting" */
	const char *done;	/* "restarted" */
	const char *result;	/* the same in one word, for --json; NULL: done is one */
};

/* Returns an exit status; everything is said. */
int request_run(const struct request *q, char **names, size_t n);

#endif
