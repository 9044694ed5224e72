/*
 * cli/logfiles.h - logs as files: what they take (size), and whether all that was captured is there
 * (verify).
 */
#ifndef CLI_LOGFILES_H
#define CLI_LOGFILES_H

#include "client/logfacts.h"
#include "client/logplaces.h"

/* Add up the files of one log. An archive that is damaged is reported. */
bool logfiles_measure(const struct log_place *at, struct log_sizes *ret);

int logfiles_size(struct logplaces *p, bool json);
int logfiles_verify(struct logplaces *p, bool json);

#endif
