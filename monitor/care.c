/* monitor/care.c - see monitor/care.h. */
#include "monitor/care.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "base/str.h"
#include "config/spec.h"
#include "monitor/alert.h"
#include "monitor/conf.h"
#include "monitor/probe.h"
#include "monitor/publish.h"
#include "shm/events.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "shm/wake.h"

#define RETRY_NS (200 * NS_PER_MS) /* a command that could not be posted, an answer that is not there yet */

struct care_shared {
	struct monitor *mo;
	struct conf_all conf;
	struct conf_stamp specs; /* of the folder */
	struct brake brake;
	struct budget budget;
	uint32_t daemon_restarts[ROLE_MAX];
	bool daemons_seen;
};

struct checks { /* what its spec says of its health */
	struct health_conf conf;
	struct probe probe[HEALTH_PROBES];
};

struct care {
	struct watch *w;
	struct checks *own; /* NULL: nothing, as for most */
	struct policy_state policy;
	struct conf_stamp spec;
	uint64_t health_hash; /* of what the spec says of its health */
	bool probing, asked, limit_told;
	struct pt_ticket ticket; /* of the restart that was asked for */
	uint8_t flag;		 /* PT_FLAG_ of the restart that is to be posted; 0 = none */
	struct loop_timer retry;
	uint64_t checked_ns, cpu_over_ns, age_due_ns;
};

const struct health_all *care_conf(const struct monitor *mo)
{
	return &mo->shared->conf.health;
}

static const struct health_policy *policy_of(const struct care *c)
{
	return c->own && c->own->conf.has_policy ? &c->own->conf.policy : &c->w->mo->shared->conf.health.policy;
}

static const struct health_limits *limits_of(const struct care *c)
{
	return c->own && c->own->conf.has_limits ? &c->own->conf.limits : &c->w->mo->shared->conf.health.limits;
}

static uint64_t check_interval_ns(const struct care *c)
{
	uint32_t s = policy_of(c)->check_interval_s;

	return (s ? s : c->w->mo->shared->conf.check_interval_s) * NS_PER_SEC;
}

/* --- restarts --- */

static void try_again(struct care *c)
{
	if (loop_timer_set(c->w->mo->loop, &c->retry, clock_boot_ns() + RETRY_NS))
		say(SAY_ERROR, "%s: no memory for a timer", c->w->name);
}

static void post(struct care *c)
{
	struct monitor *mo = c->w->mo;
	struct pt_request req = { .kind = PT_COMMAND_RESTART, .flags = c->flag };
	int r;

	if (policy_of(c)->health_check_timeout_s) {
		req.flags |= PT_FLAG_TIMEOUT;
		req.timeout_ms = policy_of(c)->health_check_timeout_s * 1000;
	}
	(void)str_copy(req.name, sizeof(req.name), c->w->name);
	r = pt_post(mo->pt, &req, 1, 1, &c->ticket);
	if (r > 0) {
		c->asked = true;
		c->flag = 0;
		(void)bell_ring(&mo->home, ROLE_SPAWNER);
	}
	try_again(c);
}

static void finish(struct care *c, bool worked, const char *text)
{
	struct watch *w = c->w;
	char details[128];

	c->asked = false;
	policy_restarted(&c->policy, clock_boot_ns(), worked);
	if (worked) {
		w->health.health_restarts++;
		w->health.restarted_real_ns = clock_real_ns();
		(void)snprintf(details, sizeof(details), ",\"new_pid\":%d,\"restart_count\":%u", (int)w->life.pid, c->policy.restarts);
	} else {
		say(SAY_WARNING, "%s: the restart failed: %s", w->name, text);
		(void)snprintf(details, sizeof(details), ",\"restart_count\":%u", c->policy.restarts);
	}
	publish_put(w);
	alert_tell(w->mo, worked ? "process_restarted" : "process_restart_failed", w->name, details);
}

static void on_retry(void *arg)
{
	struct care *c = arg;
	struct pt_answer answer;
	int r;

	if (c->flag) {
		post(c);
		return;
	}
	if (!c->asked)
		return;
	r = pt_await(c->w->mo->pt, c->ticket, 0, &answer);
	if (r == -ETIMEDOUT || r == -EINTR) {
		try_again(c);
		return;
	}
	finish(c, r == 0 && answer.code == 0, r == 0 ? answer.text : strerror(-r));
}

/* Unless it is on its way already, or all are held back. */
static void ask_restart(struct care *c, uint8_t flag, const char *why)
{
	struct care_shared *s = c->w->mo->shared;

	if (c->asked || c->flag || s->brake.on)
		return;
	if (!budget_take(&s->budget, &s->conf.health, clock_boot_ns())) {
		say(SAY_WARNING, "%s: not restarted: too many restarts of unhealthy processes", c->w->name);
		return;
	}
	say(SAY_WARNING, "%s: restarting it: %s", c->w->name, why);
	c->flag = flag;
	post(c);
}

