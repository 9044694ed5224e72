/* cli/tell.c - telling what was done (cli/tell.h). */
#include "cli/tell.h"

#include <errno.h>

#include "cli/out.h"
#include "cli/printjson.h"
#include "term/term.h"
#include "words/doc.h"

static void hear(void *arg, enum heard kind, const char *text)
{
	(void)arg;
	if (kind == HEARD_COMPLAINT)
		out_warn("%s", text);
	else if (kind == HEARD_QUOTE)
		fprintf(stderr, "  %s\n", text);
	else
		printf("%s\n", text);
}

static void hear_trouble(void *arg, enum heard kind, const char *text)
{
	if (kind != HEARD_DONE)
		hear(arg, kind, text);
}

static void show(void *arg)
{
	(void)arg;
	(void)out_flush();
}

static void wait(void *arg, const char *what, uint64_t since_boot_ns)
{
	(void)arg;
	if (what)
		out_waiting(since_boot_ns, "%s", what);
	else
		out_progress(NULL);
}

static int stops(void *arg)
{
	(void)arg;
	return term_caught();
}

const struct watcher tell_watcher = { .hear = hear, .pause = show, .wait = wait, .stops = stops };
static const struct watcher trouble_alone = {
	.hear = hear_trouble, .pause = show, .wait = wait, .stops = stops
};

struct outcomes tell_begin(bool json)
{
	return (struct outcomes){ .keep = json, .watcher = json ? &trouble_alone : &tell_watcher };
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
