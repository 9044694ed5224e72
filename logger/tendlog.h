/* logger/tendlog.h - tend's own log. */
#ifndef LOGGER_TENDLOG_H
#define LOGGER_TENDLOG_H

#include "logger/logger.h"

void tendlog_begin(struct logger *lg);
/* Rotate it if it is due, or now. -errno: it can't be rotated. */
int tendlog_check(struct logger *lg, bool now);

#endif
