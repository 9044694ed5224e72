/*
 * client/surroundings.h - what a program has from its shell, and a process that it starts is to
 * have as well.
 */
#ifndef CLIENT_SURROUNDINGS_H
#define CLIENT_SURROUNDINGS_H

#include <sys/types.h>

#include "config/spec.h"

/* What is changed afterwards, or would have to be asked of the environment. */
struct shell {
	mode_t umask;
	uint32_t given; /* which limits are known: 1 << RLIMIT_... */
	struct rlimit limit[RLIM_NLIMITS];
	char *const *env; /* NULL-terminated, the caller's */
};

/* The first thing of main(): note umask and limits, and whose environment it is. From here on the
 * umask takes nothing from ourselves. */
void surroundings_note(struct shell *ret, char *const *env);
/* All of it but the environment into a specification, and what can be asked at any time: priorities
 * and processors. */
void surroundings_take(const struct shell *shell, struct spec *spec);

#endif
