/* cli/program.c - the name under which this program was called (cli/program.h). */
#include "cli/program.h"

#include <errno.h>
#include <string.h>

const char *program_name(void)
{
	static const char other[] = "mcp_mesh_dev";

	return strcmp(program_invocation_short_name, other) == 0 ? other : "tend";
}

/* Where "tend " begins a command: behind a quotation mark, or indented as an example. */
static const char *next_command(const char *text)
{
	for (const char *p = text; (p = strstr(p, "tend ")) != NULL; p += 5)
		if (p - text >= 1 &&
			(p[-1] == '"' ||
				(p[-1] == ' ' && p - text >= 2 && (p[-2] == ' ' || p[-2] == ':'))))
			return p;
	return NULL;
}

void program_text(FILE *to, const char *text)
{
	const char *p;

	while ((p = next_command(text)) != NULL) {
		fprintf(to, "%.*s%s", (int)(p - text), text, program_name());
		text = p + 4;
	}
	fputs(text, to);
}
