/*
 * client/daemons.h - the four daemons as the CLI deals with them: are they up, start them.
 *
 * Only the guardian is started from here; it starts the others. Two CLIs that find nobody running
 * take turns at run/start.lock, and the second one finds a guardian.
 */
#ifndef CLIENT_DAEMONS_H
#define CLIENT_DAEMONS_H

#include <stdbool.h>

#include "client/instance.h"
#include "client/watcher.h"

/* Make sure that a guardian runs; *ret_started (may be NULL) tells whether that took starting one.
 * With the spawner alive and no guardian, the spawner is about to become it, and gets a moment for
 * that. Missing subfolders of the home are made. Errors: the guardian's own sentence. */
int daemons_ensure(struct home *h, bool *ret_started, const struct watcher *w, struct fault *f);

/* Does a guardian run, or will one at once? Gives a spawner that is about to become it a moment. */
bool daemons_guarded(const struct home *h);

#endif
