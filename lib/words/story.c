/* words/story.c - sentences (words/story.h). */
#include "words/story.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "client/phrase.h"

static void append(char buf[static STORY_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void append(char buf[static STORY_MAX], const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + len, STORY_MAX - len, fmt, args);
	va_end(args);
}

/* As clock_span(), but "5m" and not "5m0s" for what people choose in whole minutes. */
static const char *span_ms(uint64_t ms, char buf[static CLOCK_TEXT_MAX])
{
	size_t len;

	clock_span(ms * NS_PER_MS, buf);
	for (len = strlen(buf);
		len > 3 && buf[len - 2] == '0' && (buf[len - 3] == 'm' || buf[len - 3] == 'h');
		len -= 2)
		buf[len - 2] = 0;
	return buf;
}

/* How the last run ended, or the launch failed. */
static void how_it_ended(const struct pt_life *l, char buf[static STORY_MAX])
{
	if (l->launch_errno > 0)
		snprintf(buf, STORY_MAX, "%s failed: %s", pt_stage_label(l->launch_stage),
			strerror(l->launch_errno));
	else
		phrase_exit(l->exit_kind, l->wait_status, buf);
}

static uint64_t until(const struct view *v, uint64_t at_boot_ns)
{
	return at_boot_ns > v->now_boot_ns ? at_boot_ns - v->now_boot_ns : 0;
}

bool story_is_unhealthy(const struct view_row *r)
{
	return !r->gone && r->row.life.state == PT_STATE_RUNNING &&
		(r->row.health.verdict == PT_HEALTH_UNHEALTHY ||
			r->row.health.verdict == PT_HEALTH_DEGRADED);
}

bool story_is_unregistered(const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	bool looked_at = h->gen == r->row.gen && h->life == r->row.life.life;

	return !r->gone && r->row.life.state == PT_STATE_RUNNING &&
		r->row.ident.service == PT_SERVICE_AGENT && looked_at &&
		(h->listing == PT_LISTING_MISSING || h->listing == PT_LISTING_UNKNOWN);
}

const char *story_note(const struct view *v, const struct view_row *r, char buf[static STORY_MAX])
{
	const struct pt_ident *id = &r->row.ident;
	const struct pt_life *l = &r->row.life;
	char how[STORY_MAX], span[CLOCK_TEXT_MAX], window[CLOCK_TEXT_MAX];

	buf[0] = 0;
	if (story_is_unhealthy(r)) {
		(void)str_copy(buf, STORY_MAX,
			r->row.health.error[0] ? r->row.health.error
					       : pt_health_label(r->row.health.verdict));
		return buf;
	}
	if (r->log_blocked) {
		snprintf(buf, STORY_MAX,
			"log_blocked: its output pipe is full, and it waits when it writes, for %s",
			r->log_error ? phrase_log_error(r->log_error) : "the logger does not run");
		return buf;
	}
	if (r->log_error) {
		snprintf(buf, STORY_MAX, "not captured: what it writes waits in its pipe: %s",
			phrase_log_error(r->log_error));
		return buf;
	}
	if (story_is_unregistered(r)) {
		(void)str_copy(buf, STORY_MAX,
			r->row.health.error[0] ? r->row.health.error : "not registered");
		return buf;
	}
	if (!r->gone && l->state != PT_STATE_FAILED && l->state != PT_STATE_BACKOFF &&
		l->state != PT_STATE_STOPPING)
		return buf;
	how_it_ended(l, how);
	if (r->gone) {
		snprintf(buf, STORY_MAX, "process %d is gone; no daemon has seen its end yet",
			l->pid);
	} else if (l->state == PT_STATE_FAILED) {
		snprintf(buf, STORY_MAX, "%.300s", how);
		if (l->reason == PT_REASON_BUDGET)
			append(buf, ", restart limit %u/%s reached", id->restart_limit,
				span_ms(id->restart_window_ms, window));
		else if (id->policy == PT_POLICY_NO)
			append(buf, ", its policy is not to restart");
	} else if (l->state == PT_STATE_BACKOFF) {
		snprintf(buf, STORY_MAX, "restarts in %s (%.300s)",
			clock_span(until(v, l->next_boot_ns), span), how);
	} else if (l->state == PT_STATE_STOPPING) {
		snprintf(buf, STORY_MAX, "stopping%s", l->next_boot_ns ? "" : ", killed already");
		if (l->next_boot_ns)
			append(buf, ", SIGKILL in %s", clock_span(until(v, l->next_boot_ns), span));
	}
	return buf;
}

/* A time to come is no sign of life. One that lies back is told with the verdict. */
bool story_clock(const struct view_row *r, char buf[static STORY_MAX])
{
	char seen[PHRASE_MAX];

	if (!view_is_up(r) || r->row.health.registry_seen_real_ns <= r->row.health.listed_real_ns ||
		!phrase_seen(&r->row.health, seen)[0])
		return false;
	(void)snprintf(buf, STORY_MAX,
		"a clock is wrong: the registry has it last seen %.40s by its clock", seen);
	return true;
}

static void name_of(const struct pt_event *e, char buf[static PT_NAME_MAX])
{
	if (memchr(e->name, 0, sizeof(e->name)) && e->name[0])
		str_visible(buf, PT_NAME_MAX, e->name);
	else
		str_copy(buf, PT_NAME_MAX, "?");
}

static void asked_by(const struct pt_event *e, char buf[static STORY_MAX])
{
	if (e->by_pid > 0)
		append(buf, " by process %d of user %u", e->by_pid, e->by_uid);
}

/* The part in parentheses behind a transition. */
static void cause(const struct pt_event *e, char buf[static STORY_MAX])
{
	char span[CLOCK_TEXT_MAX], how[STORY_MAX];

	if (e->stage != PT_STAGE_NONE) {
		snprintf(buf, STORY_MAX, "%s failed: %s", pt_stage_label(e->stage),
			strerror(e->wait_status & 0xffff));
		return;
	}
	switch (e->reason) {
	case PT_REASON_EXITED:
	case PT_REASON_SIGNALED:
	case PT_REASON_LOST:
		phrase_exit(e->exit_kind, e->wait_status, buf);
		break;
	case PT_REASON_OPERATOR:
		snprintf(buf, STORY_MAX, "asked for");
		asked_by(e, buf);
		break;
	default:
		snprintf(buf, STORY_MAX, "%s", pt_reason_sentence(e->reason));
		if (e->exit_kind == PT_EXIT_KNOWN &&
			(pt_state_traits(e->to) & PT_TRAIT_REST || e->to == PT_STATE_BACKOFF))
			append(buf, "; it %.200s", phrase_exit(e->exit_kind, e->wait_status, how));
	}
	if (e->to == PT_STATE_BACKOFF && e->value == 0)
		append(buf, "; restart at once");
	else if (e->to == PT_STATE_BACKOFF)
		append(buf, "; restart in %s", span_ms(e->value, span));
	else if (e->to == PT_STATE_STOPPING && e->value)
		append(buf, "; SIGKILL in %s", span_ms(e->value, span));
}

static void tell_transition(const struct pt_event *e, const char *name, char buf[static STORY_MAX])
{
	char why[STORY_MAX] = "";

	cause(e, why);
	snprintf(buf, STORY_MAX, "%s: %s -> %s", name, pt_state_label(e->from),
		pt_state_label(e->to));
	if (e->to == PT_STATE_RUNNING && e->pid > 0)
		append(buf, ", pid %d", e->pid);
	append(buf, " (%.380s)", why);
}

static void tell_daemon(const struct pt_event *e, const char *name, char buf[static STORY_MAX])
{
	char how[STORY_MAX];

	if (e->exit_kind == PT_EXIT_NONE)
		snprintf(buf, STORY_MAX, "%s: started, pid %d", name, e->pid);
	else
		snprintf(buf, STORY_MAX, "%s: %s; started again, pid %d", name,
			phrase_exit(e->exit_kind, e->wait_status, how), e->pid);
}

static void tell_log(const struct pt_event *e, const char *name, char buf[static STORY_MAX])
{
	/* the logger's word for a full pipe */
	if (e->from == PT_LOG_BLOCKED && e->to == PT_LOG_BLOCKED && (e->value & 0xffff) == EAGAIN)
		snprintf(buf, STORY_MAX, "%s: its output pipe is full, and it waits when it writes",
			name);
	else
		snprintf(buf, STORY_MAX, "%s: log %s -> %s%s%s", name, pt_log_label(e->from),
			pt_log_label(e->to), e->value ? ": " : "",
			e->value ? strerror((int)(e->value & 0xffff)) : "");
}

/* What happened to the whole of an instance, or by its daemons. */
static void tell_other(const struct pt_event *e, const char *name, char buf[static STORY_MAX])
{
	switch (e->kind) {
	case PT_EVENT_DAEMON:
		tell_daemon(e, name, buf);
		break;
	case PT_EVENT_REGISTRY:
		snprintf(buf, STORY_MAX, "registry: %s -> %s", pt_registry_label(e->from),
			pt_registry_label(e->to));
		break;
	case PT_EVENT_BRAKE:
		snprintf(buf, STORY_MAX, "tend: restarts of unhealthy processes %s",
			e->to ? "are held back: many turned unhealthy at once" : "go on");
		break;
	case PT_EVENT_ALERT:
		snprintf(buf, STORY_MAX, "%s: an alert could not be delivered: %s", name,
			strerror((int)(e->value & 0xffff)));
		break;
	case PT_EVENT_SEGMENT:
		snprintf(buf, STORY_MAX, "tend: the process table was made again");
		break;
	default:
		snprintf(buf, STORY_MAX, "%s: unknown event %u", name, e->kind);
	}
}

const char *story_event(const struct pt_event *e, char buf[static STORY_MAX])
{
	char name[PT_NAME_MAX], signal_name[24];

	name_of(e, name);
	switch (e->kind) {
	case PT_EVENT_STATE:
		tell_transition(e, name, buf);
		break;
	case PT_EVENT_ADDED:
		snprintf(buf, STORY_MAX, "%s: added", name);
		asked_by(e, buf);
		break;
	case PT_EVENT_REMOVED:
		snprintf(buf, STORY_MAX, "%s: removed", name);
		asked_by(e, buf);
		break;
	case PT_EVENT_SIGNAL:
		snprintf(buf, STORY_MAX, "%s: %s sent", name,
			str_signal_name((int)(e->value & 0xff), signal_name));
		asked_by(e, buf);
		break;
	case PT_EVENT_HEALTH:
		snprintf(buf, STORY_MAX, "%s: health %s -> %s", name, pt_health_label(e->from),
			pt_health_label(e->to));
		break;
	case PT_EVENT_LOG:
		tell_log(e, name, buf);
		break;
	case PT_EVENT_ROTATE:
		snprintf(buf, STORY_MAX, "%s: log file %llu rotated", name,
			(unsigned long long)e->value);
		break;
	default:
		tell_other(e, name, buf);
	}
	return buf;
}

/* What the restart policy would do if the process ended now. */
static void if_it_ends(const struct view *v, const struct view_row *r, char buf[static STORY_MAX])
{
	const struct pt_ident *id = &r->row.ident;
	const struct pt_life *l = &r->row.life;
	bool window_open = l->window_boot_ns &&
		v->now_boot_ns < l->window_boot_ns + id->restart_window_ms * NS_PER_MS;
	char window[CLOCK_TEXT_MAX];

	if (id->policy == PT_POLICY_NO) {
		snprintf(buf, STORY_MAX,
			"It runs until it ends or is stopped; its policy is not to restart it.");
		return;
	}
	snprintf(buf, STORY_MAX,
		"It runs until it ends or is stopped. %s it is started again (policy %s)",
		id->policy == PT_POLICY_ALWAYS ? "When it ends" : "If it fails",
		pt_policy_label(id->policy));
	if (id->restart_limit)
		append(buf, ", unless that has happened %u times within %s; so far %u",
			id->restart_limit, span_ms(id->restart_window_ms, window),
			window_open ? l->window_count : 0);
	append(buf, ".");
}

const char *story_next(const struct view *v, const struct view_row *r, char buf[static STORY_MAX])
{
	const struct pt_life *l = &r->row.life;
	const char *name = r->row.ident.name;
	char span[CLOCK_TEXT_MAX], when[CLOCK_TEXT_MAX];
	uint64_t wait = until(v, l->next_boot_ns);

	if (!v->supervised) {
		snprintf(buf, STORY_MAX,
			"Nothing, since no spawner runs to do it; \"tend start\" starts the daemons again.");
		return buf;
	}
	switch (l->state) {
	case PT_STATE_STARTING:
		snprintf(buf, STORY_MAX, "It is being started.");
		break;
	case PT_STATE_RUNNING:
		if_it_ends(v, r, buf);
		break;
	case PT_STATE_STOPPING:
		snprintf(buf, STORY_MAX,
			l->again ? "It starts again as soon as it is gone."
				 : "It rests once it is gone.");
		if (l->next_boot_ns)
			append(buf, " If it has not ended in %s, at %s, it gets SIGKILL.",
				clock_span(wait, span), clock_rfc3339(v->now_real_ns + wait, when));
		break;
	case PT_STATE_BACKOFF:
		snprintf(buf, STORY_MAX,
			"It is started again in %s, at %s. \"tend restart %s\" does it now.",
			clock_span(wait, span), clock_rfc3339(v->now_real_ns + wait, when), name);
		break;
	default:
		snprintf(buf, STORY_MAX, "Nothing by itself. \"tend restart %s\" starts it.", name);
	}
	return buf;
}
