/*
 * client/listed.h - what the registry listed last, as the monitor wrote it down
 * (HOME/run/agents.json): what is not in the table.
 */
#ifndef CLIENT_LISTED_H
#define CLIENT_LISTED_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/home.h"
#include "client/view.h"

struct listed_agent {
	const cJSON *entry;
	const char *id;
	bool ours; /* a live process of tend is listed under this id, or one bears it as its name */
};

struct listed {
	cJSON *agents;
	struct listed_agent *agent; /* sorted by id */
	size_t n;
};

/* Nothing where the registry does not answer, or nothing can be read. Free it with
 * listed_done(). */
void listed_load(const struct home *h, const struct view *v, struct listed *ret);
void listed_done(struct listed *l);

/* Does the registry list this process, and is it running? */
bool listed_has(const struct view_row *r);
/* The reference's word: registered, running_unregistered, or what the process does. */
const char *listed_word(const struct view_row *r);
/* The entry of a process that it lists, or NULL (also where l is). */
const cJSON *listed_entry(const struct listed *l, const struct view_row *r);

/* A text of an entry, "" where it has none. */
const char *listed_text(const cJSON *entry, const char *key);
/* healthy, degraded or unhealthy. */
const char *listed_health(const cJSON *entry);
/* The names of its capabilities as one text, cut with an ellipsis where buf is too small; "-" where
 * there are none. Returns buf. */
const char *listed_capabilities(const cJSON *entry, char *buf, size_t size);

#endif
