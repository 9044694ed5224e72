/*
 * client/resurrect.h - starting the daemons, and again what was up when the instance last ran.
 */
#ifndef CLIENT_RESURRECT_H
#define CLIENT_RESURRECT_H

#include "client/outcome.h"

/* home: NULL = $TEND_HOME or the default. False: a complaint. */
bool resurrect(struct outcomes *oc, const char *home);
/* Was anything up when the instance last ran? Also true where that can't be read, so that
 * resurrect() says why. */
bool resurrect_knows(const char *home);

#endif
