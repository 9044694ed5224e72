/*
 * cli/overview.h - "tend status" without names: how all of it is, as text. Each row is read,
 * formatted and forgotten, so that a thousand processes take no more memory than their lines.
 */
#ifndef CLI_OVERVIEW_H
#define CLI_OVERVIEW_H

#include "client/view.h"

/* Returns an exit status. */
int overview_print(bool verbose);

/* How far what was shown can be trusted: the daemons, if one of them does not run (verbose:
 * always), and the age of the table. */
void overview_trust(const struct view *v, bool verbose);

#endif
