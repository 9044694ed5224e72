/* cli/report.c - telling what became of requests (cli/report.h). */
#include "cli/report.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/acts.h"
#include "cli/out.h"

/* The spawner's sentence, or at least the system's. */
static void complain(const struct ask *a)
{
	const char *text = a->answer.text;
	size_t len = strlen(a->req.name);

	if (!text[0])
		text = strerror(
			a->answer.code < 0 && a->answer.code > -4096 ? -a->answer.code : EIO);
	acts_note(a->req.name, "failed", a->answer.pid, text);
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

/* The spawner's answer names what the kernel kept from the process. */
static void warn_refused(const struct ask *a)
{
	if (a->answer.code == 0 && a->answer.text[0])
		out_warn(
			"%s: the kernel does not let the daemons give it all that you have here: %s; \"tend doctor\" shows what they have",
			a->req.name, a->answer.text);
}

size_t report_starts(const struct ask *a, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			complain(&a[i]);
			bad++;
		} else {
			bool before = a[i].answer.code == -EALREADY;

			print_with_pid(&a[i], before ? "already running" : "started");
			warn_refused(&a[i]);
			acts_note(a[i].req.name, before ? "already_running" : "started",
				a[i].answer.pid, NULL);
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
		printf("%s: killed (did not end within %s)\n", a->req.name,
			clock_span(ms * NS_PER_MS, span));
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
			acts_note(a[i].req.name, "not_running", 0, NULL);
		} else if (a[i].answer.detail == 1) {
			print_killed(in, &a[i]);
			acts_note(a[i].req.name, "killed", a[i].answer.pid, NULL);
		} else {
			printf("%s: stopped\n", a[i].req.name);
			acts_note(a[i].req.name, "stopped", a[i].answer.pid, NULL);
		}
	}
	return status;
}

int report_done(const struct ask *a, size_t n, const char *done, const char *result)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			complain(&a[i]);
			status = EXIT_FAIL;
		} else {
			print_with_pid(&a[i], done);
			warn_refused(&a[i]);
			acts_note(a[i].req.name, result, a[i].answer.pid, NULL);
		}
	}
	return status;
}
