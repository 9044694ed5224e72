/* cli/registry.c - a registry for agents (cli/registry.h). Which program it is: regprogram.c. */
#include "cli/registry.h"

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
#include "cli/ask.h"
#include "cli/out.h"
#include "cli/portowner.h"
#include "client/knock.h"
#include "cli/regprogram.h"
#include "client/phrase.h"
#include "cli/tell.h"
#include "term/term.h"

#define PROBE_MS     5000u /* as the reference */
#define PORTS	     10u
#define READY_NAP_MS 20u
/* what answers "not found" for so long is no registry that is coming up */
#define STRANGER_NS (3 * NS_PER_SEC)
#define OWNER_MAX   80u
#define TAKEN_ADVICE \
	", where the registry ought to be; \"tend restart --reset-config\" gives it another one"

bool registry_is_off(void)
{
	const char *text = getenv("TEND_REGISTRY");

	return text && strcmp(text, "none") == 0;
}

static void set_url(struct registry *r)
{
	bool bare_v6 = strchr(r->host, ':') && r->host[0] != '[';

	snprintf(r->url, sizeof(r->url), bare_v6 ? "http://[%s]:%u" : "http://%s:%u", r->host,
		r->port);
}

static bool write_url(struct outcomes *oc, const struct instance *in, const struct registry *r)
{
	char text[sizeof(r->url) + 1];
	int n = snprintf(text, sizeof(text), "%s\n", r->url),
	    e = io_replace(in->home.run_fd, HOME_REGISTRY_FILE, text, (size_t)n, IO_NO_SYNC);

	if (e < 0)
		outcome_complain(oc, "cannot write %s/run/" HOME_REGISTRY_FILE ": %s",
			in->home.path, strerror(-e));
	return e == 0;
}

bool registry_last(const struct home *h, struct registry *r)
{
	char text[sizeof(r->url) + 1], *colon, *host = text + 7;
	int64_t port;

	if (h->run_fd < 0 ||
		io_read_small(h->run_fd, HOME_REGISTRY_FILE, text, sizeof(text)) <= 0 ||
		strncmp(text, "http://", 7) != 0)
		return false;
	text[strcspn(text, "\r\n")] = 0;
	colon = strrchr(host, ':');
	if (!colon || str_int(colon + 1, 1, 65535, &port) < 0)
		return false;
	*colon = 0;
	str_copy(r->host, sizeof(r->host), host);
	r->port = (unsigned)port;
	set_url(r);
	return true;
}

/* db_path is relative to the folder that the command is called in; its folders are made. */
static bool take_db(struct outcomes *oc, const struct cliconf *c, struct registry *r)
{
	const char *path = cliconf_text(c, CONF_DB_PATH);
	char here[PATH_MAX];

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	if (path[0] == '/' ? str_copy(r->db, sizeof(r->db), path)
			   : getcwd(here, sizeof(here)) != NULL &&
				snprintf(r->db, sizeof(r->db), "%s/%s", here, path) <
					(int)sizeof(r->db)) {
		for (char *p = strchr(r->db + 1, '/'); p; p = strchr(p + 1, '/')) {
			*p = 0;
			if (mkdir(r->db, 0777) < 0 && errno != EEXIST) {
				outcome_complain(oc,
					"cannot make the folder %s for the registry's database: %s",
					r->db, strerror(errno));
				return false;
			}
			*p = '/';
		}
		return true;
	}
	outcome_complain(oc, "the path of the registry's database is too long");
	return false;
}

/* The first port from r->port on that is not taken, up to last. What else hinders, the registry
 * itself will tell. */
static bool find_port(struct outcomes *oc, struct registry *r, unsigned first, unsigned last)
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
		set_url(r);
		return true;
	}
	outcome_complain(oc,
		"ports %u to %u of %s are all in use; choose another with --registry-port", first,
		last, r->host);
	return false;
}

enum ready { FAILED /* said */, READY, TAKEN /* somebody else has the port */ };

