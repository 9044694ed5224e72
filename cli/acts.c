/* cli/acts.c - what was done, as JSON (cli/acts.h). */
#include "cli/acts.h"

#include <errno.h>
#include <string.h>

#include "cli/doc.h"
#include "cli/out.h"
#include "cli/printjson.h"

static bool wanted;
static struct outcomes all;

static void add_complaint(const char *text)
{
	(void)outcome_complain(&all, "%s", text);
}

void acts_begin(void)
{
	if (wanted)
		return;
	wanted = true;
	out_divert(add_complaint);
}

void acts_note(const char *name, const char *result, int32_t pid, const char *error)
{
	unsigned kind = 0;

	while (kind < OUTCOME_MAX && strcmp(outcome_word(kind), result) != 0)
		kind++;
	if (wanted)
		outcome_add(&all, name, kind, pid, error);
}

void acts_registered(const char *name, bool registered)
{
	outcome_registered(&all, name, registered);
}

void acts_daemons(const char *what)
{
	all.daemons = what;
}

int acts_finish(const char *command, int status)
{
	struct json_out o = { .error = all.lost ? -ENOMEM : 0 };
	int printed = status;

	if (!wanted)
		return status;
	out_divert_end();
	if (status != EXIT_MISUSE) {
		doc_acts(&o, command, status == EXIT_OK, &all);
		printed = printjson(&o);
	}
	wanted = false;
	outcomes_done(&all);
	return status == EXIT_OK ? printed : status;
}
