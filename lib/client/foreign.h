/*
 * client/foreign.h - what the reference's CLI has started and written into processes.json: it is
 * shown, not supervised, and its entries are left alone.
 *
 * An entry counts while a process with that pid runs with that very command and did not begin later
 * than written down: a pid alone proves nothing.
 */
#ifndef CLIENT_FOREIGN_H
#define CLIENT_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/home.h"
#include "client/outcome.h"

struct foreign {
	cJSON *doc;	     /* private */
	const cJSON **entry; /* those that live; the name is ->string */
	size_t n;
};

/* Usually one look at the file's end: nothing there. What can't be read is nothing. Free it with
 * foreign_done(). */
void foreign_load(const struct home *h, struct foreign *ret);
void foreign_done(struct foreign *f);

int foreign_pid(const cJSON *entry);
/* The agent's file, NULL for a registry. */
const char *foreign_file(const cJSON *entry);


/* Does a process of that name live so? Then that is a complaint. */
bool foreign_complain(struct outcomes *oc, const struct home *h, const char *name);

#endif
