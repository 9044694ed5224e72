/* shm/ring.c - the command entries (shm/ring.h). What is read from them is copied first and checked
 * then. */
#include "shm/ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/str.h"
#include "shm/layout.h"
#include "shm/lock.h"

static struct seg_command *entry(const struct pt *pt, uint32_t i)
{
	return seg_at(pt, SEG_COMMANDS, i);
}

static uint32_t state_of(const struct seg_command *c)
{
	return atomic_load_explicit(&c->state, memory_order_acquire);
}

static uint32_t boot_seconds(void)
{
	return (uint32_t)(clock_boot_ns() / NS_PER_SEC);
}

/* Its client has had the time to take the answer. */
static bool is_unread(const struct seg_command *c)
{
	return state_of(c) == SEG_DONE &&
		boot_seconds() - atomic_load(&c->done_boot_s) >= PT_ANSWER_KEEP_S;
}

unsigned pt_unread(const struct pt *pt, pid_t who[static PT_UNREAD_NAMED])
{
	unsigned n = 0;

	memset(who, 0, sizeof(*who) * PT_UNREAD_NAMED);
	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		const struct seg_command *c = entry(pt, i);
		pid_t pid = c->pid;

		if (!is_unread(c) || !pid_alive(pid, c->start_ticks))
			continue;
		n++;
		for (unsigned k = 0; k < PT_UNREAD_NAMED && who[k] != pid; k++)
			if (who[k] == 0) {
				who[k] = pid;
				break;
			}
	}
	return n;
}

/* Free the answered entries whose clients are dead, or don't take their answers: stopped, they
 * would keep all others from asking. /proc is read outside the lock; the freeing compares the
 * ticket again under it. */
static void reclaim(struct pt *pt, unsigned lock_ms)
{
	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		struct seg_command *c = entry(pt, i);
		uint64_t ticket = atomic_load(&c->ticket);

		if (state_of(c) != SEG_DONE || (!is_unread(c) && pid_alive(c->pid, c->start_ticks)))
			continue;
		if (pt_lock(pt, lock_ms) < 0)
			return;
		if (state_of(c) == SEG_DONE && atomic_load(&c->ticket) == ticket)
			atomic_store(&c->state, SEG_FREE);
		pt_unlock(pt);
	}
}

/* Word by word, as in shm/latch.c: whoever sees a word of a new filling also sees that the entry
 * was FILLING. */
static void copy_words(void *to, const void *from, size_t bytes)
{
	_Atomic uint64_t *out = to;

	for (size_t i = 0; i < bytes / 8; i++) {
		uint64_t word;

		memcpy(&word, (const unsigned char *)from + 8 * i, 8);
		atomic_store_explicit(&out[i], word, memory_order_release);
	}
}

static bool load_request(
	const struct seg_command *c, uint32_t state, uint64_t ticket, struct pt_request *ret)
{
	const _Atomic uint64_t *from = (const _Atomic uint64_t *)(const void *)&c->req;
	uint64_t word[sizeof(*ret) / 8] = { 0 };

	for (size_t i = 0; i < sizeof(*ret) / 8; i++)
		word[i] = atomic_load_explicit(&from[i], memory_order_acquire);
	memcpy(ret, word, sizeof(*ret));
	return state_of(c) == state && atomic_load(&c->ticket) == ticket;
}

static void fill(struct pt *pt, struct seg_command *c, const struct pt_request *req,
	uint64_t start_ticks, uint64_t ticket)
{
	atomic_store_explicit(&c->state, SEG_FILLING, memory_order_release);
	copy_words(&c->req, req, sizeof(c->req));
	c->uid = getuid();
	c->pid = (int32_t)getpid();
	c->start_ticks = start_ticks;
	atomic_store_explicit(&c->progress, 0, memory_order_relaxed);
	memset(&c->answer, 0, sizeof(c->answer));
	/* Not by the journal: the daemon takes no lock, so READY applied a second time could follow
	 * DONE, and the command would be carried out twice. In this order a death leaves at worst a
	 * number that nobody got. */
	atomic_store_explicit(&seg_shared(pt)->next_ticket, ticket + 1, memory_order_release);
	atomic_store_explicit(&c->ticket, ticket, memory_order_release);
	atomic_store_explicit(&c->state, SEG_READY, memory_order_release);
}

static int post_locked(struct pt *pt, const struct pt_request *req, unsigned n,
	uint64_t start_ticks, struct pt_ticket *ret)
{
	unsigned posted = 0;

	for (uint32_t i = 0; i < PT_COMMANDS && posted < n; i++) {
		struct seg_command *c = entry(pt, i);
		uint64_t ticket = atomic_load(&seg_shared(pt)->next_ticket);

		if (state_of(c) != SEG_FREE)
			continue;
		fill(pt, c, &req[posted], start_ticks, ticket);
		ret[posted++] = (struct pt_ticket){ .index = i, .number = ticket };
	}
	return posted ? (int)posted : -EAGAIN;
}

int pt_post(struct pt *pt, const struct pt_request *req, unsigned n, unsigned lock_ms,
	struct pt_ticket *ret)
{
	uint64_t start_ticks = procfs_own_start();
	int r = -EAGAIN;

