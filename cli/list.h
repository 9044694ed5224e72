/*
 * cli/list.h - which rows "tend list" shows, the same in text and in JSON.
 */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include <regex.h>

#include "cli/listed.h"

struct list {
	bool agents, services; /* what is asked for; none of both: agents, or what was named */
	const char *filter;    /* NULL: all */
	regex_t regex;	       /* the same, compiled */
	struct view_row **rows; /* those that were named; NULL = all */
	size_t n;
};

bool list_wants(const struct list *l, const struct view_row *r);
/* An agent that only the registry knows. */
bool list_wants_foreign(const struct list *l, const struct listed_agent *a);
/* The reference's word: registered, running_unregistered, or what the process does. */
const char *list_status(const struct view_row *r);

/* The JSON document. home: where the specifications are. Returns an exit status. */
int listjson_print(const struct list *l, const struct view *v, const struct home *h);

#endif
