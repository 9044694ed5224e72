/*
 * cli/startrun.h - "tend start" carries out what it has planned, and stays in the foreground.
 */
#ifndef CLI_STARTRUN_H
#define CLI_STARTRUN_H

#include "client/start.h"

/* stays: until what was started has ended, or Ctrl-C. Returns an exit status. */
int startrun(struct outcomes *oc, struct start *s, bool stays);

#endif
