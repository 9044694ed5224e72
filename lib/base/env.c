/* base/env.c - see base/env.h. */
#include "base/env.h"

#include <stddef.h>
#include <string.h>

const char *env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (**env == *name && strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}
