/*
 * monitor/watch.c - which processes there are, are they alive, and when is the next sample.
 *
 * A pidfd says that a process has ended, not why. The spawner sees the same end at the same moment
 * and writes down what it means; it doesn't ring for that. So a death is judged a little later
 * (GRACE_NS), by the state that the spawner has given the row until then, and only a row that
 * nobody has dealt with is called failed for the death alone.
 */
#include "monitor/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/ends.h"
#include "monitor/alert.h"
#include "monitor/care.h"
#include "monitor/http.h"
#include "monitor/publish.h"
#include "monitor/registry.h"
#include "monitor/run.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define GRACE_NS (100 * NS_PER_MS)
/* the first figures of a new process: after its start-up, before anyone asks */
#define FIRST_NS NS_PER_SEC
#define GRID_NS	 (100 * NS_PER_MS) /* first samples come together where many start */

static void on_timer(void *arg);
static void arm(void *arg);

int watch_init(struct monitor *mo)
{
	loop_timer_init(&mo->timer, on_timer, mo);
	mo->fifos.home = &mo->home;
	int r;

	loop_after_batch(mo->loop, arm, mo);
	if ((r = http_new(mo->loop, &mo->http)) || (r = registry_new(mo, &mo->registry)) ||
		(r = care_shared_new(mo, &mo->shared)) || (r = alerts_new(mo, &mo->alerts)))
		return r;
	return sample_walk_new(&mo->walk);
}

/* --- the process of a row --- */

