/* cli/usage.c - how a command is called (cli/usage.h). */
#include "cli/usage.h"

#include <stdlib.h>
#include <string.h>

#include "cli/program.h"

void usage_print(const struct command *c, FILE *to)
{
	const char *form = c->usage, *intro = "usage:";

	while (form) {
		size_t len = strcspn(form, "\n");

		fprintf(to, "%s %s %s%s%.*s\n", intro, program_name(), c->name, len ? " " : "",
			(int)len, form);
		intro = "      ";
		form = form[len] ? form + len + 1 : NULL;
	}
}

/* The options that every command has stand behind its own, in front of the examples. */
void usage_page(const struct command *c)
{
	static const char common[] = "  -h, --help   this page\n"
				     "  -q, --quiet  print nothing but errors\n";
	const char *examples = strstr(c->help, "Examples:\n");
	size_t len = examples ? (size_t)(examples - c->help) : strlen(c->help);
	char *own;

	while (len && c->help[len - 1] == '\n')
		len--;
	own = strndup(c->help, len);
	if (!own)
		return;
	printf("%s %s: %s\n\n", program_name(), c->name, c->summary);
	usage_print(c, stdout);
	putchar('\n');
	program_text(stdout, own);
	printf("%s%s", len ? "\n\n" : "", common);
	if (examples) {
		putchar('\n');
		program_text(stdout, examples);
	}
	free(own);
}
