/*
 * spawner/handover.h - what a spawner that ends in order tells the next one beside the table:
 * run/handover, a text that any build can read.
 *
 * The table serves spawners of the same layout. After an upgrade to another one the guardian has
 * made a new table, and this file fills it: who is known and how each of them is (the life block),
 * and the events. It is the truth until the next spawner has taken it, since nobody decides
 * anything in between; each spawner takes it and removes it.
 */
#ifndef SPAWNER_HANDOVER_H
#define SPAWNER_HANDOVER_H

#include "spawner/spawner.h"

/* Write it; the last thing that a spawner does. First whatever has ended is judged. A failure is
 * said: then the next one has processes.json. */
void handover_write(struct spawner *sp);

/* Make the rows that the table lacks, and the events if it has none; *n counts the rows made.
 * False: there is none, or none of this boot. */
bool handover_take(struct spawner *sp, unsigned *n);
void handover_forget(struct spawner *sp);

#endif
