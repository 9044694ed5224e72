/*
 * cli/program.h - the name under which this program was called.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stdio.h>

/* "tend", or "mcp_mesh_dev" where it is installed under the reference's name. */
const char *program_name(void);
/* Print a text of our own in which commands are quoted or stand as examples ("tend status"), under
 * the name of the program. */
void program_text(FILE *to, const char *text);

#endif
