/*
 * config/fields.h - a JSON object into a struct, by a table of its keys: type, range and place of
 * each.
 *
 * INCLUDED BY config/ only. path is what the object is called in complaints ("health.limits").
 */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/fault.h"

enum field_type {
	F_BOOL,
	F_MS,	 /* a number of seconds, kept as milliseconds */
	F_COUNT, /* a whole number */
	F_BYTES,
	F_TEXT,	 /* one line */
	F_URL,	 /* one line: an address that can be asked by HTTP; min 1 = not empty */
	F_REGEX, /* one line that is an extended regular expression */
	F_ARGV,	 /* a list of texts, malloc'ed in one piece */
	F_OTHER, /* known, and read by someone else */
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset, size;
	double min, max;
};

#define FIELD(s, key, type, member, min, max) \
	{ \
		key, type, offsetof(struct s, member), sizeof(((struct s *)0)->member), min, max \
	}

/* All keys of an object, each of them in fields (which end with a NULL key), into the struct at
 * base. -EINVAL: f says what is wrong. */
int fields_read(
	const cJSON *o, const struct field *fields, const char *path, void *base, struct fault *f);
/* One list of texts; *ret is replaced, and freed as one piece. */
int fields_read_argv(
	const cJSON *item, const char *path, const char *key, char ***ret, struct fault *f);
/* One text, F_TEXT, F_URL or F_REGEX, into the array of d->size bytes at to. */
int fields_read_text(
	const cJSON *item, const struct field *d, const char *path, char *to, struct fault *f);

#endif
