/*
 * cli/resurrect.h - starting again what was up when the instance last ran: "tend start" without
 * operands, and "tend resurrect".
 */
#ifndef CLI_RESURRECT_H
#define CLI_RESURRECT_H

/* Returns an exit status; everything is said. */
int resurrect_run(void);

#endif
