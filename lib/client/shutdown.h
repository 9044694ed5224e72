/*
 * client/shutdown.h - ending an instance: for "tend stop" without names, and for a foreground start
 * that had started the daemons.
 */
#ifndef CLIENT_SHUTDOWN_H
#define CLIENT_SHUTDOWN_H

#include "client/instance.h"
#include "client/watcher.h"

/* Ask the guardian to end the instance, and wait until it has: every process stopped, every daemon
 * gone. in: attached as PT_CLIENT. -EINTR: the watcher wanted an end meanwhile; the shutdown goes
 * on without us. */
int shutdown_all(struct instance *in, const struct watcher *w, struct fault *f);

/* Ask for it alone: it comes to its end when it can. */
void shutdown_ask(struct instance *in);

/* The same, but only if no process is up: for daemons that a command started for itself and nobody
 * else uses by now. */
int shutdown_idle(struct instance *in, const struct watcher *w, struct fault *f);

#endif
