/*
 * monitor/watch.c - one process: is it alive, and what does it use?
 *
 * A pidfd says that a process has ended, not why. The spawner sees the same end at the same moment
 * and writes down what it means; it doesn't ring for that. So a death is judged a little later
 * (GRACE_NS), by the state that the spawner has given the row until then, and only a row that
 * nobody has dealt with is called failed for the death alone.
 */
#include "monitor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/ends.h"
#include "monitor/act.h"
#include "monitor/care.h"
#include "monitor/judge.h"
#include "monitor/publish.h"
#include "monitor/registry.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define GRACE_NS (100 * NS_PER_MS)
/* the first figures of a new process: after its start-up, before anyone asks */
#define FIRST_NS NS_PER_SEC
#define GRID_NS	 (100 * NS_PER_MS) /* first samples come together where many start */

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
void watch_take_life(struct watch *w, const struct pt_life *life, uint64_t version)
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
		judge(w);
	if (life->state == PT_STATE_FAILED || life->state == PT_STATE_BACKOFF)
		act_check(w);
}

void watch_take_sample(struct watch *w)
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

void watch_begin(struct monitor *mo, uint32_t slot, const struct pt_row *row, uint64_t version)
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
	watch_take_life(w, &row->life, version);
}

void watch_end(struct monitor *mo, uint32_t slot)
{
	struct watch *w = mo->by_slot[slot];

	mo->by_slot[slot] = NULL;
	leave(w);
	pidref_done(&w->last);
	care_free(w);
	free(w);
}
