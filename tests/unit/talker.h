/*
 * tests/unit/talker.h - what the tests of tend-logger share: a home with a hand-made segment, rows
 * whose FIFO we read a little as the guardian would, and a process that writes numbered lines.
 * Failures end the test (Check).
 */
#ifndef TESTS_UNIT_TALKER_H
#define TESTS_UNIT_TALKER_H

#include <stdatomic.h>

#include "tests/unit/instance.h"

extern struct instance in;
extern int talker_keeper; /* the read end of the row added last; may be closed */

void talker_setup(void);
void talker_teardown(void);

/* A row and its FIFO, of which a read end is held as the guardian does; returns the slot. */
uint32_t talker_add(const char *name);
struct pt_log talker_block(uint32_t slot);
/* The writing end of run/FIFO. */
int talker_open(const char *fifo);
void talker_put(int fd, const char *text);

struct tally { /* shared with the writer */
	_Atomic uint64_t lines, bytes;
	_Atomic bool stop;
};

/* Numbered lines of varying length, until told to stop. */
pid_t talker_start(const char *fifo, struct tally **ret);
/* NULL, or what is wrong with the text that it should have written. */
const char *talker_wrong(const char *text, uint64_t lines);

#endif