/* --- the brake --- */

/* Those that should be up, whether they are just now or not. */
static unsigned count_wanted(const struct monitor *mo)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < mo->slots; i++)
		n += mo->by_slot[i] && mo->by_slot[i]->life.want;
	return n;
}

/* Each cycle, and whenever one turns unhealthy: many may do so within one cycle. */
static void check_brake(struct care_shared *s, uint64_t now)
{
	struct pt_monitor *state = &s->mo->state;
	struct pt_event ev = { .kind = PT_EVENT_BRAKE };
	bool before = s->brake.on;
	unsigned count, processes = count_wanted(s->mo);

	if (brake_holds(&s->brake, &s->conf.health, processes, now, &count) == before && !before == !state->brake_since_real_ns)
		return;
	ev.to = s->brake.on;
	ev.from = !s->brake.on;
	(void)str_copy(ev.name, sizeof(ev.name), "tend");
	state->brake_since_real_ns = s->brake.on ? clock_real_ns() : 0;
	state->brake_reason[0] = 0;
	if (s->brake.on)
		(void)snprintf(state->brake_reason, sizeof(state->brake_reason), "%u of %u processes turned unhealthy within %u s", count,
			processes, s->conf.health.brake_window_s);
	say(SAY_WARNING, s->brake.on ? "restarts of unhealthy processes are held back: %s" : "restarts of unhealthy processes go on%s",
		state->brake_reason);
	pt_event_add(s->mo->pt, &ev);
	(void)pt_put_monitor(s->mo->pt, state);
	pt_changed(s->mo->pt);
}

/* --- checks --- */

/* 1 healthy, 0 not, -1 nothing to say: it is on the way somewhere, or rests on purpose. */
static int is_healthy(const struct watch *w)
{
	const struct pt_health *h = &w->health;

	if (w->life.state == PT_STATE_FAILED || w->life.state == PT_STATE_BACKOFF)
		return 0;
	if (w->life.state != PT_STATE_RUNNING || w->alive != VERDICT_ALIVE)
		return -1;
	if (h->startup == PT_PROBE_FAILING || h->liveness == PT_PROBE_FAILING)
		return 0;
	return h->startup == PT_PROBE_PENDING || h->liveness == PT_PROBE_PENDING ? -1 : 1;
}

static void act(struct care *c, unsigned actions)
{
	struct watch *w = c->w;
	char error[200], details[320];

	alert_quote(w->health.error, error, sizeof(error));
	if (actions & POLICY_TELL_FAILED) {
		(void)snprintf(details, sizeof(details), ",\"error\":\"%s\",\"consecutive_failures\":%u", error, c->policy.failures);
		alert_tell(w->mo, "process_failed", w->name, details);
	}
	if (actions & POLICY_TELL_RECOVERED) {
		(void)snprintf(details, sizeof(details), ",\"previous_failures\":%u", c->policy.previous);
		alert_tell(w->mo, "process_recovered", w->name, details);
	}
	if (actions & POLICY_TELL_GAVE_UP) {
		(void)snprintf(details, sizeof(details), ",\"error\":\"%s\",\"restart_count\":%u", error, c->policy.restarts);
		alert_tell(w->mo, "gave_up", w->name, details);
	}
	if ((actions & POLICY_RESTART) && w->life.state != PT_STATE_BACKOFF)
		ask_restart(c, PT_FLAG_UNHEALTHY, w->health.error);
}

void care_check(struct watch *w)
{
	struct care *c = w->care;
	uint64_t now = clock_boot_ns();
	int healthy = is_healthy(w);
	unsigned actions;

	if (!c || healthy < 0 || c->asked || c->flag)
		return;
	c->checked_ns = now;
	if (!healthy && c->policy.status != POLICY_UNHEALTHY) {
		brake_note(&w->mo->shared->brake, now);
		check_brake(w->mo->shared, now);
	}
	actions = policy_check(policy_of(c), &c->policy, now, healthy);
	if (w->health.gave_up != c->policy.gave_up) {
		w->health.gave_up = c->policy.gave_up;
		publish_put(w);
	}
	act(c, actions);
}

/* --- limits --- */

