/*
 * monitor/mcpstream.h - the answer to a JSON-RPC request among the events of a stream
 * (text/event-stream): the server may send notifications and requests of its own before. Pure; the
 * text is not trusted.
 */
#ifndef MONITOR_MCPSTREAM_H
#define MONITOR_MCPSTREAM_H

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

/* Look through the events of body from *at on, and leave *at behind the last that was whole. The
 * data of the first that answers request id, malloc'ed; NULL: none does. ended: what follows the
 * last empty line counts, too. */
char *mcpstream_next(const char *body, size_t *at, int id, bool ended);
/* Is it a result or an error of this request? */
bool mcpstream_is_reply(const struct cJSON *doc, int id);

#endif