/* It ended: because somebody else has its port? */
static enum ready tell_end(struct outcomes *oc, struct instance *in, const struct registry *r,
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
static enum ready judge(const struct registry *r, int answer, uint64_t began)
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
	struct outcomes *oc, struct instance *in, const struct registry *r, unsigned timeout_s)
{
	uint64_t began = clock_boot_ns(), until = began + timeout_s * NS_PER_SEC;
	struct pt_row row;
	uint32_t life = 0;

	while (clock_boot_ns() < until && !term_caught()) {
		enum ready found = judge(r, knock(r->host, r->port, 1000), began);

		if (found != FAILED) {
			out_progress(NULL);
			return found;
		}
		if (pt_find(in->pt, REGISTRY_NAME, &row) == 0) {
			if (life == 0)
				life = row.life.life;
			if (row.life.life != life ||
				!(pt_state_traits(row.life.state) & PT_TRAIT_UP))
				return tell_end(oc, in, r, &row);
		}
		out_waiting(began, "waiting for the registry at %s", r->url);
		instance_nap(READY_NAP_MS);
	}
	out_progress(NULL);
	if (!term_caught())
		outcome_complain(oc,
			"the registry does not answer at %s within %u s; see %s/logs/registry.log",
			r->url, timeout_s, in->home.path);
	return FAILED;
}

/* Who has the port that our registry is to be at. */
static void tell_taken(struct outcomes *oc, const struct registry *r, const char *then)
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

/* By the address at which it listens, where that is not the whole of its host. */
static void hand_out_bound(struct registry *r)
{
	char text[80];

	if (!portowner_part(r->host, r->port, text, sizeof(text)))
		return;
	str_copy(r->host, sizeof(r->host), text);
	set_url(r);
}

/* "started at http://localhost:8000". */
static void add_outcome(struct outcomes *oc, enum outcome_kind kind, int32_t pid, const char *url)
{
	const char *done = kind == OUTCOME_STARTED ? "started"
		: kind == OUTCOME_RESTARTED	   ? "restarted"
						   : "already running";
	char words[400];

	snprintf(words, sizeof(words), "%s%s%s", done, url[0] ? " at " : "", url);
	outcome_add(oc, REGISTRY_NAME, kind, pid, words);
}

static enum ready launch(
	struct outcomes *oc, struct instance *in, const struct cliconf *c, struct registry *r)
{
	struct ask_patience patience = { .doing = "starting", .oc = oc };
	struct fault f = { "" };
	struct ask a = { 0 };
	enum ready ready;
	int e;

	ask_fill(&a, PT_COMMAND_START, REGISTRY_NAME, 0);
	a.spec_text = regprogram_spec(in, c, r, &f);
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
	ready = write_url(oc, in, r)
		? wait_ready(oc, in, r, (unsigned)cliconf_number(c, CONF_STARTUP_TIMEOUT))
		: FAILED;
	if (ready != READY)
		return ready;
	hand_out_bound(r);
	if (!write_url(oc, in, r))
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

	ask_fill(&a, kind, REGISTRY_NAME, 0);
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
	struct outcomes *oc, struct instance *in, const struct registry *r, const char *then)
{
	int32_t pid;

	tell_taken(oc, r, then);
	return send_one(oc, in, PT_COMMAND_STOP, "stopping", &pid);
}

/* On the configured port, or on one of the ten behind it. One may be taken after it was found free:
 * then the next one's. */
static bool launch_somewhere(
	struct outcomes *oc, struct instance *in, const struct cliconf *c, struct registry *r)
{
	unsigned first = r->port, last = first + PORTS < 65535 ? first + PORTS : 65535;
	enum ready ready = TAKEN;

	while (ready == TAKEN && !term_caught()) {
		if (!find_port(oc, r, first, last))
			return false;
		ready = launch(oc, in, c, r);
		if (ready != TAKEN)
			break;
		if (!make_way(oc, in, r, "; the next one is tried"))
			return false;
		r->port++;
	}
	return ready == READY;
}

