/* logger/leftlogs.h - logs of processes that were removed: they count where all logs together have
 * a limit. */
#ifndef LOGGER_LEFTLOGS_H
#define LOGGER_LEFTLOGS_H

#include "logger/logger.h"

/* Take over what lies in the folder and is not a stream's. Only where there is a limit over all. */
void leftlogs_find(struct logger *lg, const struct catalog *c);
/* A process of this name is there again: its stream looks after the files from now on. */
void leftlogs_claim(struct logger *lg, const char *base);
void leftlogs_free(struct logger *lg);

#endif
