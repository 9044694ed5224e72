/* client/ask.c - asking the daemons (client/ask.h). */
#include "client/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pidref.h"
#include "base/str.h"
#include "client/daemons.h"
#include "client/post.h"
#include "shm/wake.h"

#define STILL_NS (15 * NS_PER_SEC)
/* how often it is looked whether someone is there to answer */
#define SLICE_NS       (1 * NS_PER_SEC)
#define FIRST_SLICE_NS (NS_PER_SEC / 2) /* then the person is told what is awaited */
/* entries to get free before more are posted: one lock, one bell for many */
#define REFILL	     64u
#define ALONE_SLICES 5u
#define RING_WAIT_NS (30 * NS_PER_SEC)

struct round {
	struct instance *in;
	struct ask *a;
	size_t n, done, posted;
	size_t first; /* everything before is done */
	bool down;    /* a doorbell was rung in vain */
	const struct ask_patience *patience;
	const struct watcher *watcher;
	unsigned alone; /* slices without a spawner */
	uint64_t began;
	/* since when the one that is waited for was seen to survive SIGKILL; 0 = it was not */
	uint64_t killed;
	uint64_t moved; /* when the spawner was last seen neither stopped nor in the kernel */
	bool told;
};

void ask_fill(struct ask *a, enum pt_command_kind kind, const char *name, unsigned flags)
{
	memset(a, 0, sizeof(*a));
	a->req.kind = (uint8_t)kind;
	a->req.flags = (uint8_t)flags;
	if (name)
		str_copy(a->req.name, sizeof(a->req.name), name);
}

static int write_spec(const struct home *h, const struct ask *a, struct fault *f)
{
	int fd, r;

	if (!a->spec_text)
		return 0;
	fd = io_open(h->specs_fd, a->req.spec, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	r = fd < 0 ? fd : io_write_all(fd, a->spec_text, strlen(a->spec_text));
	if (fd >= 0)
		io_close(&fd);
	return r < 0 ? fault_errno(f, r, "cannot write %s/specs/%s", h->path, a->req.spec) : 0;
}

static void remove_spec(const struct home *h, const struct ask *a)
{
	if (a->spec_text)
		(void)unlinkat(h->specs_fd, a->req.spec, 0);
}

int ask_post_once(struct instance *in, struct ask *a, struct fault *f)
{
	int r;

	if (!instance_current(in) && (r = instance_attach(in, f)) < 0)
		return r;
	r = post_requests(in, &a->req, 1, &a->ticket, f);
	if (r == -EAGAIN)
		return fault_set(f, r, "the ring of commands is full");
	if (r < 0)
		return r;
	a->state = ASK_POSTED;
	(void)bell_ring(&in->home, pt_command_role(a->req.kind));
	return 0;
}

static void ring(struct round *o, const bool bell[ROLE_MAX])
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (bell[role] && bell_ring(&o->in->home, (enum role)role) == -ENXIO)
			o->down = true; /* it reads the ring when it starts */
}

/* The first time there may have been no descriptor for it. */
static void ring_again(struct round *o)
{
	bool bell[ROLE_MAX] = { false };

	for (size_t i = o->first; i < o->n; i++)
		if (o->a[i].state == ASK_POSTED)
			bell[pt_command_role(o->a[i].req.kind) % ROLE_MAX] = true;
	ring(o, bell);
}

/* Post what is new, as far as entries are free, and ring once for each daemon meant. -EAGAIN: none
 * was free. */
static int post_batch(struct round *o, struct fault *f)
{
	struct pt_request req[PT_COMMANDS];
	struct pt_ticket ticket[PT_COMMANDS];
	size_t index[PT_COMMANDS];
	bool bell[ROLE_MAX] = { false };
	unsigned n = 0;
	int r;

	for (size_t i = o->first; i < o->n && n + o->posted < PT_COMMANDS; i++) {
		if (o->a[i].state != ASK_NEW)
			continue;
		r = write_spec(&o->in->home, &o->a[i], f);
		if (r < 0)
			return r;
		req[n] = o->a[i].req;
		index[n++] = i;
	}
	if (n == 0)
		return 0;
	r = post_requests(o->in, req, n, ticket, f);
	for (unsigned k = 0; r > 0 && k < n && k < (unsigned)r; k++) {
		struct ask *a = &o->a[index[k]];

		a->ticket = ticket[k];
		a->state = ASK_POSTED;
		o->posted++;
		bell[pt_command_role(a->req.kind) % ROLE_MAX] = true;
	}
	ring(o, bell);
	return r < 0 ? r : 0;
}

