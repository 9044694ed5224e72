/*
 * registry/json.h - text in and out: what of a request's body may reach the JSON parser, and a
 * buffer for answers.
 */
#ifndef REGISTRY_JSON_H
#define REGISTRY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/fault.h"

#define JSON_DEPTH_MAX 32u
/* of a body; each takes about a hundred bytes when it is parsed, whatever it takes in the body */
#define JSON_VALUES_MAX 50000u

/* Parse a body: valid UTF-8 without NUL, at most JSON_DEPTH_MAX levels and JSON_VALUES_MAX values,
 * one object. NULL: f says what is wrong. Release with cJSON_Delete(). */
cJSON *json_object(const char *text, size_t len, struct fault *f);
/* The same for what was made of a body and stored, which has more of both. */
cJSON *json_stored(const char *text, size_t len, struct fault *f);

/* A growing text. Zero it to start; after a failed allocation, or where it would become longer than
 * max, everything is ignored and ok is what tells: buf_ok(). */
struct buf {
	char *text;
	size_t len, cap, max; /* max 0: none */
	bool failed;
};

void buf_free(struct buf *b);
bool buf_ok(const struct buf *b);
/* Its text, in no more memory than it needs, to be freed by the caller; the buffer is empty then.
 * Only for one that is ok and not empty. */
char *buf_take(struct buf *b);
void buf_add(struct buf *b, const char *bytes, size_t n);
void buf_text(struct buf *b, const char *text);
void buf_print(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes. */
void buf_string(struct buf *b, const char *text);
/* An RFC 3339 time with quotes; null for 0. */
void buf_time(struct buf *b, uint64_t real_ns);

#endif
