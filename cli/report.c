/* cli/report.c - telling what became of requests (cli/report.h). */
#include "cli/report.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/out.h"

/* The spawner's sentence, or at least the system's. */
static void complain(const struct ask *a)
{
	const char *text = a->answer.text;
	size_t len = strlen(a->req.name);

	if (!text[0])
		text = strerror(a->answer.code < 0 && a->answer.code > -4096 ? -a->answer.code : EIO);
	if (strncmp(text, a->req.name, len) == 0 &&
		(text[len] == ':' || text[len] == ' ')) /* it begins with the name already */
		out_fail("%s", text);
	else
		out_fail("%s: %s", a->req.name, text);
}

static bool failed(const struct ask *a)
{
	return a->answer.code != 0 && a->answer.code != -EALREADY;
}

static void print_with_pid(const struct ask *a, const char *what)
{
	if (a->answer.pid > 0)
		printf("%s: %s (pid %d)\n", a->req.name, what, a->answer.pid);
	else
		printf("%s: %s\n", a->req.name, what);
}

size_t report_starts(const struct ask *a, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			complain(&a[i]);
			bad++;
		} else {
			print_with_pid(&a[i], a[i].answer.code == -EALREADY ? "already running" : "started");
		}
	}
	return bad;
}

static void print_killed(const struct instance *in, const struct ask *a)
{
	char span[CLOCK_TEXT_MAX];
	struct pt_row row;
	uint64_t ms = 0;

	if (a->req.flags & PT_FLAG_TIMEOUT)
		ms = a->req.timeout_ms;
	else if (pt_find(in->pt, a->req.name, &row) == 0)
		ms = row.ident.stop_timeout_ms;
	if ((a->req.flags & PT_FLAG_FORCE) || ms == 0)
		printf("%s: killed\n", a->req.name);
	else
		printf("%s: killed (did not end within %s)\n", a->req.name, clock_span(ms * NS_PER_MS, span));
}

int report_stops(const struct instance *in, const struct ask *a, size_t n)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			complain(&a[i]);
			status = EXIT_FAIL;
		} else if (a[i].answer.code == -EALREADY) {
			printf("%s: not running\n", a[i].req.name);
		} else if (a[i].answer.detail == 1) {
			print_killed(in, &a[i]);
		} else {
			printf("%s: stopped\n", a[i].req.name);
		}
	}
	return status;
}

int report_done(const struct ask *a, size_t n, const char *done)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			complain(&a[i]);
			status = EXIT_FAIL;
		} else {
			print_with_pid(&a[i], done);
		}
	}
	return status;
}
