/*
 * cli/tablewatch.h - the table's changes as a descriptor, for who waits for other things as well.
 */
#ifndef CLI_TABLEWATCH_H
#define CLI_TABLEWATCH_H

#include <stdint.h>

/* A descriptor that can be read whenever the table of the home has changed, or is there again; one
 * that was made again is noticed within interval_ns. Or -errno. Both it and the thread behind it
 * stay until the program ends. */
int tablewatch_open(uint64_t interval_ns);
/* Read it; -1: nothing to do. */
void tablewatch_take(int fd);

#endif
