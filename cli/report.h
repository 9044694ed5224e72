/*
 * cli/report.h - telling what became of requests: one line for each process, successes on stdout,
 * failures on stderr, and both in the document of --json (cli/acts.h).
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/ask.h"

/* "web: started, pid 123". Returns how many failed. */
size_t report_starts(const struct ask *a, size_t n);
/* "web: stopped", "web: killed (did not end within 30s)". Returns an exit status. */
int report_stops(const struct instance *in, const struct ask *a, size_t n);
/* "web: <done>", with the pid if the answer has one; result: the same in one word. Returns an exit
 * status. */
int report_done(const struct ask *a, size_t n, const char *done, const char *result);

#endif
