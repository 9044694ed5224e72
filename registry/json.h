/*
 * registry/json.h - what of a request's body may reach the JSON parser, and how answers are
 * written.
 */
#ifndef REGISTRY_JSON_H
#define REGISTRY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/fault.h"
#include "json/write.h"

#define JSON_DEPTH_MAX 32u
/* of a body; each takes about a hundred bytes when it is parsed, whatever it takes in the body */
#define JSON_VALUES_MAX 50000u

/* Parse a body: valid UTF-8 without NUL, at most JSON_DEPTH_MAX levels and JSON_VALUES_MAX values,
 * one object. NULL: f says what is wrong. Release with cJSON_Delete(). */
cJSON *json_object(const char *text, size_t len, struct fault *f);
/* The same for what was made of a body and stored, which has more of both. */
cJSON *json_stored(const char *text, size_t len, struct fault *f);

/* An answer that is still empty: it is for programs, and no longer than that. */
#define JSON_ANSWER(longest) \
	((struct json_out){ .one_line = true, .plain = true, .max = (longest) })

#endif
