/*
 * cli/acts.h - what a command that acts has done, as one JSON document ("--json" of start, stop,
 * restart and the like).
 *
 * The sentences for people stay where they are: from acts_begin() on they go nowhere, complaints go
 * to stderr as ever and into the document as well, and acts_finish() prints it. Without
 * acts_begin() nothing here does anything.
 */
#ifndef CLI_ACTS_H
#define CLI_ACTS_H

#include <stdbool.h>
#include <stdint.h>

/* From here on standard output carries the document and nothing else. */
void acts_begin(void);

/* What became of one process; each is noted once. result: one word ("stopped"), "failed" with an
 * error. pid 0: none. */
void acts_note(const char *name, const char *result, int32_t pid, const char *error);
/* Did the registry list it in time? For a process that was noted before. */
void acts_registered(const char *name, bool registered);
/* And of the daemons: "started", "running", "ended", "upgraded". */
void acts_daemons(const char *what);

/* The last thing that is printed. Returns the exit status. */
int acts_finish(const char *command, int status);

#endif