static bool is_over(struct care *c, uint64_t now, char why[static 80])
{
	const struct health_limits *l = limits_of(c);
	const struct pt_health *h = &c->w->health;
	bool cpu = l->cpu_percent && h->cpu_permille > l->cpu_percent * 10ull;

	if (!cpu)
		c->cpu_over_ns = 0;
	else if (!c->cpu_over_ns)
		c->cpu_over_ns = now;
	if (l->memory_bytes && h->memory_bytes > l->memory_bytes)
		(void)snprintf(why, 80, "it uses %llu bytes of memory", (unsigned long long)h->memory_bytes);
	else if (cpu && now - c->cpu_over_ns >= l->cpu_for_s * NS_PER_SEC)
		(void)snprintf(why, 80, "it uses %u.%u%% CPU", h->cpu_permille / 10, h->cpu_permille % 10);
	else if (l->open_files && h->files > l->open_files)
		(void)snprintf(why, 80, "it has %u open files", h->files);
	else if (l->age_s && c->age_due_ns && now >= c->age_due_ns)
		(void)snprintf(why, 80, "it has run for %u s", l->age_s);
	else
		return false;
	return true;
}

static void check_limits(struct care *c, uint64_t now)
{
	struct watch *w = c->w;
	char why[80], details[128];

	if (w->alive != VERDICT_ALIVE || w->life.state != PT_STATE_RUNNING || !is_over(c, now, why)) {
		c->limit_told = false;
		return;
	}
	if (!c->limit_told) {
		(void)snprintf(details, sizeof(details), ",\"error\":\"%s\",\"limit\":true", why);
		alert_tell(w->mo, "process_failed", w->name, details);
		say(SAY_WARNING, "%s: over its limit: %s", w->name, why);
	}
	c->limit_told = true;
	if (limits_of(c)->restart)
		ask_restart(c, PT_FLAG_LIMIT, why);
}

/* Some later than others, so that what was started together does not end together. */
static uint64_t age_due(const struct care *c)
{
	const struct health_limits *l = limits_of(c);
	uint64_t seed = str_hash(c->w->life.start_boot_ns, c->w->name, strlen(c->w->name));
	uint64_t jitter = l->age_jitter_s ? seed % (l->age_jitter_s * 1000ull) : 0;

	return c->w->life.start_boot_ns + l->age_s * NS_PER_SEC + jitter * NS_PER_MS;
}

/* --- one process --- */

static void forget_checks(struct care *c)
{
	if (c->own)
		health_conf_done(&c->own->conf);
	free(c->own);
	c->own = NULL;
}

/* False: it says the same as before. */
static bool read_conf(struct care *c)
{
	const char *name = c->w->name;
	struct fault f = { "" };
	char *text = NULL;
	uint64_t hash;
	int r;

	if (conf_health_text(&c->w->mo->home, name, &text, &f) < 0)
		return false; /* the spawner has said so; what was in force stays */
	hash = text ? str_hash(STR_HASH_SEED, text, strlen(text)) : 0;
	if (hash == c->health_hash) {
		free(text);
		return false;
	}
	forget_checks(c);
	c->health_hash = hash;
	c->own = text ? calloc(1, sizeof(*c->own)) : NULL;
	r = c->own ? health_parse(text, strlen(text), &c->own->conf, &f) : text ? fault_set(&f, -ENOMEM, "no memory") : 0;
	if (r < 0) {
		say(SAY_WARNING, "specs/%s.json: %s; it is not probed", name, f.text);
		free(c->own);
		c->own = NULL;
	}
	c->w->health.misconfigured = r < 0;
	free(text);
	return true;
}

static bool spec_has_changed(struct care *c)
{
	char file[NAME_MAX_BYTES + 8];

	spec_file_name(c->w->name, file);
	return conf_stamp_take(c->w->mo->home.specs_fd, file, &c->spec);
}

static void begin_probes(struct care *c)
{
	struct pt_health *h = &c->w->health;
	uint8_t *const states[HEALTH_PROBES] = { &h->startup, &h->readiness, &h->liveness };
	bool has_startup;

	if (!c->own) {
		for (unsigned i = 0; i < HEALTH_PROBES; i++)
			*states[i] = PT_PROBE_NONE;
		return;
	}
	has_startup = c->own->conf.probe[HEALTH_STARTUP].kind != HEALTH_NO_PROBE;
	for (unsigned i = 0; i < HEALTH_PROBES; i++) {
		struct probe *p = &c->own->probe[i];

		p->w = c->w;
		p->conf = &c->own->conf.probe[i];
		p->when = (enum health_when)i;
		p->state = states[i];
		p->startup = i != HEALTH_STARTUP && has_startup ? &c->own->probe[HEALTH_STARTUP] : NULL;
		p->log_at = c->w->log_begin;
		probe_start(p);
	}
	c->probing = true;
}

void care_begin(struct watch *w)
{
	struct care *c = w->care;

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c) {
			say(SAY_ERROR, "%s: no memory to look after it", w->name);
			return;
		}
		c->w = w;
		c->policy.restarts = w->health.health_restarts;
		loop_timer_init(&c->retry, on_retry, c);
		w->care = c;
	}
	care_pause(w);
	spec_has_changed(c);
	(void)read_conf(c);
	w->health.misconfigured = c->health_hash && !c->own; /* the block is of a new run */
	c->age_due_ns = age_due(c);
	c->cpu_over_ns = 0;
	begin_probes(c);
}

