/*
 * spawner/wishes.h - notes what is asked for since processes.json was last written
 * (config/wishes.h).
 *
 * That file is written whole and synced, which takes as long as the disk does. A change of what is
 * desired is noted here first, by one write into the page cache, before it is carried out and
 * answered: so it outlives all daemons and the table, if not the power. It is needed only where the
 * table is lost, and removed once processes.json says the same.
 */
#ifndef SPAWNER_WISHES_H
#define SPAWNER_WISHES_H

#include <stdbool.h>

#include "config/wishes.h"

struct spawner;

struct wishes {		 /* zero, but fd -1: unknown whether an earlier spawner left some */
	int fd;		 /* of the file, for appending; -1 = not opened yet */
	bool none;	 /* there is no such file */
	bool torn;	 /* its last line may lack its end */
	unsigned noted;	 /* by us */
	unsigned saving; /* so many had been when the save under way began */
};

/* Note it. What can't be noted (a full disk) counts from the next save on. */
void wishes_note(struct spawner *sp, const char *name, enum wish wish);
/* The same for a process that processes.json may not know: only where something else is noted about
 * the name, perhaps. */
void wishes_note_new(struct spawner *sp, const char *name);

/* Call take for each line in order. */
void wishes_read(
	struct spawner *sp, void (*take)(void *arg, const char *name, enum wish wish), void *arg);

/* processes.json is about to be written; it has been. */
void wishes_saving(struct spawner *sp);
void wishes_saved(struct spawner *sp);

#endif
