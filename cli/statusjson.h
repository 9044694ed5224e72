/*
 * cli/statusjson.h - the document that "tend status --json" prints: registry, agents and system as
 * the reference has them, and beside them every process and daemon.
 */
#ifndef CLI_STATUSJSON_H
#define CLI_STATUSJSON_H

#include "client/view.h"

/* rows NULL: all of them. Returns an exit status. */
int statusjson_print(const struct view *v, struct view_row *const *rows, size_t n);

#endif
