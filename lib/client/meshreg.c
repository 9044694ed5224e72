/* client/meshreg.c - a registry for agents (client/meshreg.h). Which program it is: regprogram.c.
 * */
#include "client/meshreg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"
#include "client/ask.h"
#include "client/knock.h"
#include "client/phrase.h"
#include "client/portowner.h"
#include "client/regprogram.h"

#define PROBE_MS     5000u /* as the reference */
#define PORTS	     10u
#define READY_NAP_MS 20u
/* what answers "not found" for so long is not a registry that is coming up */
#define STRANGER_NS (3 * NS_PER_SEC)
#define OWNER_MAX   80u
#define TAKEN_ADVICE \
	", where the registry ought to be; \"tend restart --reset-config\" gives it another one"

/* The first port from r->port on that is not taken, up to last. What else hinders, the registry
 * itself will tell. */
static bool find_port(struct outcomes *oc, struct meshaddr *r, unsigned first, unsigned last)
{
	struct addr at[ADDR_MAX];

	if (addr_find(r->host, r->port, at, NULL) < 0) {
		outcome_complain(oc, "there is no host %s; registry_host says so", r->host);
		return false;
	}
	for (; r->port <= last; r->port++) {
		if (portowner_try(r->host, r->port) == -EADDRINUSE)
			continue;
		if (r->port != first)
			outcome_say(oc, "Port %u is in use; the registry takes %u", first, r->port);
		meshaddr_say(r);
		return true;
	}
	outcome_complain(oc,
		"ports %u to %u of %s are all in use; choose another with --registry-port", first,
		last, r->host);
	return false;
}

enum ready { FAILED /* said */, READY, TAKEN /* somebody else has the port */ };

/* It ended: because somebody else has its port? */
static enum ready tell_end(struct outcomes *oc, struct instance *in, const struct meshaddr *r,
	const struct pt_row *row)
{
	char how[PHRASE_MAX];

	if (!row->life.launch_errno && portowner_try(r->host, r->port) == -EADDRINUSE)
		return TAKEN;
	outcome_complain(oc,
		"the registry %s; \"tend why registry\" and %s/logs/registry.log tell more",
		row->life.launch_errno
			? "could not be started"
			: phrase_exit(row->life.exit_kind, row->life.wait_status, how),
		in->home.path);
	return FAILED;
}

/* What answers there: 200 is not the registry's if it is another user's, and neither is a page that
 * is not found. */
static enum ready judge(const struct meshaddr *r, int answer, uint64_t began)
{
	uid_t other;

	if (answer < 0)
		return FAILED;
	if (portowner_foreign(r->host, r->port, &other))
		return TAKEN;
	if (answer == 200)
		return READY;
	return answer >= 400 && answer < 500 && clock_boot_ns() - began > STRANGER_NS ? TAKEN
										      : FAILED;
}

/* Nothing announces that a socket listens: it is tried, in short steps, until it does, the process
 * ends, or time is up. */
static enum ready wait_ready(
	struct outcomes *oc, struct instance *in, const struct meshaddr *r, unsigned timeout_s)
{
	uint64_t began = clock_boot_ns(), until = began + timeout_s * NS_PER_SEC;
	struct pt_row row;
	uint32_t life = 0;

	while (clock_boot_ns() < until && !watcher_stops(oc->watcher)) {
		enum ready found = judge(r, knock(r->host, r->port, 1000), began);

		if (found != FAILED) {
			watcher_came(oc->watcher);
			return found;
		}
		if (pt_find(in->pt, MESH_NAME, &row) == 0) {
			if (life == 0)
				life = row.life.life;
			if (row.life.life != life ||
				!(pt_state_traits(row.life.state) & PT_TRAIT_UP))
				return tell_end(oc, in, r, &row);
		}
		watcher_wait(oc->watcher, began, "waiting for the registry at %s", r->url);
		instance_nap(READY_NAP_MS);
	}
	watcher_came(oc->watcher);
	if (!watcher_stops(oc->watcher))
		outcome_complain(oc,
			"the registry does not answer at %s within %u s; see %s/logs/registry.log",
			r->url, timeout_s, in->home.path);
	return FAILED;
}

/* Who has the port that our registry is to be at. */
static void tell_taken(struct outcomes *oc, const struct meshaddr *r, const char *then)
{
	char name[OWNER_MAX];
	uid_t other;

	if (portowner_foreign(r->host, r->port, &other))
		outcome_complain(oc, "port %u of %s is held by a program of user %s%s", r->port,
			r->host, portowner_name(other, name, sizeof(name)), then);
	else
		outcome_complain(
			oc, "port %u of %s is held by another program%s", r->port, r->host, then);
}

/* "started at http://localhost:8000". */
static void add_outcome(struct outcomes *oc, enum outcome_kind kind, int32_t pid, const char *url)
{
	const char *done = kind == OUTCOME_STARTED ? "started"
		: kind == OUTCOME_RESTARTED	   ? "restarted"
						   : "already running";
	char words[400];

	snprintf(words, sizeof(words), "%s%s%s", done, url[0] ? " at " : "", url);
	outcome_add(oc, MESH_NAME, kind, pid, words);
}

static enum ready launch(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, struct meshaddr *r)
{
	struct ask_patience patience = { .doing = "starting", .oc = oc };
	struct fault f = { "" };
	struct ask a = { 0 };
	enum ready ready;
	int e;

