/*
 * cli/tell.h - what a command that acts has done, for people or as one JSON document.
 *
 * For people each sentence is printed as it comes: what was done on stdout, complaints on stderr.
 * With --json complaints are said as ever, and the document is the last thing and the only one on
 * stdout.
 */
#ifndef CLI_TELL_H
#define CLI_TELL_H

#include "cli/cmd.h"
#include "client/outcome.h"

/* Prints what is heard, and shows on a terminal what is waited for. */
extern const struct watcher tell_watcher;

/* An empty list of outcomes that is told so. For people nothing is kept, so that a command that
 * only shows things and has something to complain of need not free it. */
struct outcomes tell_begin(bool json);

/* The end: the document of --json, unless nothing was done for misuse. Frees the outcomes; returns
 * the exit status. */
int tell_finish(struct outcomes *oc, const struct command *c, bool json, int status);

/* Complain, and EXIT_FAIL. */
#define TELL_FAIL(oc, ...) (outcome_complain((oc), __VA_ARGS__), EXIT_FAIL)

#endif
