/*
 * cli/usage.h - how a command is called.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/cmd.h"

/* "usage: tend NAME ..." for each form. */
void usage_print(const struct command *c, FILE *to);
/* The whole page of one command, on stdout. */
void usage_page(const struct command *c);

#endif
