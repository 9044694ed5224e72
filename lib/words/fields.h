/*
 * words/fields.h - every field of the table under the name that shm/table.h gives it: one list, for
 * text and for JSON.
 */
#ifndef WORDS_FIELDS_H
#define WORDS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/table.h"

struct table_field {
	const char *block, *key;
	size_t offset, size;
	bool is_text, is_signed; /* signed ones have 32 bits */
};

/* They lie where the fields of these begin. */
struct fields_daemon {
	struct pt_daemon daemon;
};
struct fields_monitor {
	struct pt_monitor state;
};

/* Each ends with a zeroed one; those of a block follow one another. */
extern const struct table_field fields_row[];	  /* of struct pt_row */
extern const struct table_field fields_daemon[];  /* of struct fields_daemon */
extern const struct table_field fields_monitor[]; /* of struct fields_monitor */

/* An unsigned field of the struct at base. */
uint64_t field_unsigned(const struct table_field *fd, const void *base);

#endif
