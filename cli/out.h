/*
 * cli/out.h - what the program says. stdout carries what a command was asked to show, and nothing
 * else; every complaint is one line on stderr.
 *
 * stdout is buffered in large pieces: a table of a thousand rows is a handful of system calls.
 * Whoever prints and then waits calls out_flush().
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cmd.h"

/* Make sure that descriptors 0 to 2 exist, so that no file of ours becomes "stdout"; set the
 * buffer. */
void out_init(void);
/* The command whose name is in front of complaints; NULL for none. */
void out_command(const struct command *c);

/* "tend NAME: text" on stderr, control characters made visible. Returns EXIT_FAIL. */
int out_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for what does not end the command. */
void out_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with the usage behind it. Returns EXIT_MISUSE. */
int out_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From here on nothing but complaints is said: stdout goes nowhere, and there is no line of
 * progress. */
void out_quiet(void);

/* Hand what was printed to the kernel. False: no one can read it any more (the reader left, or the
 * disk is full), so go home. */
bool out_flush(void);
/* The last flush. Turns status into what the program exits with: a reader that left is fine, a
 * write error is EXIT_FAIL and said. */
int out_finish(int status);

/* For whoever prints from a thread of its own: nothing else is said between these two, and a line
 * of progress makes room. */
void out_hold(void);
void out_release(void);

/* A line on the terminal that the next one replaces; nothing where stderr is not a terminal. NULL
 * takes it away. */
void out_progress(const char *text);
/* The same for what takes time: once half a second has passed since then (clock_boot_ns()), what is
 * awaited and how long so far. */
void out_waiting(uint64_t since_boot_ns, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
