/* monitor/judge.c - see monitor/judge.h. The rules are in monitor/verdict.c. */
#include "monitor/judge.h"

#include "base/clock.h"
#include "monitor/publish.h"

void judge(struct watch *w)
{
	enum pt_verdict v = verdict_of(&w->life, w->service, w->alive);
	struct verdict_facts facts = { .registry_state = w->mo->state.registry_state,
		.was_listed = w->was_listed };

	facts.registry_error = w->mo->state.registry_error;
	facts.not_probed = w->not_probed;
	facts.registry_url = w->mo->state.registry_url;
	facts.is_new = clock_boot_ns() - w->life.start_boot_ns < VERDICT_AWAIT_NS;
	if (w->alive == VERDICT_ALIVE && w->life.state == PT_STATE_RUNNING)
		v = verdict_refine(v, w->service, &w->life, &w->health, &facts, w->health.error);
	else if (w->alive == VERDICT_ALIVE && w->life.state == PT_STATE_STOPPING &&
		v == PT_HEALTH_HEALTHY)
		v = w->health.verdict; /* to be told to end heals nobody */
	publish_verdict(w, v);
}
