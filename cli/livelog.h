/*
 * cli/livelog.h - what some processes write, on stdout as it comes, each line behind its process's
 * name: for a foreground "tend start". A thread follows the logs, so that lines come while the
 * command waits for something else.
 */
#ifndef CLI_LIVELOG_H
#define CLI_LIVELOG_H

#include <stddef.h>

#include "base/fault.h"

struct livelog;

/* Remember where the logs of these processes end now: what is written from here on will be shown.
 * logs_fd stays the caller's, and open. */
int livelog_open(
	int logs_fd, const char *const *names, size_t n, struct livelog **ret, struct fault *f);
/* Begin to show it. */
int livelog_begin(struct livelog *l, struct fault *f);
/* Show what is still to come of what has been written, and end. NULL: nothing happens. */
void livelog_end(struct livelog *l);

#endif
