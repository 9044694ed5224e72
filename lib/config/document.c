/*
 * config/document.c - cJSON answers NULL for what is no JSON and for a lack of memory alike: its
 * own allocations are watched meanwhile.
 */
#include "config/document.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool refused;

static void *take(size_t size)
{
	void *p = malloc(size);

	refused |= p == NULL;
	return p;
}

int document_parse(const char *text, size_t len, const char **ret_at, cJSON **ret)
{
	cJSON_Hooks hooks = { .malloc_fn = take, .free_fn = free };

	refused = false;
	cJSON_InitHooks(&hooks);
	*ret = cJSON_ParseWithLengthOpts(text, len, ret_at, 0);
	cJSON_InitHooks(NULL);
	return *ret ? 0 : refused ? -ENOMEM : -EINVAL;
}
