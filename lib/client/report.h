/*
 * client/report.h - what became of requests, from their answers.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include "client/ask.h"
#include "client/outcome.h"

/* Returns how many failed. */
size_t report_starts(struct outcomes *oc, const struct ask *a, size_t n);
size_t report_stops(struct outcomes *oc, const struct instance *in, const struct ask *a, size_t n);
/* words: what people are told in place of the kind's own; NULL. */
size_t report_done(struct outcomes *oc, const struct ask *a, size_t n, enum outcome_kind kind,
	const char *words);

#endif
