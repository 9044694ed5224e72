/*
 * spawner/proc.c - the private truth about a process as data: made, found, published, forgotten.
 * What happens to it is written down here (proc_raise()), and acted on in drive.c.
 */
#define _GNU_SOURCE 1
#include "spawner/spawner.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct proc *)a)->ident->name, ((const struct proc *)b)->ident->name);
}

struct proc *proc_find(struct spawner *sp, const char *name)
{
	struct pt_ident ident;
	struct proc key = { .ident = &ident };
	struct proc *const *found;

	strncpy(ident.name, name, sizeof(ident.name) - 1);
	ident.name[sizeof(ident.name) - 1] = 0;
	found = tfind(&key, &sp->by_name, by_name);
	return found ? *found : NULL;
}

struct proc *proc_of_pid(struct spawner *sp, pid_t pid)
{
	for (uint32_t i = 0; i < sp->high; i++)
		if (sp->pid[i] == pid && pid)
			return sp->slot[i];
	return NULL;
}

void proc_note_pid(struct proc *p)
{
	p->sp->pid[p->slot] = p->ref.pid;
}

/* Of a thousand processes most commands are short: the rest of the array would be most of what a
 * record weighs. */
static size_t kept_size(const struct pt_ident *ident)
{
	return offsetof(struct pt_ident, command) +
		strnlen(ident->command, sizeof(ident->command) - 1) + 1;
}

int proc_keep_ident(struct proc *p, const struct pt_ident *ident)
{
	size_t size = kept_size(ident);
	struct pt_ident *kept = malloc(size);

	if (!kept)
		return -ENOMEM;
	memcpy(kept, ident, size);
	((char *)kept)[size - 1] = 0;
	free(p->ident);
	p->ident = kept;
	return 0;
}

struct pt_ident proc_ident(const struct proc *p)
{
	struct pt_ident whole = { .gen = 0 };

	memcpy(&whole, p->ident, kept_size(p->ident));
	return whole;
}

struct proc *proc_new(struct spawner *sp, uint32_t slot, const struct pt_ident *ident)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->sp = sp;
	p->slot = slot;
	p->gen = ident->gen;
	if (proc_keep_ident(p, ident) < 0) {
		free(p);
		return NULL;
	}
	p->life.gen = ident->gen;
	p->ref = p->leftover = (struct pidref)PIDREF_NONE;
	p->keeper_fd = p->keeper_err_fd = -1;
	p->stale_cgroup = true;
	loop_timer_init(&p->timer, sp->on_deadline, p);
	if (!tsearch(p, &sp->by_name, by_name)) {
		free(p->ident);
		free(p);
		return NULL;
	}
	sp->slot[slot] = p;
	if (slot >= sp->high)
		sp->high = slot + 1;
	if (ident->order >= sp->next_order)
		sp->next_order = ident->order + 1;
	return p;
}

void proc_unwatch_leftover(struct proc *p)
{
	loop_unwatch(p->sp->loop, p->leftover_watch);
	p->leftover_watch = NULL;
	pidref_done(&p->leftover);
}

void proc_free(struct proc *p)
{
	struct spawner *sp = p->sp;

	BUG_ON(p->waiters);
	if (p->asked_until_ns)
		sp->asking--;
	proc_unwatch_leftover(p);
	loop_timer_clear(sp->loop, &p->timer);
	loop_unwatch(sp->loop, p->watch);
	pidref_done(&p->ref);
	proc_note_pid(p);
	io_close(&p->keeper_fd);
	io_close(&p->keeper_err_fd);
	tdelete(p, &sp->by_name, by_name);
	sp->slot[p->slot] = NULL;
	free(p->ident);
	free(p);
}

bool proc_is_up(const struct proc *p)
{
	return !(pt_state_traits(p->life.state) & PT_TRAIT_REST);
}

void proc_publish(struct proc *p)
{
	pt_put_life(p->sp->pt, p->slot, &p->life);
	p->sp->changed = true;
}

void proc_raise(struct proc *p, enum machine_event ev, const struct cause *why)
{
	queue_put(&p->sp->queue,
		&(struct queued){ .slot = p->slot, .gen = p->gen, .event = ev, .why = *why });
}

void proc_look_soon(struct spawner *sp, uint64_t delay_ns)
{
	if (!sp->look_timer.at_boot_ns)
		loop_timer_set(sp->loop, &sp->look_timer, clock_boot_ns() + delay_ns);
}
