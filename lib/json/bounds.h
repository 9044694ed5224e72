/*
 * json/bounds.h - what of a text from outside may reach the parser: cJSON recurses, takes memory by
 * the number of values (some hundred bytes each, whatever it takes in the text), and lets any bytes
 * pass. All three are decided here, in one pass that needs no memory.
 */
#ifndef JSON_BOUNDS_H
#define JSON_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

struct json_bounds {
	unsigned levels; /* of objects and lists; 0 = as many as the parser takes */
	size_t values;
	bool utf8; /* valid UTF-8 without NUL alone */
};

/* 0, or what is exceeded at byte *ret_at: -ELOOP levels, -EFBIG values, -EILSEQ no UTF-8. What is
 * no JSON at all passes: the parser says so. */
int json_look_over(const char *text, size_t len, const struct json_bounds *b, size_t *ret_at);

#endif
