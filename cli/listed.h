/*
 * cli/listed.h - what the registry listed last, as the monitor wrote it down (HOME/run/agents.json): what is not in the table.
 */
#ifndef CLI_LISTED_H
#define CLI_LISTED_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/home.h"
#include "cli/view.h"

/* The entries, an array; NULL where the registry does not answer, or nothing can be read. Free with cJSON_Delete(). */
cJSON *listed_load(const struct home *h, const struct view *v);

/* Does the registry list this process, and is it running? */
bool listed_has(const struct view_row *r);
/* The entry of a process that it lists, or NULL. */
const cJSON *listed_entry(const cJSON *listed, const struct view_row *r);
/* Is it an agent that tend does not run: no live process is listed under its id? */
bool listed_is_foreign(const cJSON *entry, const struct view *v);

/* A text of an entry, "" where it has none. */
const char *listed_text(const cJSON *entry, const char *key);
/* healthy, degraded or unhealthy. */
const char *listed_health(const cJSON *entry);

#endif
