/*
 * term/term.h - the terminal: is there one, how wide, may it be coloured; and Ctrl-C.
 */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>

bool term_is_tty(int fd);
/* Columns of the terminal behind stdout; 0 = no terminal, so nothing needs to be cut. */
unsigned term_width(void);
/* Columns of the terminal behind a descriptor, or what $COLUMNS says; 80 where nobody knows. */
unsigned term_columns(int fd);
/* Lines of it; 0 = no terminal, or it does not say. */
unsigned term_height(void);

enum term_colour {
	TERM_PLAIN,
	TERM_GREEN,
	TERM_YELLOW,
	TERM_RED,
	TERM_DIM,
	TERM_BOLD,
	TERM_CYAN,
	TERM_MAGENTA,
	TERM_BLUE
};
/* The sequence that turns a colour on (TERM_PLAIN: off); "" where stdout is not a terminal, or
 * NO_COLOR or TERM=dumb asks for none. */
const char *term_colour(enum term_colour c);

/* From main(): SIGPIPE and SIGXFSZ are ignored, SIGCHLD is not, nothing is blocked, and Ctrl-C ends
 * the program with that status at once. */
void term_signals(int status);
/* From a command that stays with what it started: SIGINT and SIGTERM end it, and are for it, also
 * where they were inherited ignored (a script's "tend start &"). SIGHUP that was inherited ignored,
 * as from nohup, stays so. */
void term_obey(void);
/* From a command that Ctrl-C ends in an orderly way: SIGINT, SIGTERM and SIGHUP are counted and
 * interrupt whatever waits. */
void term_catch(void);
/* How many have come since term_catch(). */
int term_caught(void);
/* Sleep until fd can be read: 0. -EINTR: a signal has been counted, be it before or during the
 * sleep. -EPIPE: nobody reads stdout any more, which a program that waits for something to print
 * would not learn otherwise. */
int term_wait(int fd);

#endif
