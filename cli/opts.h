/*
 * cli/opts.h - reading options: getopt_long() with error texts of our own, a suggestion for what
 * was misspelt, and --help for every command.
 */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cmd.h"

enum { OPT_END = -1, OPT_BAD = -2, OPT_HELP = -3, OPT_FAILED = -4 };

/* The next option's val, OPT_END (operands begin at optind), OPT_BAD (said; exit with EXIT_MISUSE),
 * or OPT_HELP (shown; exit with EXIT_OK). options ends with an all-zero entry; long options may be
 * cut to a unique beginning. */
int opts_next(const struct command *c, int argc, char **argv, const struct option *options);
/* The same for a command that has options of one letter: letters as for getopt(3), with ":hq" in
 * front. */
int opts_next_short(const struct command *c, int argc, char **argv, const struct option *options,
	const char *letters);
/* All long options of a command, ending with an all-zero entry; valid until the next call. Every
 * command reads its options before it does anything. */
const struct option *opts_of(const struct command *c);
/* The exit status for those that end a command; OPT_FAILED (said; no misuse) is for the callers'
 * own use. */
int opts_status(int opt);

/* Values of options; complain and return false when they are none. what is the option with its
 * dashes. */
bool opts_duration(const char *what, const char *text, uint64_t max_ms, uint64_t *ret_ms);

bool opts_bytes(const char *what, const char *text, uint64_t *ret_bytes);

/* The whole of a command that takes no operands (or exactly want of them): false = reported. */
bool opts_operands(int argc, int want, const char *what);

#endif