/* A restart or a signal must not come twice. */
static bool is_repeatable(const struct ask *a)
{
	return a->req.kind != PT_COMMAND_RESTART && a->req.kind != PT_COMMAND_SIGNAL;
}

static void finish(struct round *o, struct ask *a)
{
	a->state = ASK_DONE;
	o->done++;
	o->posted--;
	if (a->answer.code != 0)
		remove_spec(&o->in->home, a);
}

/* Its entry is no use any more. It is new again, unless it may have been carried out and must not
 * be a second time. */
static void give_up_entry(struct round *o, struct ask *a)
{
	if (pt_await(o->in->pt, a->ticket, 0, &a->answer) == 0) {
		finish(o, a);
		return;
	}
	if (is_repeatable(a) || pt_withdraw(o->in->pt, a->ticket) == 0) {
		a->state = ASK_NEW;
		o->posted--;
		return;
	}
	a->answer = (struct pt_answer){ .code = -EINTR };
	(void)snprintf(a->answer.text, sizeof(a->answer.text),
		"the answer about %s was lost with the process table, or taken back since it was not read; whether it was "
		"carried out is not known, so it is not asked for again",
		a->req.name);
	finish(o, a);
}

/* The table was made again, or entries were taken back: whatever has no answer is new. */
static int post_again(struct round *o, struct fault *f)
{
	for (size_t i = o->first; i < o->n; i++)
		if (o->a[i].state == ASK_POSTED)
			give_up_entry(o, &o->a[i]);
	return instance_attach(o->in, f);
}

/* A spawner that is away for a moment is nothing to talk about: the guardian starts another. */
static int tell_spawner(struct round *o)
{
	struct pt_daemon d;
	char state;

	if (pt_read_daemon(o->in->pt, ROLE_SPAWNER, &d) < 0)
		return 0;
	state = d.pid > 0 ? pid_state(d.pid, d.start_ticks) : 0;
	if ((state != 'T' && state != 't' && state != 'D') || !o->moved)
		o->moved = clock_boot_ns();
	if (o->patience && o->patience->leaves && clock_boot_ns() - o->moved >= STILL_NS)
		return -EHOSTDOWN;
	if (o->told || !o->patience || !o->patience->doing || !o->patience->oc)
		return 0;
	o->alone = state == 0 || state == 'Z' ? o->alone + 1 : 0;
	if (state == 'T' || state == 't')
		outcome_complain(o->patience->oc,
			"waiting for the spawner, process %d, which is stopped; \"kill -CONT %d\" lets it go on",
			d.pid, d.pid);
	else if (o->alone >= ALONE_SLICES)
		outcome_complain(o->patience->oc,
			"waiting for a spawner: none stays up; %s/logs/tend.log may tell why",
			o->in->home.path);
	else
		return 0;
	o->told = true;
	return 0;
}

/* What hangs in the kernel dies when that lets go of it, whoever waits. What was asked for is
 * carried out then. */
static int check_killed(struct round *o, struct fault *f)
{
	struct ask *a = &o->a[o->first];
	struct pt_answer *answer = &a->answer;
	struct pt_row row;

	if (!o->patience || a->state != ASK_POSTED)
		return 0;
	if (pt_find(o->in->pt, a->req.name, &row) < 0 || row.life.state != PT_STATE_STOPPING ||
		!row.life.killed)
		o->killed = 0;
	else if (!o->killed)
		o->killed = clock_boot_ns();
	if (!o->killed || clock_boot_ns() - o->killed < STILL_NS)
		return 0;
	*answer = (struct pt_answer){ .code = -EDEADLK, .pid = row.life.pid };
	snprintf(answer->text, sizeof(answer->text),
		"something of it (process %d) survives SIGKILL; it ends when the kernel lets go of it, and %s",
		(int)row.life.pid,
		o->patience->leaves	 ? "then the daemons do"
			: row.life.again ? "is started again then"
					 : "is stopped then");
	if (o->patience->leaves)
		return fault_set(f, -EDEADLK, "%s: %s", a->req.name, answer->text);
	o->killed = 0;
	finish(o, a);
	return 0;
}

static void tell_progress(const struct round *o)
{
	const struct ask *a = &o->a[o->first];

	if (!o->patience || !o->patience->doing)
		return;
	if (o->n == 1)
		watcher_wait(o->watcher, o->began, "%s %s", o->patience->doing, a->req.name);
	else
		watcher_wait(o->watcher, o->began, "%s: %zu of %zu done, waiting for %s",
			o->patience->doing, o->done, o->n, a->req.name);
}

