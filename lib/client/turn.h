/*
 * client/turn.h - one command after the other, where two at once would undo each other's work:
 * starting daemons, and changing a file that is read, changed and written.
 */
#ifndef CLIENT_TURN_H
#define CLIENT_TURN_H

#include "base/fault.h"
#include "base/home.h"
#include "client/watcher.h"

#define TURN_START  "start.lock"  /* starting or replacing daemons */
#define TURN_CONFIG "config.lock" /* cli_config.json */
#define TURN_SPECS  "specs.lock"  /* a stored specification */

/* Wait for our turn: whoever has it holds the lock of run/FILE. A descriptor to be closed at the
 * end (the kernel does so for whoever is killed), or -errno: within seconds (a minute where daemons
 * are started) it could not be had, and f names the holder. */
int turn_take(const struct home *h, const char *file, const struct watcher *w, struct fault *f);

#endif
