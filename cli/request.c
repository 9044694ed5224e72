/* cli/request.c - the same request for several processes (cli/request.h). */
#include "cli/request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/report.h"

static int send_all(struct instance *in, const struct request *q, struct view_row *const *rows, size_t n)
{
	struct ask_patience patience = { .doing = q->doing };
	struct ask *a = calloc(n + 1, sizeof(*a));
	struct fault f = { "" };
	int status;

	if (!a)
		return out_fail("out of memory");
	for (size_t i = 0; i < n; i++) {
		a[i].req = q->like;
		str_copy(a[i].req.name, sizeof(a[i].req.name), rows[i]->row.ident.name);
	}
	status = ask_all(in, a, n, &patience, &f) < 0 ? out_fail("%s", f.text) : report_done(a, n, q->done);
	free(a);
	return status;
}

static int send_picked(struct instance *in, const struct request *q, const struct view *v, char **names, size_t n)
{
	struct view_row **rows = calloc((n > v->n ? n : v->n) + 1, sizeof(*rows));
	size_t found = 0, unknown = 0;
	int status = EXIT_OK;

	if (!rows)
		return out_fail("out of memory");
	if (n)
		unknown = pick_rows(v, names, n, rows, &found);
	for (size_t i = 0; n == 0 && i < v->n; i++)
		if (view_is_up(&v->row[i]))
			rows[found++] = &v->row[i];
	if (found)
		status = send_all(in, q, rows, found);
	else if (n == 0)
		status = out_fail("nothing is running");
	free(rows);
	return unknown ? EXIT_FAIL : status;
}

int request_run(const struct request *q, char **names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, PT_CLIENT, &f), status;

	if (r == -ENOENT)
		status = n ? out_fail("no process is called %s: no instance of tend runs here", names[0])
			   : out_fail("nothing is running");
	else if (r < 0)
		status = out_fail("%s", f.text);
	else if (view_load(&in, &v) < 0)
		status = out_fail("out of memory");
	else
		status = send_picked(&in, q, &v, names, n);
	view_done(&v);
	instance_close(&in);
	return status;
}
