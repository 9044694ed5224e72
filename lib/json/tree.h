/*
 * json/tree.h - what cJSON has read, written again.
 */
#ifndef JSON_TREE_H
#define JSON_TREE_H

#include <cjson/cJSON.h>

#include "json/write.h"

/* NULL: null. */
void json_tree(struct json_out *o, const char *key, const cJSON *item);

#endif
