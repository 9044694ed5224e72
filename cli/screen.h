/*
 * cli/screen.h - a terminal that a command draws on again and again, and gives back as it was.
 *
 * Keys come without waiting for a line and are not shown; the cursor is hidden; drawing happens on
 * the alternate screen, by overwriting, so that nothing flickers. Signals arrive as events, not as
 * handlers.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum screen_event { SCREEN_TICK, SCREEN_CHANGE, SCREEN_RESIZE, SCREEN_QUIT };

/* tty: draw on the terminal and take keys; else only signals and ticks matter. watch: also wake
 * when the table of the home changes. False: said. */
bool screen_begin(bool tty, bool watch, uint64_t interval_ns);
void screen_end(void);

/* Begin a frame, end each line, end the frame. Without a terminal a line break and nothing else. */
void screen_home(void);
void screen_line(void);
void screen_done(void);

/* Sleep until something happens or until_boot_ns has come (SCREEN_TICK). Leaves the terminal to
 * SIGTERM and others as it was: screen_end() is the caller's to call after SCREEN_QUIT. */
enum screen_event screen_wait(uint64_t until_boot_ns);

#endif
