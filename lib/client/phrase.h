/*
 * client/phrase.h - parts of sentences, for whoever complains here and for whoever tells more.
 */
#ifndef CLIENT_PHRASE_H
#define CLIENT_PHRASE_H

#include <stdint.h>

#include "shm/table.h"

#define PHRASE_MAX 512u

/* How a run ended: "exited with status 1", "was killed by SIGSEGV (core dumped)". Returns buf. */
const char *phrase_exit(unsigned exit_kind, int wait_status, char buf[static PHRASE_MAX]);

/* Why output is not captured, for a positive errno. */
const char *phrase_log_error(int error);

/* What the registry's clock says of when it last saw an agent, where that is no time of the last
 * two minutes: "1 h ago", "1 h from now". "" elsewhere. Returns buf. */
const char *phrase_seen(const struct pt_health *h, char buf[static PHRASE_MAX]);

/* Write the decimal digits of a number so that they end before end; at most 20. Returns where they
 * begin. */
char *phrase_digits(uint64_t value, char *end);

/* "2.1G", "512K". Returns buf. */
const char *phrase_bytes(uint64_t bytes, char buf[static 24]);

#endif
