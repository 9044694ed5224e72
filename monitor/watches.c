/*
 * monitor/watches.c - which processes there are, and when each is looked at: the cycle in which all
 * are sampled, and what comes between two.
 */
#include "monitor/watches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "monitor/alert.h"
#include "monitor/care.h"
#include "http/client.h"
#include "monitor/judge.h"
#include "monitor/registry.h"
#include "monitor/run.h"
#include "monitor/watch.h"
#include "shm/owner.h"

static void on_timer(void *arg);
static void arm(void *arg);

static void on_http_trouble(void *arg, const char *text)
{
	(void)arg;
	say(SAY_ERROR, "%s", text);
}

int watches_begin(struct monitor *mo)
{
	loop_timer_init(&mo->timer, on_timer, mo);
	struct http_setup http = { .loop = mo->loop,
		.ca_file = getenv("MCP_MESH_REGISTRY_CA"),
		.trouble = on_http_trouble };
	int r;

	mo->fifos.home = &mo->home;

	loop_after_batch(mo->loop, arm, mo);
	if ((r = http_new(&http, &mo->http)) || (r = registry_new(mo, &mo->registry)) ||
		(r = care_shared_new(mo, &mo->shared)) ||
		(r = alerts_new(mo, care_conf(mo), &mo->alerts)))
		return r;
	return sample_walk_new(&mo->walk);
}

void watches_end(struct monitor *mo)
{
	for (uint32_t i = 0; i < mo->slots; i++)
		if (mo->by_slot[i])
			watch_end(mo, i);
	fifos_done(&mo->fifos);
	io_close(&mo->spawner_bell);
	free(mo->by_slot);
	mo->by_slot = NULL;
	mo->slots = 0;
	registry_free(mo->registry);
	alerts_free(mo->alerts);
	runs_free(mo);
	care_shared_free(mo->shared);
	http_free(mo->http);
	sample_walk_free(mo->walk);
	mo->registry = NULL;
	mo->http = NULL;
	mo->walk = NULL;
}

void watches_forget_versions(struct monitor *mo)
{
	for (uint32_t i = 0; i < mo->slots; i++)
		if (mo->by_slot[i])
			mo->by_slot[i]->life_version = UINT64_MAX;
	fifos_forget(&mo->fifos);
}

static void look_at(struct monitor *mo, uint32_t slot)
{
	struct watch *w = mo->by_slot[slot];
	uint32_t gen = pt_gen(mo->pt, slot);
	uint64_t version = pt_life_version(mo->pt, slot);
	struct pt_row row;

	if (w && w->health.gen != gen) {
		watch_end(mo, slot);
		w = NULL;
	}
	if (!(gen & 1) || (w && w->life_version == version))
		return;
	int r = pt_read_blocks(
		mo->pt, slot, w ? PT_BLOCK_HEALTH : PT_BLOCK_HEALTH | PT_BLOCK_LOG, &row);
	if (r == -ENOENT)
		return; /* removed since; that rings again */
	if (r) {
		say(SAY_WARNING, "row %u of the process table can't be read: %s", slot,
			strerror(-r));
		return;
	}
	if (w && strcmp(w->name, row.ident.name) != 0) { /* another segment */
		watch_end(mo, slot);
		w = NULL;
	}
	if (w)
		watch_take_life(w, &row.life, version);
	else
		watch_begin(mo, slot, &row, version);
}

static int need_slots(struct monitor *mo, uint32_t n)
{
	if (n <= mo->slots)
		return 0;
	struct watch **more = reallocarray(mo->by_slot, n, sizeof(struct watch *));
	if (!more)
		return -ENOMEM;
	memset(more + mo->slots, 0, (n - mo->slots) * sizeof(struct watch *));
	mo->by_slot = more;
	mo->slots = n;
	return 0;
}

static void compare_rows(struct monitor *mo)
{
	uint32_t high = pt_high(mo->pt);

	if (need_slots(mo, high)) {
		say(SAY_ERROR, "no memory to watch %u processes", high);
		return;
	}
	for (uint32_t i = 0; i < mo->slots; i++)
		look_at(mo, i);
	if (fifos_look(&mo->fifos, mo->pt, NULL, NULL) < 0)
		say(SAY_ERROR, "no memory to hold the output of %u processes", high);
}

void watches_scan(struct monitor *mo)
{
	compare_rows(mo);
	arm(mo);
}

/* --- when --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* A change that the spawner does not ring for may come to a row that is up or waits for its
 * restart; the others rest. */
static bool is_going_on(const struct watch *w)
{
	return (pt_state_traits(w->life.state) & (PT_TRAIT_UP | PT_TRAIT_TIMER)) != 0;
}

/* After each turn of the loop: what is next? */
static void arm(void *arg)
{
	struct monitor *mo = arg;
	uint64_t at = mo->look_again_ns;
	bool going = false;

	for (uint32_t i = 0; i < mo->slots; i++) {
		if (!mo->by_slot[i])
			continue;
		at = earlier(at, mo->by_slot[i]->first_due_ns);
		going |= is_going_on(mo->by_slot[i]);
	}
	if (!going)
		mo->next_cycle_ns = 0;
	else if (mo->next_cycle_ns == 0)
		mo->next_cycle_ns = clock_boot_ns() + mo->interval_ns;
	registry_arm(mo->registry);
	at = earlier(at, mo->next_cycle_ns);
	if (at == mo->timer.at_boot_ns)
		return;
	if (at == 0)
		loop_timer_clear(mo->loop, &mo->timer);
	else if (loop_timer_set(mo->loop, &mo->timer, at))
		say(SAY_ERROR, "no memory for a timer; samples are late");
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void end_cycle(struct monitor *mo, uint64_t cpu_began)
{
	mo->state.cycles++;
	runs_count(mo);
	mo->state.cycle_cpu_ns = cpu_ns() - cpu_began;
	mo->state.interval_ms = (uint32_t)(mo->interval_ns / NS_PER_MS);
	(void)pt_put_monitor(mo->pt, &mo->state);
}

static void on_timer(void *arg)
{
	struct monitor *mo = arg;
	uint64_t cpu_began = cpu_ns();
	uint64_t now = clock_boot_ns();
	bool cycle = mo->next_cycle_ns != 0 && mo->next_cycle_ns <= now;
	bool judge_ended = cycle || (mo->look_again_ns != 0 && mo->look_again_ns <= now);

	if (cycle)
		mo->next_cycle_ns = now + mo->interval_ns;
	if (judge_ended) {
		mo->look_again_ns = 0;
		compare_rows(mo);
	}
	for (uint32_t i = 0; i < mo->slots; i++) {
		struct watch *w = mo->by_slot[i];

		if (!w)
			continue;
		if (w->alive == VERDICT_ALIVE &&
			(cycle || (w->first_due_ns != 0 && w->first_due_ns <= now)))
			watch_take_sample(w);
		else if (w->alive == VERDICT_ENDED && judge_ended)
			judge(w);
	}
	if (cycle)
		care_cycle(mo);
	if (cycle)
		end_cycle(mo, cpu_began);
}
