/* spawner/answer.c - commands that wait for a process to get somewhere, and what their senders are
 * told. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/surroundings.h"
#include "spawner/spawner.h"
#include "spawner/rows.h"

void answer(struct spawner *sp, struct pt_ticket t, int code, const struct proc *p, const char *fmt,
	...)
{
	struct pt_answer a = { .code = code };
	va_list ap;

	if (p) {
		a.pid = p->life.pid;
		a.detail = p->life.killed;
	}
	va_start(ap, fmt);
	vsnprintf(a.text, sizeof(a.text), fmt, ap);
	va_end(ap);
	pt_command_done(sp->pt, t, &a);
}

int answer_later(struct proc *p, const struct pt_command *c)
{
	struct waiter *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct waiter){ .next = p->waiters, .ticket = c->ticket, .kind = c->req.kind };
	p->waiters = w;
	return 0;
}

static void tell_end(const struct proc *p, char *buf, size_t size)
{
	const struct pt_life *l = &p->life;
	char sig[24];

	if (p->launch_fault)
		snprintf(buf, size, "%s", p->launch_fault);
	else if (l->launch_errno)
		snprintf(buf, size, "%s failed: %s", pt_stage_label(l->launch_stage),
			strerror(l->launch_errno));
	else if (l->exit_kind == PT_EXIT_KNOWN && WIFSIGNALED(l->wait_status))
		snprintf(buf, size, "killed by %s", str_signal_name(WTERMSIG(l->wait_status), sig));
	else if (l->exit_kind == PT_EXIT_KNOWN)
		snprintf(buf, size, "exited with status %d", WEXITSTATUS(l->wait_status));
	else
		snprintf(buf, size, "it is %s", pt_state_label(l->state));
}

/* Someone wants it up, and it is where it is. */
void answer_launched(const struct proc *p, struct pt_ticket t)
{
	char missing[FAULT_MAX] = "";

	/* what it has not got; "" = nothing */
	surroundings_list(p->refused, missing, sizeof(missing));
	answer(p->sp, t, 0, p, "%s", missing);
}

static void answer_start(struct proc *p, struct pt_ticket t)
{
	char end[FAULT_MAX] = "";

	switch (p->life.state) {
	case PT_STATE_RUNNING:
		answer_launched(p, t);
		return;
	case PT_STATE_STOPPED:
		answer(p->sp, t, -ECANCELED, p, "%s was stopped by another command",
			p->ident->name);
		return;
	default:
		tell_end(p, end, sizeof(end));
		answer(p->sp, t, p->life.launch_errno ? -p->life.launch_errno : -ECHILD, p,
			"%s: %s", p->ident->name, end);
	}
}

/* Stops are answered once the tree is gone; starts once it runs again, or rests for good. */
static bool is_answered(const struct proc *p, const struct waiter *w)
{
	if (w->kind == PT_COMMAND_STOP)
		return p->life.state != PT_STATE_STOPPING;
	return p->life.state == PT_STATE_RUNNING || p->life.state == PT_STATE_BACKOFF ||
		!proc_is_up(p);
}

/* A first start that could not be executed: nothing of it stays but the answer, and when that
 * arrives it is so already. */
static void withdraw(struct proc *p)
{
	const struct pt_command *c = p->added;
	struct cause why = { .reason = PT_REASON_LAUNCH, .by_pid = c->by_pid, .by_uid = c->by_uid };

	if (c->req.spec[0])
		wishes_note(p->sp, p->ident->name, WISH_GONE);
	if (row_withdraw(p, &why) == 0 && c->req.spec[0])
		row_unlink_spec(p->sp, p->ident->name);
}

void answer_waiters(struct proc *p)
{
	struct waiter **at = &p->waiters;

	if (p->added && p->life.state == PT_STATE_FAILED && p->life.launch_errno)
		withdraw(p);

	while (*at) {
		struct waiter *w = *at;

		if (!is_answered(p, w)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (w->kind == PT_COMMAND_STOP)
			answer(p->sp, w->ticket, 0, p, "%s", "");
		else
			answer_start(p, w->ticket);
		free(w);
	}
}
