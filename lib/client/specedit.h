/*
 * client/specedit.h - changing the stored specification of a process, which may run meanwhile: what
 * is changed counts from its next start; what it says of health at once, and its group.
 */
#ifndef CLIENT_SPECEDIT_H
#define CLIENT_SPECEDIT_H

#include "base/home.h"
#include "client/watcher.h"
#include "config/spec.h"

/* Changes what it wants; strings that it puts in stay its own. Returns 1 if it has changed
 * something, 0 if not, or -errno with f set. */
typedef int specedit_change(struct spec *s, void *arg, struct fault *f);

/* Load, change, write back; begins again if a start replaces the specification meanwhile. Returns
 * as change, or -errno with f set. */
int specedit(const struct home *h, const char *name, specedit_change *change, void *arg,
	const struct watcher *w, struct fault *f);

/* What its health is found out by (JSON text as in config/health.h; NULL: leave it), and how often
 * (seconds; 0: leave it). Returns as specedit(). */
int specedit_health(const struct home *h, const char *name, const char *health, uint32_t interval_s,
	const struct watcher *w, struct fault *f);

#endif
