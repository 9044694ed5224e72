/*
 * cli/overview.h - "tend status" without names: how all of it is, as text. Each row is read,
 * formatted and forgotten, so that a thousand processes take no more memory than their lines.
 */
#ifndef CLI_OVERVIEW_H
#define CLI_OVERVIEW_H

#include <stdbool.h>

/* Returns an exit status. */
int overview_print(bool verbose);

#endif