/* What its log holds now is of earlier runs once this one has ended. */
static void note_log(struct watch *w)
{
	char file[PT_NAME_MAX + 8];
	struct stat st;

	(void)snprintf(file, sizeof(file), "%s.log", w->name);
	w->log_begin = w->log_inode = 0;
	if (w->mo->home.logs_fd < 0 ||
		fstatat(w->mo->home.logs_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size < 0)
		return;
	w->log_begin = (uint64_t)st.st_size;
	w->log_inode = (uint64_t)st.st_ino;
}

/* Found in its first run: what was captured until now is of this one. */
static void find_log(struct watch *w, const struct pt_row *row)
{
	note_log(w);
	if (row->life.life <= 1 && row->log.gen == row->gen)
		w->log_begin = row->log.file_bytes > row->log.captured_bytes
			? row->log.file_bytes - row->log.captured_bytes
			: 0;
}

static void leave(struct watch *w)
{
	loop_unwatch(w->mo->loop, w->ending);
	w->ending = NULL;
	pidref_done(&w->ref);
	care_pause(w);
	note_log(w);
}

static void ended(struct watch *w)
{
	struct pidref last = w->ref;

	w->ref = (struct pidref){ .pid = last.pid, .start_ticks = last.start_ticks, .fd = -1 };
	leave(w);
	if (last.pid > 0) {
		pidref_done(&w->last);
		w->last = last;
	}
	w->alive = VERDICT_ENDED;
	w->first_due_ns = 0;
	w->mo->look_again_ns = clock_boot_ns() + GRACE_NS;
	publish_gone(w);
}

static void on_ending(void *arg, uint32_t events)
{
	(void)events;
	ended(arg);
}

static uint64_t first_due(const struct watch *w)
{
	uint64_t now = clock_boot_ns();
	uint64_t at = w->health.sampled_boot_ns ? w->health.sampled_boot_ns + w->mo->interval_ns
						: w->life.start_boot_ns + FIRST_NS;

	if (at < now)
		at = now;
	if (at > now + w->mo->interval_ns + FIRST_NS) /* a time in the table that can't be right */
		at = now + FIRST_NS;
	return at + GRID_NS - at % GRID_NS;
}

static void follow(struct watch *w)
{
	int r = pidref_open(w->life.pid, w->life.start_ticks, &w->ref);

	if (r == -ESRCH || r == -EINVAL) {
		ended(w);
		return;
	}
	if (!r)
		r = loop_watch(w->mo->loop, w->ref.fd, EPOLLIN, on_ending, w, &w->ending);
	if (r) { /* out of descriptors or memory: its end shows in the next sample */
		say(SAY_WARNING, "%s: can't watch pid %d: %s", w->name, (int)w->life.pid,
			strerror(-r));
		pidref_done(&w->ref);
		w->ref.pid = w->life.pid;
		w->ref.start_ticks = w->life.start_ticks;
	}
	w->alive = VERDICT_ALIVE;
	w->health.last_seen_real_ns = clock_real_ns();
	w->first_due_ns = first_due(w);
	care_begin(w);
}

void watch_judge(struct watch *w)
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

/* A spawner that finds the run gone publishes the row once more: do we know how it ended? */
static void tell_end(struct watch *w, const struct pt_life *life)
{
	struct pidref *r = w->ref.pid > 0 && w->ref.pid == life->pid ? &w->ref : &w->last;
	struct pt_exit box;

	if (r == &w->last && (r->pid <= 0 || r->pid != life->pid)) {
		pidref_done(r);
		return;
	}
	if (r->fd < 0 || !end_look(life, r, &box))
		return;
	(void)pt_put_exit(w->mo->pt, w->slot, &box);
	(void)bell_ring_kept(&w->mo->home, ROLE_SPAWNER, &w->mo->spawner_bell);
}

/* The row says something new. */
static void take_life(struct watch *w, const struct pt_life *life, uint64_t version)
{
	bool has_pid = (pt_state_traits(life->state) & PT_TRAIT_PID) && life->pid > 0;
	bool same = w->ref.pid > 0 && w->ref.pid == life->pid &&
		(!life->start_ticks || w->ref.start_ticks == life->start_ticks);
	bool new_run = life->life != w->health.life;

	w->life = *life;
	w->life_version = version;
	tell_end(w, life);
	if (w->ref.pid > 0 && !(has_pid && same)) {
		leave(w);
		publish_gone(w);
	}
	if (new_run) {
		publish_new_run(w);
		w->was_listed = false;
		w->own_port = 0;
		w->not_probed[0] = 0;
	}
	if (!has_pid) {
		w->alive = VERDICT_NONE;
		w->first_due_ns = 0;
	} else if (w->ref.pid == 0) {
		follow(w);
	}
	if (new_run || w->no_registry) /* known since its spec was read */
		registry_apply(w->mo->registry, w);
	if ((life->state == PT_STATE_STOPPED || life->state == PT_STATE_STOPPING) &&
		life->reason == PT_REASON_OPERATOR)
		care_reset(w);
	if (w->alive != VERDICT_ENDED)
		watch_judge(w);
	if (life->state == PT_STATE_FAILED || life->state == PT_STATE_BACKOFF)
		care_check(w);
}

static void take_sample(struct watch *w)
{
	struct sample s;
	int r = sample_tree(w->mo->walk, w->ref.pid, w->ref.start_ticks, &s);

	w->first_due_ns = 0;
	if (r == -ESRCH) {
		ended(w);
		return;
	}
	if (!r)
		publish_sample(w, &s);
	else
		say(SAY_DEBUG, "%s: no sample of pid %d: %s", w->name, (int)w->ref.pid,
			strerror(-r));
}

/* --- rows --- */

static void begin(struct monitor *mo, uint32_t slot, const struct pt_row *row, uint64_t version)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w) {
		say(SAY_ERROR, "%s: no memory to watch it", row->ident.name);
		return;
	}
	w->mo = mo;
	w->slot = slot;
	w->service = row->ident.service;
	(void)str_copy(w->name, sizeof(w->name), row->ident.name);
	w->ref = w->last = (struct pidref)PIDREF_NONE;
	w->health.gen = row->gen;
	publish_resume(w, &row->health);
	find_log(w, row);
	w->was_listed = w->health.life == row->life.life && w->health.listing == PT_LISTING_LISTED;
	mo->by_slot[slot] = w;
	take_life(w, &row->life, version);
}

static void end(struct monitor *mo, uint32_t slot)
{
	struct watch *w = mo->by_slot[slot];

	mo->by_slot[slot] = NULL;
	leave(w);
	pidref_done(&w->last);
	care_free(w);
	free(w);
}

void watch_done(struct monitor *mo)
{
	for (uint32_t i = 0; i < mo->slots; i++)
		if (mo->by_slot[i])
			end(mo, i);
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

void watch_forget_versions(struct monitor *mo)
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
		end(mo, slot);
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
		end(mo, slot);
		w = NULL;
	}
	if (w)
		take_life(w, &row.life, version);
	else
		begin(mo, slot, &row, version);
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

void watch_scan(struct monitor *mo)
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
			take_sample(w);
		else if (w->alive == VERDICT_ENDED && judge_ended)
			watch_judge(w);
	}
	if (cycle)
		care_cycle(mo);
	if (cycle)
		end_cycle(mo, cpu_began);
}