/* No answer within a slice: is someone there to give it? */
static int look_around(struct round *o, struct fault *f)
{
	int r;

	o->down = false;
	if ((r = tell_spawner(o)) < 0 || (r = check_killed(o, f)) < 0)
		return r;
	r = daemons_ensure(&o->in->home, NULL, o->watcher, f);
	if (r == 0 && !instance_current(o->in))
		return post_again(o, f);
	if (r == 0)
		ring_again(o);
	return r;
}

/* Asked at each turn, not only when a wait is interrupted: the signal may have come just before the
 * wait. */
static bool interrupted(const struct round *o)
{
	return o->patience && o->patience->interruptible &&
		watcher_stops(o->watcher) > o->patience->dealt_with;
}

static int await(struct round *o, struct ask *a, uint64_t slice)
{
	int r = pt_await(o->in->pt, a->ticket, slice, &a->answer);

	if (r < 0)
		return r;
	finish(o, a);
	return 0;
}

/* Wait for the answer of the first that has none. When it takes long, those of others are taken,
 * too. */
static int await_first(struct round *o, uint64_t slice, struct fault *f)
{
	int r = await(o, &o->a[o->first], slice);

	if (r == 0)
		return 0;
	for (size_t i = o->first + 1; (r == -EINTR || r == -ETIMEDOUT) && i < o->n; i++)
		if (o->a[i].state == ASK_POSTED)
			(void)await(o, &o->a[i], 0);
	if ((r == -EINTR || r == -ETIMEDOUT) && interrupted(o))
		return -EINTR;
	if (r == -EINTR)
		return 0;
	/* it was taken back: we were stopped after it was answered */
	if (r == -ESTALE && instance_current(o->in)) {
		give_up_entry(o, &o->a[o->first]);
		return 0;
	}
	if (r == -ESTALE)
		return post_again(o, f);
	if (r != -ETIMEDOUT)
		return fault_errno(f, r, "cannot await the answer");
	tell_progress(o);
	return look_around(o, f);
}

int ask_all(
	struct instance *in, struct ask *a, size_t n, const struct ask_patience *p, struct fault *f)
{
	struct round o = { .in = in,
		.a = a,
		.n = n,
		.patience = p,
		.watcher = p && p->oc ? p->oc->watcher : NULL,
		.began = clock_boot_ns() };
	uint64_t full_until = 0;
	int r = 0;

	while (o.done < n && r == 0) {
		while (o.first < n && a[o.first].state == ASK_DONE)
			o.first++;
		if (o.posted + o.done < n && (o.posted == 0 || o.posted + REFILL <= PT_COMMANDS)) {
			r = post_batch(&o, f);
			if (r == -EAGAIN && o.posted == 0) {
				if (!full_until)
					full_until = clock_boot_ns() + RING_WAIT_NS;
				if (clock_boot_ns() > full_until)
					return fault_set(f, -EAGAIN,
						"the ring of commands stays full; is the spawner stuck? \"tend doctor\" tells");
				instance_nap(50);
				r = 0;
				continue;
			}
			if (r == -EAGAIN)
				r = 0;
		}
		if (r == 0 && o.down)
			r = look_around(&o, f);
		if (r == 0 && a[o.first].state == ASK_POSTED)
			r = await_first(&o, o.done || full_until ? SLICE_NS : FIRST_SLICE_NS, f);
	}
	watcher_came(o.watcher);
	for (size_t i = o.first; r < 0 && i < n; i++)
		if (a[i].state == ASK_NEW)
			remove_spec(&in->home, &a[i]);
	return r;
}

int ask_sync(struct instance *in, const struct watcher *w, struct fault *f)
{
	struct outcomes oc = { .watcher = w };
	const struct ask_patience patience = { .oc = &oc };
	struct ask a;

	/* Commands are carried out once all is taken over; this one has nothing to do, since no
	 * process can be called so. */
	ask_fill(&a, PT_COMMAND_STOP, "tend", 0);
	return ask_all(in, &a, 1, &patience, f);
}

int ask_revive(struct instance *in, const struct watcher *w, struct fault *f)
{
	int r = daemons_ensure(&in->home, NULL, w, f);

	if (r == 0)
		r = instance_attach(in, f);
	return r < 0 ? r : ask_sync(in, w, f);
}
