/*
 * client/checks.h - what is looked at to find out whether an instance is as it should be: whether
 * home, table, daemons and processes agree, which no single daemon can see.
 */
#ifndef CLIENT_CHECKS_H
#define CLIENT_CHECKS_H

#include "client/findings.h"
#include "client/instance.h"
#include "client/view.h"

/* All of it. in: its home is open, and its access chosen; it is attached here if there is a
 * table. */
void checks_all(struct findings *found, struct instance *in);

/* The parts that have files of their own: what the daemons have, and so their processes, otherwise
 * than this program; what is on the disk; health. v: empty where there is no table. */
void checks_surroundings(struct findings *found, const struct home *h);
void checks_stored(struct findings *found, const struct instance *in, const struct view *v);
void checks_health(struct findings *found, const struct home *h, const struct view *v);

#endif
