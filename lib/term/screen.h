/*
 * term/screen.h - a terminal that a command draws on again and again, and gives back as it was.
 *
 * Keys come without waiting for a line and are not shown; the cursor is hidden; drawing happens on
 * the alternate screen, by overwriting, so that nothing flickers. Signals arrive as events, not as
 * handlers.
 */
#ifndef TERM_SCREEN_H
#define TERM_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum screen_event { SCREEN_TICK, SCREEN_CHANGE, SCREEN_RESIZE, SCREEN_QUIT };

/* tty: draw on the terminal and take keys; else only signals and ticks matter. Returns 0, or -errno
 * if signals can't be taken. */
int screen_begin(bool tty);
void screen_end(void);

/* Begin a frame, end each line, end the frame. Without a terminal a line break and nothing else. */
void screen_home(void);
void screen_line(void);
void screen_done(void);

/* Sleep until something happens or until_boot_ns has come (SCREEN_TICK). SCREEN_CHANGE: changes_fd
 * can be read, which is the caller's to do; -1 = there is none. Leaves the terminal to
 * SIGTERM and others as it was: screen_end() is the caller's to call after SCREEN_QUIT. */
enum screen_event screen_wait(uint64_t until_boot_ns, int changes_fd);

#endif
