/*
 * cli/shell.h - what this command has from its shell, noted before anything changes it.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>

#include "client/surroundings.h"

/* The first thing of main(). */
void shell_note(void);
const struct shell *shell_own(void);

/* Is the caller free of registries by $TEND_REGISTRY=none? */
bool shell_has_no_registry(void);

#endif
