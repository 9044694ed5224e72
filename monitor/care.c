/* monitor/care.c - who is cared for, by which description, and when (monitor/care.h). */
#include "monitor/care.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "config/spec.h"
#include "monitor/act.h"
#include "monitor/alert.h"
#include "monitor/care_private.h"
#include "monitor/judge.h"
#include "monitor/publish.h"
#include "monitor/registry.h"

const struct health_all *care_conf(const struct monitor *mo)
{
	return &mo->shared->conf.health;
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
	struct conf_own said;
	char *text;
	uint64_t hash;
	int r;

	if (conf_own_read(&c->w->mo->home, name, &said, &f) < 0)
		return false; /* the spawner has said so; what was in force stays */
	c->w->no_registry = said.no_registry;
	c->check_interval_s = said.check_interval_s;
	text = said.health;
	hash = text ? str_hash(STR_HASH_SEED, text, strlen(text)) : 0;
	if (hash == c->health_hash) {
		free(text);
		return false;
	}
	forget_checks(c);
	c->health_hash = hash;
	c->own = text ? calloc(1, sizeof(*c->own)) : NULL;
	r = c->own     ? health_parse(text, strlen(text), &c->own->conf, &f)
		: text ? fault_set(&f, -ENOMEM, "no memory")
		       : 0;
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
		p->startup = i != HEALTH_STARTUP && has_startup ? &c->own->probe[HEALTH_STARTUP]
								: NULL;
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
		act_init(c);
		w->care = c;
	}
	care_pause(w);
	spec_has_changed(c);
	(void)read_conf(c);
	w->health.misconfigured = c->health_hash && !c->own; /* the block is of a new run */
	act_limits_begin(c);
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
		c->checked_ns = 0; /* the limits are compared at the next look */
	}
	begin_probes(c);
	registry_apply(w->mo->registry, w);
	judge(w);
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

/* What is wrong is in force no more than before, and is reported. */
static void refresh_conf(struct care_shared *s)
{
	char *told = s->mo->state.conf_error;

	if (!conf_all_refresh(&s->conf, &s->mo->home))
		return;
	(void)str_copy(told, sizeof(s->mo->state.conf_error),
		s->conf.health_error[0] ? s->conf.health_error : s->conf.conf_error);
	if (told[0])
		say(SAY_ERROR, "%s", told);
	else
		say(SAY_INFO, "the configuration of health was read");
}

static void check_daemons(struct care_shared *s)
{
	struct json_out o;
	struct pt_daemon d;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (pt_read_daemon(s->mo->pt, role, &d) < 0)
			continue;
		if (s->daemons_seen && d.restarts > s->daemon_restarts[role]) {
			alert_begin(&o, "daemon_restarted", role_name((enum role)role));
			json_int(&o, "new_pid", d.pid);
			json_u64(&o, "restart_count", d.restarts);
			alert_send(s->mo, &o);
		}
		s->daemon_restarts[role] = d.restarts;
	}
	s->daemons_seen = true;
}

/* Whoever writes into a pipe that nobody empties stands still. */
static void check_log(struct watch *w)
{
	struct pt_row row;
	struct json_out o;
	bool bad;

	if (pt_read(w->mo->pt, w->slot, &row) < 0)
		return;
	bad = row.log.state == PT_LOG_BLOCKED || row.log.error;
	if (bad && !w->log_told) {
		alert_begin(&o,
			row.log.error == ENOSPC || row.log.error == EDQUOT ? "disk_full"
									   : "log_blocked",
			w->name);
		alert_text(&o, "error",
			row.log.error ? strerror(row.log.error) : "its output is not taken");
		alert_send(w->mo, &o);
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
	act_brake(s, now);
	mo->state.restart_tokens = budget_left(&s->budget, &s->conf.health, now);
	for (uint32_t i = 0; i < mo->slots; i++) {
		struct watch *w = mo->by_slot[i];

		if (!w || !w->care)
			continue;
		if (w->alive == VERDICT_ALIVE && (specs || w->care->health_hash) &&
			spec_has_changed(w->care))
			care_renew(w);
		act_on_limits(w->care, now);
		if (alerts)
			check_log(w);
		if (now - w->care->checked_ns >= act_check_interval_ns(w->care))
			act_check(w);
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
