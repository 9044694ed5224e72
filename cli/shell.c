/* cli/shell.c - what this command has from its shell (cli/shell.h). */
#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct shell own;

void shell_note(void)
{
	surroundings_note(&own, environ);
}

const struct shell *shell_own(void)
{
	return &own;
}

bool shell_has_no_registry(void)
{
	const char *text = getenv("TEND_REGISTRY");

	return text && strcmp(text, "none") == 0;
}
