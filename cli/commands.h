/*
 * cli/commands.h - all commands, and from an argument vector to one of them.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cmd.h"

/* What main() does: find the command that argv[1] names in the table (cli/cmdtable.h), and run it.
 * Returns an exit status. The table is that of the functions below from then on: what is in it may
 * ask for the others, and does not know them. */
int commands_run(const struct command *const *table, int argc, char **argv);

/* Those that are listed, NULL behind the last. */
const struct command *const *commands_list(void);
/* NULL: no such command. */
const struct command *commands_find(const char *name);
/* The name of a command that looks like this one, or NULL. */
const char *commands_like(const char *name);
/* What "tend help" prints. */
void commands_overview(void);

#endif
