/* logread/complain.c - see logread/complain.h. */
#include "logread/complain.h"

#include <stdio.h>

void log_complain(const struct log_complain *c, const char *file, const struct fault *f)
{
	char text[FAULT_MAX + 300];

	if (!c || !c->fn)
		return;
	snprintf(text, sizeof(text), "%s: %s", file, f->text);
	c->fn(c->arg, text);
}
