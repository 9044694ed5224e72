/*
 * monitor/publish.c - the health blocks of the table.
 *
 * Samples don't move the change counter: whoever waits for something to happen would be woken for
 * nothing by each of 1,000 processes.
 */
#include "monitor/publish.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "shm/events.h"
#include "shm/owner.h"

/* CPU time comes in ticks of 10 ms: shorter spans say nothing */
#define PERMILLE_MIN_NS (200 * NS_PER_MS)

void publish_put(struct watch *w)
{
	(void)pt_put_health(
		/* a slot beyond a smaller, newer table: nothing to tell there */
		w->mo->pt, w->slot, &w->health);
}

void publish_all(struct monitor *mo)
{
	for (uint32_t i = 0; i < mo->slots; i++)
		if (mo->by_slot[i])
			publish_put(mo->by_slot[i]);
	(void)pt_put_monitor(mo->pt, &mo->state);
}

static void tell(struct watch *w, enum pt_verdict from, enum pt_verdict to)
{
	struct pt_event ev = { .kind = PT_EVENT_HEALTH,
		.slot = w->slot,
		.gen = w->health.gen,
		.from = (uint8_t)from,
		.to = (uint8_t)to };

	ev.pid = w->life.pid;
	ev.reason = w->life.reason;
	(void)str_copy(ev.name, sizeof(ev.name), w->name);
	pt_event_add(w->mo->pt,
		/* before the block: a monitor killed between the two tells it once more, rather
		 * than never */
		&ev);
}

void publish_verdict(struct watch *w, enum pt_verdict verdict)
{
	struct pt_health *h = &w->health;
	enum pt_verdict from = h->verdict;

	if (verdict == PT_HEALTH_FAILED)
		verdict_error(&w->life, h->error);
	if (verdict == from) {
		publish_put(w);
		return;
	}
	h->failures = verdict_failures(h->failures, from, verdict);
	h->verdict = (uint8_t)verdict;
	h->since_real_ns = clock_real_ns();
	tell(w, from, verdict);
	publish_put(w);
	pt_changed(w->mo->pt);
}

void publish_sample(struct watch *w, const struct sample *s)
{
	struct pt_health *h = &w->health;
	uint64_t now = clock_boot_ns();
	uint64_t before = w->share_boot_ns ? w->share_boot_ns : w->life.start_boot_ns;

	if (now > before && now - before >= PERMILLE_MIN_NS) {
		h->cpu_permille = sample_permille(w->share_cpu_ns, s->cpu_ns, now - before);
		w->share_boot_ns = now;
		w->share_cpu_ns = s->cpu_ns;
	}
	h->memory_bytes = s->memory_bytes;
	h->cpu_ns = s->cpu_ns;
	h->read_bytes = s->read_bytes;
	h->written_bytes = s->written_bytes;
	h->processes = s->processes;
	h->threads = s->threads;
	h->files = s->files;
	h->failures = 0;
	h->sampled_boot_ns = now;
	h->sampled_real_ns = clock_real_ns();
	if (h->verdict != PT_HEALTH_UNHEALTHY) /* as the reference: seen in order */
		h->last_seen_real_ns = h->sampled_real_ns;
	publish_put(w);
}

void publish_gone(struct watch *w)
{
	struct pt_health *h = &w->health;

	h->memory_bytes = 0;
	h->cpu_permille = h->processes = h->threads = h->files = 0;
	publish_put(w);
}

void publish_resume(struct watch *w, const struct pt_health *found)
{
	uint32_t gen = w->health.gen;

	if (found->gen == gen)
		w->health = *found;
	w->share_boot_ns = w->health.sampled_boot_ns;
	w->share_cpu_ns = w->health.cpu_ns;
	w->health.gen = gen;
}

void publish_new_run(struct watch *w)
{
	const struct pt_health *old = &w->health;
	struct pt_health h = { .gen = old->gen,
		.life = w->life.life,
		.failures = old->failures,
		.verdict = old->verdict };

	h.health_restarts = old->health_restarts; /* of the whole time since someone started it */
	h.restarted_real_ns = old->restarted_real_ns;
	h.gave_up = old->gave_up;
	h.since_real_ns = old->since_real_ns;
	h.last_seen_real_ns = old->last_seen_real_ns;
	memcpy(h.error, old->error, sizeof(h.error));
	w->health = h;
	w->share_boot_ns = w->share_cpu_ns = 0;
}
