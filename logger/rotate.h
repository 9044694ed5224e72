/* logger/rotate.h - when a stream's file is full or old. Asked by who moves the bytes, it answers
 * how far they may go. */
#ifndef LOGGER_ROTATE_H
#define LOGGER_ROTATE_H

#include "logger/logger.h"

/* How far may the next bytes go? Rotates where that is due and a line ends; *size is then 0 and the
 * file another. *want is lowered so that the bytes end at the limit or at a line end. 0, -EAGAIN:
 * nothing is in the pipe, or another -errno of the file. */
int rotate_step(struct stream *st, off_t *size, uint64_t *want);
void rotate_first_byte(struct stream *st); /* the file has one now: its age begins */
void rotate_here(struct stream *st); /* in the next step, even inside a line: the file can't grow */
/* By command: at the next line end. False: the file is empty. The stream is to be drained then, and
 * rotate_answer() tells what came of it. 1: done; 0: when the line that is being written ends;
 * -errno: it failed. */
bool rotate_ask(struct stream *st);
int rotate_answer(const struct stream *st);
/* the size at which a file should end so that its last line can still be finished below the limit
 * on file sizes */
uint64_t rotate_file_max(void);

#endif
