/* spawner/policy.c - backoff and budget (spawner/policy.h). */
#include "spawner/policy.h"

#include "base/clock.h"

#define DOUBLINGS_MAX 31u

static uint64_t delay_ms(const struct pt_ident *i, uint32_t streak)
{
	uint64_t delay;

	if (streak == 0)
		return 0;
	delay = (uint64_t)i->restart_delay_ms
		<< (streak - 1 < DOUBLINGS_MAX ? streak - 1 : DOUBLINGS_MAX);
	return delay < i->restart_max_delay_ms ? delay : i->restart_max_delay_ms;
}

/* Take one restart out of the budget. false: it is used up. */
static bool spend(const struct pt_ident *i, struct pt_life *l, uint64_t now_boot_ns)
{
	if (l->window_boot_ns == 0 ||
		now_boot_ns - l->window_boot_ns > i->restart_window_ms * NS_PER_MS) {
		l->window_boot_ns = now_boot_ns;
		l->window_count = 0;
	}
	if (i->restart_limit && l->window_count >= i->restart_limit)
		return false;
	l->window_count++;
	return true;
}

static struct policy_verdict retry(const struct pt_ident *i, struct pt_life *l,
	uint64_t now_boot_ns, enum machine_event retry_event, enum machine_event fail_event,
	enum pt_reason reason)
{
	struct policy_verdict v = { .event = retry_event, .reason = reason };

	if (!spend(i, l, now_boot_ns))
		return (struct policy_verdict){ .event = fail_event, .reason = PT_REASON_BUDGET };
	v.delay_ms = delay_ms(i, l->streak);
	if (l->streak < UINT32_MAX)
		l->streak++;
	return v;
}

static enum pt_reason reason_of(const struct pt_life *l)
{
	if (l->exit_kind != PT_EXIT_KNOWN)
		return PT_REASON_LOST;
	return (l->wait_status & 0x7f) ? PT_REASON_SIGNALED : PT_REASON_EXITED;
}

struct policy_verdict policy_after_end(
	const struct pt_ident *i, struct pt_life *l, uint64_t now_boot_ns)
{
	bool success = l->exit_kind == PT_EXIT_KNOWN && l->wait_status == 0;
	enum pt_reason reason = reason_of(l);

	if (!l->want)
		return (struct policy_verdict){ .event = EV_GONE_DOWN, .reason = l->reason };
	if (l->again) {
		/* asked for the stop before */
		bool monitor = l->reason == PT_REASON_UNHEALTHY || l->reason == PT_REASON_LIMIT;

		return (struct policy_verdict){ .event = EV_GONE_AGAIN,
			.reason = monitor ? l->reason : PT_REASON_OPERATOR };
	}
	if (success && i->policy != PT_POLICY_ALWAYS)
		return (struct policy_verdict){ .event = EV_GONE_DONE, .reason = reason };
	if (i->policy == PT_POLICY_NO)
		return (struct policy_verdict){ .event = EV_GONE_FAIL, .reason = PT_REASON_POLICY };
	/* The exit of a process that was adopted half launched may have been noted before its start
	 * was. */
	if (l->exit_boot_ns >= l->start_boot_ns &&
		l->exit_boot_ns - l->start_boot_ns >= i->stable_ms * NS_PER_MS)
		l->streak = 0;
	return retry(i, l, now_boot_ns, EV_GONE_RETRY, EV_GONE_FAIL, reason);
}

struct policy_verdict policy_after_launch(
	const struct pt_ident *i, struct pt_life *l, bool automatic, uint64_t now_boot_ns)
{
	if (!automatic || i->policy == PT_POLICY_NO)
		return (struct policy_verdict){ .event = EV_LAUNCH_FAILED,
			.reason = PT_REASON_LAUNCH };
	if (l->streak == 0)
		/* unlike a crash, a failed launch is no accident of the moment: wait before the
		 * next */
		l->streak = 1;
	return retry(i, l, now_boot_ns, EV_LAUNCH_RETRY, EV_LAUNCH_FAILED, PT_REASON_LAUNCH);
}

void policy_forgive(struct pt_life *l)
{
	l->streak = 0;
	l->window_count = 0;
	l->window_boot_ns = 0;
}
