/*
 * json/write.h - JSON as text that is whole, or known to have failed.
 *
 * A zeroed struct is an empty text. Each call appends one value, in the order of the calls; between
 * json_open() and json_close() values belong to that object or list. key is the member's name
 * inside an object, and NULL inside a list and at the top. After the first failure every call does
 * nothing, and json_end() tells of it: nobody has to look before. The text belongs to the struct,
 * and goes with json_free().
 *
 * Text from outside is safe to print: what is not UTF-8 becomes U+FFFD, and what a terminal would
 * act on (utf8_is_hidden()) is written as \uXXXX.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* levels of objects and lists (cJSON reads 1,000); more is a failure, -E2BIG */
#define JSON_WRITE_DEPTH 1024u

struct json_out {
	char *text; /* ends with a NUL; NULL = nothing yet */
	size_t len, room;
	uint64_t lists[JSON_WRITE_DEPTH / 64];	/* a bit for each level: 1 = it is a list */
	uint64_t filled[JSON_WRITE_DEPTH / 64]; /* a bit for each level: 1 = it has a value */
	unsigned depth;
	/* To be set before the first call: */
	bool one_line; /* no blanks and no line ends */
	bool plain;    /* for programs: only what JSON asks for is escaped, and as \u00XX */
	bool as_is;    /* what is not UTF-8 stays: it was somebody's file, and becomes it again */
	size_t max;    /* the longest text; 0 = any. A longer one is a failure, -EFBIG */
	int error;     /* 0 or -errno: the first failure */
};

void json_open(struct json_out *o, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_out *o);

void json_text(struct json_out *o, const char *key, const char *text); /* NULL: null */
/* a NUL becomes U+FFFD, too */
void json_bytes(struct json_out *o, const char *key, const char *bytes, size_t len);
void json_bool(struct json_out *o, const char *key, bool value);
void json_int(struct json_out *o, const char *key, int64_t value);
void json_u64(struct json_out *o, const char *key, uint64_t value);  /* all digits */
void json_number(struct json_out *o, const char *key, double value); /* not finite: null */
void json_fixed(struct json_out *o, const char *key, double value, unsigned decimals);
void json_null(struct json_out *o, const char *key);
void json_time(struct json_out *o, const char *key, uint64_t real_ns); /* RFC 3339; 0: null */
void json_seconds(struct json_out *o, const char *key, uint64_t ns);   /* to the millisecond */
/* What is JSON already, as it is: a value; or, in an object and with key NULL, whole members of
 * it. */
void json_raw(struct json_out *o, const char *key, const char *text, size_t len);

/* What should have been written could not be made: the text fails with this, a negative errno. */
void json_fail(struct json_out *o, int error);

/* 0: the text is whole. -ENOMEM, -E2BIG, -EFBIG, or -EINVAL: a bracket is still open. */
int json_end(const struct json_out *o);
/* The text, in no more memory than it needs, the caller's to free; o is empty then. NULL unless it
 * is whole. */
char *json_take(struct json_out *o);
void json_free(struct json_out *o); /* it is empty then, and can be used again */

#endif