	ask_fill(&a, PT_COMMAND_START, MESH_NAME, 0);
	a.spec_text = regprogram_spec(c, shell, r, &f);
	if (!a.spec_text) {
		outcome_complain(oc, "%s", f.text);
		return FAILED;
	}
	snprintf(a.req.spec, sizeof(a.req.spec), ".new-%d-registry.json", (int)getpid());
	e = ask_all(in, &a, 1, &patience, &f);
	free(a.spec_text);
	if (e < 0 || (a.answer.code != 0 && a.answer.code != -EALREADY)) {
		outcome_complain(oc, "%s", e < 0 ? f.text : a.answer.text);
		return FAILED;
	}
	r->started = a.answer.code == 0;
	ready = meshaddr_write(oc, in, r)
		? wait_ready(oc, in, r, (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT))
		: FAILED;
	if (ready != READY)
		return ready;
	meshaddr_bind(r);
	if (!meshaddr_write(oc, in, r))
		return FAILED;
	add_outcome(
		oc, r->started ? OUTCOME_STARTED : OUTCOME_ALREADY_RUNNING, a.answer.pid, r->url);
	return READY;
}

static bool send_one(struct outcomes *oc, struct instance *in, enum pt_command_kind kind,
	const char *doing, int32_t *ret_pid)
{
	struct ask_patience patience = { .doing = doing, .oc = oc };
	struct fault f = { "" };
	struct ask a = { 0 };

	ask_fill(&a, kind, MESH_NAME, 0);
	if (ask_all(in, &a, 1, &patience, &f) < 0)
		outcome_complain(oc, "%s", f.text);
	else if (a.answer.code != 0 && a.answer.code != -EALREADY)
		outcome_complain(
			oc, "%s", a.answer.text[0] ? a.answer.text : strerror(-a.answer.code));
	else {
		*ret_pid = a.answer.pid;
		return true;
	}
	return false;
}

/* Somebody else has its port: it need not try any longer. */
static bool make_way(
	struct outcomes *oc, struct instance *in, const struct meshaddr *r, const char *then)
{
	int32_t pid;

	tell_taken(oc, r, then);
	return send_one(oc, in, PT_COMMAND_STOP, "stopping", &pid);
}

/* On the configured port, or on one of the ten behind it. One may be taken after it was found free:
 * then the next one's. */
static bool launch_somewhere(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, struct meshaddr *r)
{
	unsigned first = r->port, last = first + PORTS < 65535 ? first + PORTS : 65535;
	enum ready ready = TAKEN;

	while (ready == TAKEN && !watcher_stops(oc->watcher)) {
		if (!find_port(oc, r, first, last))
			return false;
		ready = launch(oc, in, c, shell, r);
		if (ready != TAKEN)
			break;
		if (!make_way(oc, in, r, "; the next one is tried"))
			return false;
		r->port++;
	}
	return ready == READY;
}

/* One that answers at the configured address and is not tend's. */
static bool use(struct outcomes *oc, struct instance *in, const struct meshaddr *r)
{
	char name[OWNER_MAX];
	uid_t other;

	if (portowner_foreign(r->host, r->port, &other))
		outcome_complain(oc,
			"the registry at %s is run by user %s: what it says of agents is that user's word",
			r->url, portowner_name(other, name, sizeof(name)));
	outcome_say(oc, "registry: using the one at %s", r->url);
	return meshaddr_write(oc, in, r);
}

static bool tell_running(struct outcomes *oc, const struct pt_row *row, const struct meshaddr *r,
	struct meshaddr *ret)
{
	add_outcome(oc, OUTCOME_ALREADY_RUNNING, row->life.pid, r->url);
	*ret = *r;
	return true;
}

bool meshreg_ensure(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, struct meshaddr *ret)
{
	struct meshaddr r = { .port = (unsigned)cliconf_number(c, CONF_REGISTRY_PORT) },
			last = { 0 };
	enum ready ready;
	struct pt_row row;
	bool ok;

	str_copy(r.host, sizeof(r.host), cliconf_text(c, CONF_REGISTRY_HOST));
	meshaddr_say(&r);
	if (!meshaddr_database(oc, c, &r))
		return false;
	if (pt_find(in->pt, MESH_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP) &&
		meshaddr_last(&in->home, &last)) {
		str_copy(last.db, sizeof(last.db), r.db);
		/* it may have come up with the daemons, just now */
		ready = wait_ready(
			oc, in, &last, (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT));
		if (ready == READY)
			return tell_running(oc, &row, &last, ret);
		if (ready == FAILED || !make_way(oc, in, &last, "; the registry moves"))
			return false;
	}
	ok = knock(r.host, r.port, PROBE_MS) == 200 ? use(oc, in, &r)
						    : launch_somewhere(oc, in, c, shell, &r);
	outcome_pause(oc);
	if (ok)
		*ret = r;
	return ok;
}

bool meshreg_restart(struct outcomes *oc, struct instance *in, const struct cliconf *c,
	const struct shell *shell, bool reset)
{
	struct meshaddr r = { 0 };
	struct pt_row row;
	bool up = pt_find(in->pt, MESH_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP);
	enum ready ready;
	int32_t pid = 0;

	if (up && reset && !send_one(oc, in, PT_COMMAND_STOP, "stopping", &pid))
		return false;
	if (!up || reset)
		return meshreg_ensure(oc, in, c, shell, &r);
	if (!send_one(oc, in, PT_COMMAND_RESTART, "restarting", &pid))
		return false;
	if (!meshaddr_last(&in->home, &r)) {
		add_outcome(oc, OUTCOME_RESTARTED, pid, "");
		return true;
	}
	ready = wait_ready(oc, in, &r, (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT));
	if (ready == TAKEN)
		tell_taken(oc, &r, TAKEN_ADVICE);
	if (ready == READY)
		add_outcome(oc, OUTCOME_RESTARTED, pid, r.url);
	else
		/* the complaint is all there is to say */
		outcome_add(oc, MESH_NAME, OUTCOME_RESTARTED, pid, "");
	return ready == READY;
}
