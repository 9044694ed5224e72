/*
 * registry/parts.h - the parts that an agent is put together from: values of a body, capabilities,
 * dependencies. PURE. For agents.c and stored.c only.
 */
#ifndef REGISTRY_PARTS_H
#define REGISTRY_PARTS_H

#include "registry/agents.h"

const cJSON *parts_get(const cJSON *o, const char *key);
/* The text of a key, or otherwise where it is missing or null. NULL: f says that it is not a text,
 * or longer than max bytes. */
const char *parts_text(
	const cJSON *o, const char *key, const char *otherwise, size_t max, struct fault *f);

/* Add to an object under a key that lives for ever; the item is taken over in any case, NULL is a
 * failure. */
bool parts_add(cJSON *to, const char *key, cJSON *item);
bool parts_add_text(cJSON *to, const char *key, const char *text);
/* A copy of what the body has, if it is of this kind, else an empty one. */
cJSON *parts_copy(const cJSON *item, bool list);
/* Add to a list; the item is taken over in any case. NULL: no memory. */
cJSON *parts_new_in(cJSON *list, cJSON *item);

/* A capability of a tool or of the first generation, added to the list. False: f says why, or
 * memory ran out. */
bool parts_capability(
	cJSON *list, const cJSON *from, const char *name, const char *function, struct fault *f);
/* The dependencies of a function: into a->requests, and their names into the entry's list. False:
 * as above. */
bool parts_requests(
	struct agent *a, cJSON *names, const cJSON *list, const char *function, struct fault *f);

/* Put what is only ever shown (schemas and the like) into the tree as text: a value of a body of a
 * few bytes would else take a hundred for as long as its agent is known. False: no memory. */
bool parts_slim(cJSON *entry);
/* How many values a tree has. */
size_t parts_count(const cJSON *item);

#endif
