/* base/env.h - an environment as a list: "NAME=VALUE" entries, NULL at the end. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

/* The value of the first entry with that name, as getenv() has it of one's own environment; NULL:
 * there is none. env NULL: an empty list. */
const char *env_value(char *const *env, const char *name);

#endif
