/*
 * cli/resurrect.h - starting again what was up when the instance last ran: "tend start" without
 * operands, and "tend resurrect".
 */
#ifndef CLI_RESURRECT_H
#define CLI_RESURRECT_H

#include "client/outcome.h"

/* Returns an exit status. */
int resurrect_run(struct outcomes *oc);

#endif
