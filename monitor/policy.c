/* monitor/policy.c - see monitor/policy.h. */
#include "monitor/policy.h"

#define NS_PER_S 1000000000ull

static unsigned fail(const struct health_policy *p, struct policy_state *s, uint64_t now_ns)
{
	unsigned actions = 0;

	s->failures += s->failures < UINT32_MAX;
	if (s->status != POLICY_UNHEALTHY && p->alert_on_failure)
		actions |= POLICY_TELL_FAILED;
	s->status = POLICY_UNHEALTHY;
	if (!p->restart_on_failure)
		return actions;
	if (s->restarts >= p->max_restart_attempts) {
		if (!s->gave_up)
			actions |= POLICY_TELL_GAVE_UP;
		s->gave_up = true;
	} else if (s->last_restart_ns == 0 ||
		now_ns - s->last_restart_ns >= p->restart_cooldown_s * NS_PER_S) {
		actions |= POLICY_RESTART;
	}
	return actions;
}

unsigned policy_check(
	const struct health_policy *p, struct policy_state *s, uint64_t now_ns, bool healthy)
{
	unsigned actions = 0;

	if (!p->enabled)
		return 0;
	if (!healthy)
		return fail(p, s, now_ns);
	if (s->failures > 0) {
		if (s->status == POLICY_UNHEALTHY && p->alert_on_recovery)
			actions = POLICY_TELL_RECOVERED;
		s->previous = s->failures;
		s->failures = 0;
	}
	s->status = POLICY_HEALTHY;
	s->gave_up = false;
	return actions;
}

void policy_restarted(struct policy_state *s, uint64_t now_ns, bool worked)
{
	if (!worked)
		return;
	s->restarts++;
	s->last_restart_ns = now_ns;
	s->failures = 0;
}

void brake_note(struct brake *b, uint32_t slot, uint64_t now_ns)
{
	struct brake_turn *place = &b->turned[0];

	for (unsigned i = 0; i < BRAKE_TIMES; i++) {
		if (b->turned[i].ns && b->turned[i].slot == slot) {
			place = &b->turned[i];
			break;
		}
		if (b->turned[i].ns < place->ns) /* a free one, or the oldest */
			place = &b->turned[i];
	}
	*place = (struct brake_turn){ .ns = now_ns, .slot = slot };
}

bool brake_holds(struct brake *b, const struct health_all *conf, unsigned processes,
	uint64_t now_ns, unsigned *ret_count)
{
	uint64_t window = conf->brake_window_s * NS_PER_S;
	unsigned many = (unsigned)((uint64_t)processes * conf->brake_percent / 100), count = 0;

	if (many < conf->brake_least)
		many = conf->brake_least;
	if (many > BRAKE_TIMES)
		many = BRAKE_TIMES;
	for (unsigned i = 0; i < BRAKE_TIMES; i++)
		count += b->turned[i].ns && now_ns - b->turned[i].ns < window;
	if (count >= many)
		b->on = true;
	else if (count == 0)
		b->on = false;
	*ret_count = count;
	return b->on;
}

uint32_t budget_left(struct budget *b, const struct health_all *conf, uint64_t now_ns)
{
	uint64_t full = conf->budget_restarts * 1000ull, window = conf->budget_window_s * NS_PER_S;

	if (b->filled_ns == 0 || now_ns - b->filled_ns >= window) {
		b->thousandths = full;
		b->filled_ns = now_ns;
	}
	uint64_t more = (uint64_t)((double)(now_ns - b->filled_ns) / (double)window * (double)full);
	if (more > 0) { /* what is too little to count goes on growing */
		b->thousandths += more;
		b->filled_ns = now_ns;
	}
	if (b->thousandths > full)
		b->thousandths = full;
	return (uint32_t)b->thousandths;
}

bool budget_take(struct budget *b, const struct health_all *conf, uint64_t now_ns)
{
	if (budget_left(b, conf, now_ns) < 1000)
		return false;
	b->thousandths -= 1000;
	return true;
}
