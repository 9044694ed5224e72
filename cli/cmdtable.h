/*
 * cli/cmdtable.h - the table of commands.
 */
#ifndef CLI_CMDTABLE_H
#define CLI_CMDTABLE_H

#include "cli/cmd.h"

/* In the order in which they are listed, NULL behind the last; then those that only programs call,
 * and NULL again. */
extern const struct command *const cmdtable[];

#endif