	for (unsigned tries = 0; tries < 2 && r == -EAGAIN; tries++) {
		if (tries)
			reclaim(pt, lock_ms);
		r = pt_lock(pt, lock_ms);
		if (r < 0)
			return r;
		r = post_locked(pt, req, n, start_ticks, ret);
		pt_unlock(pt);
	}
	return r;
}

int pt_await(struct pt *pt, struct pt_ticket t, uint64_t timeout_ns, struct pt_answer *ret)
{
	uint64_t until = timeout_ns == UINT64_MAX ? UINT64_MAX : clock_boot_ns() + timeout_ns;
	struct seg_command *c = entry(pt, t.index % PT_COMMANDS);

	for (;;) {
		uint32_t state = state_of(c);
		uint64_t now = clock_boot_ns();
		struct timespec ts = { 0 };

		if (atomic_load(&c->ticket) != t.number || state == SEG_FREE ||
			state >= SEG_COMMAND_STATE_MAX)
			return -ESTALE;
		if (state == SEG_DONE) {
			*ret = c->answer;
			ret->text[PT_ANSWER_MAX - 1] = 0;
			atomic_compare_exchange_strong(&c->state, &state, SEG_FREE);
			return 0;
		}
		if (now >= until)
			return -ETIMEDOUT;
		ts.tv_sec = (time_t)((until - now) / NS_PER_SEC);
		ts.tv_nsec = (long)((until - now) % NS_PER_SEC);
		if (syscall(SYS_futex, &c->state, FUTEX_WAIT, state,
			    until == UINT64_MAX ? NULL : &ts, NULL, 0) < 0 &&
			errno != EAGAIN && errno != ETIMEDOUT)
			return -errno;
	}
}

static bool is_sane(const struct pt_request *r)
{
	return r->kind < PT_COMMAND_MAX && memchr(r->name, 0, sizeof(r->name)) &&
		memchr(r->spec, 0, sizeof(r->spec)) && !strchr(r->spec, '/') &&
		(r->kind == PT_COMMAND_SHUTDOWN || (r->kind == PT_COMMAND_ROTATE && !r->name[0]) ||
			name_check(r->name, NULL) == 0); /* rotate without a name: all */
}

static void answer_nonsense(struct pt *pt, struct pt_ticket t)
{
	struct pt_answer a = { .code = -EBADMSG };

	str_copy(a.text, sizeof(a.text), "the command entry is damaged");
	pt_command_done(pt, t, &a);
}

int pt_command_next(struct pt *pt, uint64_t after, struct pt_command *ret)
{
	uint64_t best = UINT64_MAX;
	struct pt_command found = { 0 };

	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		struct seg_command *c = entry(pt, i);
		uint32_t state = state_of(c);
		uint64_t ticket = atomic_load(&c->ticket);
		struct pt_request req;

		if ((state != SEG_READY && state != SEG_RUNNING) || ticket <= after ||
			ticket >= best)
			continue;
		if (!load_request(c, state, ticket, &req)) /* answered and filled anew meanwhile */
			continue;
		if (!is_sane(&req)) {
			if (pt->access == PT_SPAWNER)
				answer_nonsense(pt, (struct pt_ticket){ i, ticket });
			continue;
		}
		if (pt_command_role(req.kind) != (enum role)pt->access)
			continue;
		best = ticket;
		found = (struct pt_command){ .ticket = { i, ticket },
			.req = req,
			.by_pid = c->pid,
			.by_uid = c->uid,
			.progress = atomic_load(&c->progress),
			.running = state == SEG_RUNNING };
	}
	if (best == UINT64_MAX)
		return -ENOENT;
	*ret = found;
	return 0;
}

/* READY to another state, if it is that still. */
static bool leave_ready(struct pt *pt, struct pt_ticket t, uint32_t to)
{
	uint32_t ready = SEG_READY;

	return t.index < PT_COMMANDS && atomic_load(&entry(pt, t.index)->ticket) == t.number &&
		atomic_compare_exchange_strong(&entry(pt, t.index)->state, &ready, to);
}

bool pt_command_accept(struct pt *pt, struct pt_ticket t)
{
	return leave_ready(pt, t, SEG_RUNNING);
}

int pt_withdraw(struct pt *pt, struct pt_ticket t)
{
	uint32_t state;

	if (leave_ready(pt, t, SEG_FREE))
		return 0;
	state = t.index < PT_COMMANDS ? state_of(entry(pt, t.index)) : SEG_FREE;
	if ((state != SEG_RUNNING && state != SEG_DONE) ||
		atomic_load(&entry(pt, t.index)->ticket) != t.number)
		return -ESTALE;
	return -EBUSY;
}

void pt_command_note(struct pt *pt, struct pt_ticket t, uint64_t progress)
{
	if (t.index < PT_COMMANDS && atomic_load(&entry(pt, t.index)->ticket) == t.number)
		atomic_store(&entry(pt, t.index)->progress, progress);
}

void pt_command_done(struct pt *pt, struct pt_ticket t, const struct pt_answer *answer)
{
	struct seg_command *c;

	if (t.index >= PT_COMMANDS)
		return;
	c = entry(pt, t.index);
	if (atomic_load(&c->ticket) != t.number || state_of(c) == SEG_FREE ||
		state_of(c) == SEG_DONE)
		return;
	c->answer = *answer;
	atomic_store(&c->done_boot_s, boot_seconds());
	atomic_store_explicit(&c->state, SEG_DONE, memory_order_release);
	syscall(SYS_futex, &c->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
