/*
 * cli/eventjson.h - an event as JSON, for events and why.
 */
#ifndef CLI_EVENTJSON_H
#define CLI_EVENTJSON_H

#include <cjson/cJSON.h>

#include "shm/events.h"

/* The caller's; NULL when out of memory. */
cJSON *eventjson(const struct pt_event *e);

#endif
