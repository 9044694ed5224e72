/* client/report.c - what became of requests (client/report.h). */
#include "client/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* The spawner's sentence, or at least the system's. */
static void fail(struct outcomes *oc, const struct ask *a)
{
	const char *text = a->answer.text;
	size_t len = strlen(a->req.name);

	if (!text[0])
		text = strerror(
			a->answer.code < 0 && a->answer.code > -4096 ? -a->answer.code : EIO);
	outcome_add(oc, a->req.name, OUTCOME_FAILED, a->answer.pid, text);
	if (strncmp(text, a->req.name, len) == 0 &&
		(text[len] == ':' || text[len] == ' ')) /* it begins with the name already */
		outcome_complain(oc, "%s", text);
	else
		outcome_complain(oc, "%s: %s", a->req.name, text);
}

static bool failed(const struct ask *a)
{
	return a->answer.code != 0 && a->answer.code != -EALREADY;
}

/* The spawner's answer to what launches a process names what the kernel kept from it; other answers
 * say other things. */
static void warn_refused(struct outcomes *oc, const struct ask *a)
{
	if ((a->req.kind == PT_COMMAND_START || a->req.kind == PT_COMMAND_RESTART) &&
		a->answer.code == 0 && a->answer.text[0])
		outcome_complain(oc,
			"%s: the kernel does not let the daemons give it all that you have here: "
			"%s; \"tend doctor\" shows what they have",
			a->req.name, a->answer.text);
}

size_t report_starts(struct outcomes *oc, const struct ask *a, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			fail(oc, &a[i]);
			bad++;
			continue;
		}
		outcome_add(oc, a[i].req.name,
			a[i].answer.code == -EALREADY ? OUTCOME_ALREADY_RUNNING : OUTCOME_STARTED,
			a[i].answer.pid, NULL);
		warn_refused(oc, &a[i]);
	}
	return bad;
}

static void add_killed(struct outcomes *oc, const struct instance *in, const struct ask *a)
{
	char span[CLOCK_TEXT_MAX], words[CLOCK_TEXT_MAX + 40];
	struct pt_row row;
	uint64_t ms = 0;

	if (a->req.flags & PT_FLAG_TIMEOUT)
		ms = a->req.timeout_ms;
	else if (pt_find(in->pt, a->req.name, &row) == 0)
		ms = row.ident.stop_timeout_ms;
	snprintf(words, sizeof(words), "killed (did not end within %s)",
		clock_span(ms * NS_PER_MS, span));
	outcome_add(oc, a->req.name, OUTCOME_KILLED, a->answer.pid,
		(a->req.flags & PT_FLAG_FORCE) || ms == 0 ? NULL : words);
}

size_t report_stops(struct outcomes *oc, const struct instance *in, const struct ask *a, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			fail(oc, &a[i]);
			bad++;
		} else if (a[i].answer.code == -EALREADY) {
			outcome_add(oc, a[i].req.name, OUTCOME_NOT_RUNNING, 0, NULL);
		} else if (a[i].answer.detail == 1) {
			add_killed(oc, in, &a[i]);
		} else {
			outcome_add(oc, a[i].req.name, OUTCOME_STOPPED, a[i].answer.pid, NULL);
		}
	}
	return bad;
}

size_t report_done(struct outcomes *oc, const struct ask *a, size_t n, enum outcome_kind kind,
	const char *words)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		if (failed(&a[i])) {
			fail(oc, &a[i]);
			bad++;
		} else {
			outcome_add(oc, a[i].req.name, kind, a[i].answer.pid, words);
			if (kind == OUTCOME_RESTARTED) /* no other answer is about a launch */
				warn_refused(oc, &a[i]);
		}
	}
	return bad;
}
