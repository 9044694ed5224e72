/* client/enroll.c - waiting for registration (client/enroll.h). */
#include "client/enroll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "client/daemons.h"
#include "client/lastwords.h"
#include "client/phrase.h"

#define SLICE_NS       (1 * NS_PER_SEC)
#define SAYS_AFTER_NS  (2 * NS_PER_SEC)
#define SAYS_BYTES     160u
#define FIRST_SLICE_NS (NS_PER_SEC / 2) /* then the person is told what is awaited */

enum fate { WAITING, REGISTERED, ENDED };

struct entrant {
	const char *name;
	uint32_t life; /* the run that was started */
	enum fate fate;
};

/* Long enough for the logger to move what an agent said last. */
static void tell_end(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	const struct pt_row *row, const struct enroll_how *how)
{
	char end[PHRASE_MAX], said[LASTWORDS_MAX];

	instance_nap(20);
	if (row->life.launch_errno)
		outcome_complain(oc, "%s could not be started again: %s", e->name,
			strerror(row->life.launch_errno));
	else
		outcome_complain(oc, "%s %s before it was registered", e->name,
			phrase_exit(row->life.exit_kind, row->life.wait_status, end));
	if (!how->shown)
		outcome_quote(oc, lastwords(in->home.logs_fd, e->name, how->began_real_ns, said));
}

static bool is_on_this_machine(const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;

	host = host ? host + 3 : "";
	return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 ||
		strncmp(host, "[::1]", 5) == 0;
}

/* Or may it be an older answer, or what the run before left in the registry? That shows by the time
 * at which it was last seen, where the registry goes by our clock; one without fractions is the
 * beginning of its second. */
static bool is_of_this_run(const struct pt_row *row, const char *url)
{
	uint64_t seen = row->health.registry_seen_real_ns, began = row->life.start_real_ns;

	if (row->health.listed_real_ns < began)
		return false;
	if (seen % NS_PER_SEC == 0)
		seen += NS_PER_SEC - 1;
	return seen >= began || !row->health.registry_seen_real_ns || !is_on_this_machine(url);
}

static enum fate look(struct outcomes *oc, const struct instance *in, struct entrant *e,
	const struct enroll_how *how)
{
	struct pt_row row;

	if (pt_find(in->pt, e->name, &row) < 0)
		return ENDED; /* someone removed it */
	if (e->life == 0)
		e->life = row.life.life;
	if (row.life.life != e->life || !(pt_state_traits(row.life.state) & PT_TRAIT_UP)) {
		tell_end(oc, in, e, &row, how);
		return ENDED;
	}
	return row.health.gen == row.gen && row.health.life == row.life.life &&
			row.health.listing == PT_LISTING_LISTED && row.health.registry_alive &&
			is_of_this_run(&row, how->url)
		? REGISTERED
		: WAITING;
}

static size_t count(const struct entrant *e, size_t n, enum fate fate)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += e[i].fate == fate;
	return k;
}

/* "; it says: " and its last line, which may be why: only the agent knows what a registry that
 * refuses it has answered. */
static const char *says(const struct instance *in, const char *name, const struct enroll_how *how,
	char buf[static SAYS_BYTES])
{
	char said[LASTWORDS_MAX];
	const char *line;
	size_t len = strlen(lastwords(in->home.logs_fd, name, how->began_real_ns, said));

	buf[0] = 0;
	if (len == 0)
		return buf;
	said[len - 1] = 0; /* its newline */
	line = strrchr(said, '\n');
	strcpy(buf, "; it says: ");
	(void)str_copy(buf + strlen(buf), SAYS_BYTES - strlen(buf), line ? line + 1 : said);
	return buf;
}

static void tell_progress(const struct watcher *w, const struct instance *in,
	const struct entrant *e, size_t n, const struct enroll_how *how, uint64_t began)
{
	bool late = !how->shown && clock_boot_ns() - began >= SAYS_AFTER_NS;
	size_t waiting = count(e, n, WAITING);
	char said[SAYS_BYTES] = "", more[32] = "";
	const char *first = "";

	for (size_t i = n; i-- > 0;)
		first = e[i].fate == WAITING ? e[i].name : first;
	if (waiting > 1)
		snprintf(more, sizeof(more), " and %zu more", waiting - 1);
	watcher_wait(w, began, "waiting for %s%s to register%s", first, more,
		late ? says(in, first, how, said) : "");
}

