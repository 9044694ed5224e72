/*
 * cli/surroundings.h - what this command has from its shell, and a process that it starts is to
 * have as well.
 */
#ifndef CLI_SURROUNDINGS_H
#define CLI_SURROUNDINGS_H

#include "config/spec.h"

/* The first thing of main(): note umask and limits, which are changed afterwards. From here on the
 * umask takes nothing from ourselves. */
void surroundings_note(void);
/* All of it into a specification. */
void surroundings_take(struct spec *s);

#endif
