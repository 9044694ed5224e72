/* cli/tell.c - telling what was done (cli/tell.h). */
#include "cli/tell.h"

#include <errno.h>

#include "cli/doc.h"
#include "cli/out.h"
#include "cli/printjson.h"

static void hear_all(bool complaint, const char *text)
{
	if (complaint)
		out_warn("%s", text);
	else
		printf("%s\n", text);
}

static void hear_complaints(bool complaint, const char *text)
{
	if (complaint)
		out_warn("%s", text);
}

struct outcomes tell_begin(bool json)
{
	return (struct outcomes){ .keep = json, .hear = json ? hear_complaints : hear_all };
}

int tell_finish(struct outcomes *oc, const struct command *c, bool json, int status)
{
	struct json_out o = { .error = oc->lost ? -ENOMEM : 0 };
	int printed = EXIT_OK;

	if (json && status != EXIT_MISUSE) {
		doc_acts(&o, c->name, status == EXIT_OK, oc);
		printed = printjson(&o);
	}
	outcomes_done(oc);
	return status == EXIT_OK ? printed : status;
}