/* One that answers at the configured address and is not tend's. */
static bool use(struct outcomes *oc, struct instance *in, const struct registry *r)
{
	char name[OWNER_MAX];
	uid_t other;

	if (portowner_foreign(r->host, r->port, &other))
		outcome_complain(oc,
			"the registry at %s is run by user %s: what it says of agents is that user's word",
			r->url, portowner_name(other, name, sizeof(name)));
	outcome_say(oc, "registry: using the one at %s", r->url);
	return write_url(oc, in, r);
}

static bool tell_running(struct outcomes *oc, const struct pt_row *row, const struct registry *r,
	struct registry *ret)
{
	add_outcome(oc, OUTCOME_ALREADY_RUNNING, row->life.pid, r->url);
	*ret = *r;
	return true;
}

bool registry_ensure(
	struct outcomes *oc, struct instance *in, const struct cliconf *c, struct registry *ret)
{
	struct registry r = { .port = (unsigned)cliconf_number(c, CONF_REGISTRY_PORT) },
			last = { 0 };
	enum ready ready;
	struct pt_row row;
	bool ok;

	str_copy(r.host, sizeof(r.host), cliconf_text(c, CONF_REGISTRY_HOST));
	set_url(&r);
	if (!take_db(oc, c, &r))
		return false;
	if (pt_find(in->pt, REGISTRY_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP) &&
		registry_last(&in->home, &last)) {
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
						    : launch_somewhere(oc, in, c, &r);
	out_flush();
	if (ok)
		*ret = r;
	return ok;
}

bool registry_named(struct outcomes *oc, const struct instance *in, const char *url)
{
	struct registry r = { 0 };
	struct pt_row row;

	if (pt_find(in->pt, REGISTRY_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP))
		return true;
	if (str_copy(r.url, sizeof(r.url), url))
		return write_url(oc, in, &r);
	outcome_complain(oc,
		"MCP_MESH_REGISTRY_URL is longer than %zu bytes; the monitor can't ask it",
		sizeof(r.url) - 1);
	return true;
}

bool registry_restart(struct outcomes *oc, struct instance *in, const struct cliconf *c, bool reset)
{
	struct registry r = { 0 };
	struct pt_row row;
	bool up = pt_find(in->pt, REGISTRY_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP);
	enum ready ready;
	int32_t pid = 0;

	if (up && reset && !send_one(oc, in, PT_COMMAND_STOP, "stopping", &pid))
		return false;
	if (!up || reset)
		return registry_ensure(oc, in, c, &r);
	if (!send_one(oc, in, PT_COMMAND_RESTART, "restarting", &pid))
		return false;
	if (!registry_last(&in->home, &r)) {
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
		outcome_add(oc, REGISTRY_NAME, OUTCOME_RESTARTED, pid, "");
	return ready == READY;
}

char **registry_variables(const struct registry *r, const struct cliconf *c)
{
	static char text[6][PATH_MAX + 64];
	static char *list[7];

	snprintf(text[0], sizeof(text[0]), "MCP_MESH_REGISTRY_URL=%s", r->url);
	snprintf(text[1], sizeof(text[1]), "MCP_MESH_REGISTRY_HOST=%s", r->host);
	snprintf(text[2], sizeof(text[2]), "MCP_MESH_REGISTRY_PORT=%u", r->port);
	snprintf(text[3], sizeof(text[3]), "MCP_MESH_DATABASE_URL=sqlite:///%s", r->db);
	snprintf(text[4], sizeof(text[4]), "MCP_MESH_DEBUG=%d", cliconf_bool(c, CONF_DEBUG_MODE));
	snprintf(text[5], sizeof(text[5]), "MCP_MESH_LOG_LEVEL=%.100s",
		cliconf_text(c, CONF_LOG_LEVEL));
	for (size_t i = 0; i < 6; i++)
		list[i] = text[i];
	return list;
}
