/*
 * cli/specedit.h - changing the stored specification of a process, which may run meanwhile: what is changed counts from its next start.
 */
#ifndef CLI_SPECEDIT_H
#define CLI_SPECEDIT_H

#include "base/home.h"
#include "config/spec.h"

/* Changes what it wants; strings that it puts in stay its own. Returns 1 if it has changed something, 0 if not, or -errno with f set. */
typedef int specedit_change(struct spec *s, void *arg, struct fault *f);

/* Load, change, write back; begins again if a start replaces the specification meanwhile. Returns as change, or -errno with f set. */
int specedit(const struct home *h, const char *name, specedit_change *change, void *arg, struct fault *f);

#endif