static void wait_all(struct outcomes *oc, struct instance *in, struct entrant *e, size_t n,
	const struct enroll_how *how)
{
	uint64_t began = clock_boot_ns(), now, timeout_ns = how->timeout_s * NS_PER_SEC,
		 slice = FIRST_SLICE_NS;
	struct fault f;

	while ((now = clock_boot_ns()) - began < timeout_ns && watcher_stops(oc->watcher) == 0) {
		uint32_t seen = pt_changes(in->pt);
		uint64_t left = timeout_ns - (now - began);
		int r;

		for (size_t i = 0; i < n; i++)
			if (e[i].fate == WAITING)
				e[i].fate = look(oc, in, &e[i], how);
		if (count(e, n, WAITING) == 0)
			break;
		tell_progress(oc->watcher, in, e, n, how, began);
		r = pt_wait_change(in->pt, seen, left < slice ? left : slice);
		slice = SLICE_NS;
		if (r == -ETIMEDOUT &&
			(daemons_ensure(&in->home, NULL, oc->watcher, &f) < 0 ||
				(!instance_current(in) && instance_attach(in, &f) < 0)))
			break;
	}
	watcher_came(oc->watcher);
}

/* They are about to be ended, and with them goes what there is to see of why. */
static void quote(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	const struct enroll_how *how)
{
	char said[LASTWORDS_MAX];

	lastwords(in->home.logs_fd, e->name, how->began_real_ns, said);
	outcome_quote(oc, said[0] ? said : "(it has written nothing)");
}

static void tell_each(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	size_t n, const struct enroll_how *how)
{
	for (size_t i = 0; i < n; i++) {
		outcome_complain(oc, "%s %s; its last output:", e[i].name,
			e[i].fate == ENDED ? "ended before it was registered"
					   : "has not registered");
		quote(oc, in, &e[i], how);
	}
}

/* Those run on, and one of the reasons is a registry that refuses them: only they know what it
 * said. */
static void tell_waiting(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	size_t n, const struct enroll_how *how)
{
	for (size_t i = 0; i < n && !how->shown; i++)
		if (e[i].fate == WAITING) {
			outcome_complain(oc, "%s has not registered; its last output:", e[i].name);
			quote(oc, in, &e[i], how);
		}
}

static bool tell_none(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	size_t n, const struct enroll_how *how)
{
	size_t waiting = count(e, n, WAITING);
	const char *then = how->ends ? "what this command has started is ended"
		: waiting == 1	     ? "it runs on"
				     : "they run on";

	if (how->ends)
		tell_each(oc, in, e, n, how);
	else
		tell_waiting(oc, in, e, n, how);
	if (waiting)
		outcome_complain(oc,
			"no agent registered at %s within %u s; %s. Start what is not a mesh agent with --no-registry",
			how->url, how->timeout_s, then);
	return false;
}

static bool tell_result(struct outcomes *oc, const struct instance *in, const struct entrant *e,
	size_t n, const struct enroll_how *how)
{
	size_t registered = count(e, n, REGISTERED);

	for (size_t i = 0; i < n; i++)
		outcome_registered(oc, e[i].name, e[i].fate == REGISTERED);
	for (size_t i = 0; i < n; i++)
		if (e[i].fate == REGISTERED)
			outcome_say(oc, "%s: registered", e[i].name);
	if (registered == n)
		return true;
	if (!registered)
		return tell_none(oc, in, e, n, how);
	tell_waiting(oc, in, e, n, how);
	outcome_complain(oc, "%zu/%zu agents registered", registered, n);
	return true;
}

bool enroll_wait(struct outcomes *oc, struct instance *in, const struct ask *a, size_t n,
	const struct enroll_how *how)
{
	struct entrant *e = calloc(n + 1, sizeof(*e));
	size_t k = 0;
	bool good;

	if (!e)
		return OUTCOME_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (a[i].answer.code == 0)
			e[k++].name = a[i].req.name;
	outcome_pause(oc);
	wait_all(oc, in, e, k, how);
	good = !k || watcher_stops(oc->watcher) > 0 || tell_result(oc, in, e, k, how);
	free(e);
	outcome_pause(oc);
	return good;
}