/* Its spec may have been written anew while it runs: probes, policy and limits hold from now on. */
static void care_renew(struct watch *w)
{
	struct care *c = w->care;
	struct pt_health *h = &w->health;

	care_pause(w);
	if (read_conf(c)) {
		say(SAY_INFO, "%s: its description of health has changed", w->name);
		h->startup = h->readiness = h->liveness = PT_PROBE_NONE;
		h->error[0] = 0;
		c->age_due_ns = age_due(c);
		c->cpu_over_ns = c->checked_ns = 0;
	}
	begin_probes(c);
	watch_judge(w);
}

void care_pause(struct watch *w)
{
	struct care *c = w->care;

	for (unsigned i = 0; c && c->probing && i < HEALTH_PROBES; i++)
		probe_stop(&c->own->probe[i]);
	if (c)
		c->probing = false;
}

void care_free(struct watch *w)
{
	if (!w->care)
		return;
	care_pause(w);
	loop_timer_clear(w->mo->loop, &w->care->retry);
	forget_checks(w->care);
	free(w->care);
	w->care = NULL;
}

void care_reset(struct watch *w)
{
	if (w->care)
		w->care->policy = (struct policy_state){ .status = POLICY_UNKNOWN };
	w->health.health_restarts = 0;
	w->health.gave_up = 0;
}

/* --- all of them --- */

/* What is wrong is in force no more than before, and is told. */
static void refresh_conf(struct care_shared *s)
{
	char *told = s->mo->state.conf_error;

	if (!conf_all_refresh(&s->conf, &s->mo->home))
		return;
	(void)str_copy(told, sizeof(s->mo->state.conf_error), s->conf.health_error[0] ? s->conf.health_error : s->conf.conf_error);
	if (told[0])
		say(SAY_ERROR, "%s", told);
	else
		say(SAY_INFO, "the configuration of health was read");
}

static void check_daemons(struct care_shared *s)
{
	char details[64];
	struct pt_daemon d;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (pt_read_daemon(s->mo->pt, role, &d) < 0)
			continue;
		if (s->daemons_seen && d.restarts > s->daemon_restarts[role]) {
			(void)snprintf(details, sizeof(details), ",\"new_pid\":%d,\"restart_count\":%u", (int)d.pid, d.restarts);
			alert_tell(s->mo, "daemon_restarted", role_name((enum role)role), details);
		}
		s->daemon_restarts[role] = d.restarts;
	}
	s->daemons_seen = true;
}

/* Whoever writes into a pipe that nobody empties stands still. */
static void check_log(struct watch *w)
{
	struct pt_row row;
	char details[320], error[200];
	bool bad;

	if (pt_read(w->mo->pt, w->slot, &row) < 0)
		return;
	bad = row.log.state == PT_LOG_BLOCKED || row.log.error;
	if (bad && !w->log_told) {
		alert_quote(row.log.error ? strerror(row.log.error) : "its output is not taken", error, sizeof(error));
		(void)snprintf(details, sizeof(details), ",\"error\":\"%s\"", error);
		alert_tell(w->mo, row.log.error == ENOSPC || row.log.error == EDQUOT ? "disk_full" : "log_blocked", w->name, details);
	}
	w->log_told = bad;
}

void care_cycle(struct monitor *mo)
{
	struct care_shared *s = mo->shared;
	uint64_t now = clock_boot_ns();
	bool alerts;
	bool specs = conf_stamp_take(mo->home.fd, "specs", &s->specs);

	refresh_conf(s);
	alerts = s->conf.health.alert_argv || s->conf.health.alert_url[0];
	check_daemons(s);
	check_brake(s, now);
	mo->state.restart_tokens = budget_left(&s->budget, &s->conf.health, now);
	for (uint32_t i = 0; i < mo->slots; i++) {
		struct watch *w = mo->by_slot[i];

		if (!w || !w->care)
			continue;
		if (w->alive == VERDICT_ALIVE && (specs || w->care->health_hash) && spec_has_changed(w->care))
			care_renew(w);
		check_limits(w->care, now);
		if (alerts)
			check_log(w);
		if (now - w->care->checked_ns >= check_interval_ns(w->care))
			care_check(w);
	}
}

int care_shared_new(struct monitor *mo, struct care_shared **ret)
{
	struct care_shared *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->mo = mo;
	conf_all_init(&s->conf);
	*ret = s;
	return 0;
}

void care_shared_begin(struct monitor *mo)
{
	mo->state.conf_error[0] = 0;
	refresh_conf(mo->shared);
	(void)conf_stamp_take(mo->home.fd, "specs", &mo->shared->specs);
}

void care_shared_free(struct care_shared *s)
{
	if (!s)
		return;
	conf_all_done(&s->conf);
	free(s);
}
