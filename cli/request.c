/* cli/request.c - the same request for several processes (cli/request.h). */
#include "cli/request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/tell.h"
#include "client/daemons.h"
#include "client/pick.h"
#include "client/report.h"
#include "client/shutdown.h"
#include "client/stored.h"

static int send_all(struct outcomes *oc, struct instance *in, const struct request *q,
	const char *const *names, size_t n)
{
	struct ask_patience patience = { .doing = q->doing, .oc = oc };
	struct ask *a = calloc(n + 1, sizeof(*a));
	struct fault f = { "" };
	int status;

	if (!a)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++) {
		a[i].req = q->like;
		str_copy(a[i].req.name, sizeof(a[i].req.name), names[i]);
	}
	status = ask_all(in, a, n, &patience, &f) < 0	   ? TELL_FAIL(oc, "%s", f.text)
		: report_done(oc, a, n, q->done, q->words) ? EXIT_FAIL
							   : EXIT_OK;
	free(a);
	return status;
}

static int send_picked(struct outcomes *oc, struct instance *in, const struct request *q,
	const struct view *v, char **names, size_t n)
{
	const char **found_names = calloc(v->n + 1, sizeof(*found_names));
	struct picked p = { .n = 0 };
	size_t found = 0;
	int status = EXIT_OK;

	if (!found_names || pick_rows(oc, v, &in->home, names, n, &p) < 0) {
		free(found_names);
		return TELL_FAIL(oc, "out of memory");
	}
	for (size_t i = 0; n == 0 && i < v->n; i++)
		if (view_is_up(&v->row[i]))
			found_names[found++] = v->row[i].row.ident.name;
	for (size_t i = 0; i < p.n; i++)
		found_names[found++] = p.row[i]->row.ident.name;
	if (found)
		status = send_all(oc, in, q, found_names, found);
	else if (n == 0)
		status = TELL_FAIL(oc, "nothing is running");
	status = p.unknown ? EXIT_FAIL : status;
	picked_done(&p);
	free(found_names);
	return status;
}

/* No instance runs, but these processes are known from before: start the daemons for them, and end
 * those again that nothing needs. */
static int send_stored(struct outcomes *oc, const struct request *q, const struct home *known,
	char **names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool started = false;
	size_t unknown = 0;
	int status;

	for (size_t i = 0; i < n; i++)
		if (pick_is_pattern(names[i]) || !stored_has(NULL, names[i])) {
			pick_nowhere(oc, known, names[i]);
			unknown++;
		}
	if (unknown)
		return EXIT_FAIL;
	if (home_open(NULL, HOME_CREATE, &in.home, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	if (q->like.kind == PT_COMMAND_SIGNAL && !instance_left(&in.home)) {
		instance_close(&in);
		return TELL_FAIL(oc, "%s does not run", names[0]);
	}
	if (daemons_ensure(&in.home, &started, oc->watcher, &f) < 0 ||
		(in.access = PT_CLIENT, instance_attach(&in, &f)) < 0) {
		instance_close(&in);
		return TELL_FAIL(oc, "%s", f.text);
	}
	status = send_all(oc, &in, q, (const char *const *)names, n);
	if (q->like.kind == PT_COMMAND_REMOVE && started && shutdown_idle(&in, oc->watcher, &f) < 0)
		status = TELL_FAIL(oc, "%s", f.text);
	instance_close(&in);
	return status;
}

int request_run(struct outcomes *oc, const struct request *q, char **names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, NULL, PT_CLIENT, &f), status;

	if (r == -ENOENT)
		status = n ? send_stored(oc, q, &in.home, names, n)
			   : TELL_FAIL(oc, "nothing is running");
	else if (r < 0)
		status = TELL_FAIL(oc, "%s", f.text);
	else if (view_load(&in, &v) < 0)
		status = TELL_FAIL(oc, "out of memory");
	else
		status = send_picked(oc, &in, q, &v, names, n);
	view_done(&v);
	instance_close(&in);
	return status;
}
