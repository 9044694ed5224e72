/*
 * logger/main.c - tend-logger: moves each process's output into its log file.
 *
 * Bytes move only while the role's lock is held, which the kernel frees when the last logger is
 * really gone: two never write at once.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/privilege.h"
#include "base/say.h"
#include "base/str.h"
#include "follower/follower.h"
#include "logger/drain.h"
#include "logger/lend.h"
#include "logger/leftlogs.h"
#include "logger/publish.h"
#include "logger/rescue.h"
#include "logger/logger.h"
#include "logger/rotate.h"
#include "logger/streams.h"
#include "logger/tendlog.h"
#include "shm/ring.h"

/* own memory; a few MB are used: whatever makes it grow must not take the machine's */
#define DATA_MAX (1ull << 30)

/* The first failure is the answer; what else can be rotated is. */
static void note_failure(struct pt_answer *answer, const char *file, int r)
{
	if (answer->code || r >= 0 || r == -ENOENT) /* an empty one needs no other */
		return;
	answer->code = r;
	(void)snprintf(
		answer->text, sizeof(answer->text), "can't rotate logs/%s: %s", file, strerror(-r));
}

/* As rotate_answer(); -ENOENT: the file is empty. */
static int rotate_now(struct stream *st)
{
	if (!rotate_ask(st))
		return -ENOENT;
	drain_now(st);
	return rotate_answer(st);
}

/* Rotate one process's files, or those of all, tend's own included. */
static void rotate(struct logger *lg, const char *name, struct pt_answer *answer)
{
	unsigned done = 0, later = 0;
	bool found = false;

	for (uint32_t i = 0; i < lg->slots; i++) {
		if (!lg->by_slot[i] || (name[0] && strcmp(lg->by_slot[i]->name, name) != 0))
			continue;
		found = true;
		for (struct stream *st = lg->by_slot[i]; st; st = st->err) {
			int r = rotate_now(st);

			done += r == 1;
			later += r == 0;
			note_failure(answer, st->shelf.base, r);
		}
	}
	if (!name[0])
		note_failure(answer, lg->own.base, tendlog_check(lg, true));
	if (answer->code)
		return;
	answer->code = found || !name[0] ? 0 : -ENOENT;
	if (answer->code)
		(void)snprintf(
			answer->text, sizeof(answer->text), "there is no process named %s", name);
	else
		(void)snprintf(answer->text, sizeof(answer->text), "%u rotated%s", done,
			later ? "; some when the line being written ends" : "");
}

static void carry_out_commands(struct logger *lg)
{
	struct pt_command c;
	uint64_t after = 0;

	while (pt_command_next(lg->pt, after, &c) == 0) {
		struct pt_answer answer = { 0 };

		after = c.ticket.number;
		pt_command_accept(lg->pt, c.ticket);
		if (c.req.kind == PT_COMMAND_ROTATE)
			rotate(lg, c.req.name, &answer);
		else
			answer.code = -EOPNOTSUPP;
		pt_command_done(lg->pt, c.ticket, &answer);
	}
}

static void look(void *arg)
{
	struct logger *lg = arg;

	streams_scan(lg);
	carry_out_commands(lg);
	(void)tendlog_check(lg, false);
}

static void moved(void *arg)
{
	publish_all(arg);
	streams_forget_versions(arg);
}

static void take_total(struct logger *lg)
{
	const char *text = getenv("TEND_LOG_TOTAL_BYTES");

	if (text && text[0] && str_bytes(text, &lg->total_bytes) < 0)
		say(SAY_WARNING,
			"TEND_LOG_TOTAL_BYTES=%s is not a size; there is no limit over all logs",
			text);
}

static int begin(void *arg)
{
	struct logger *lg = arg;

	int r = arrival_begin(lg, drain_now);

	if (r)
		return r;
	take_total(lg);
	rescue_begin(lg);
	/* the capability: pipes beyond the user's budget of pages */
	privilege_drop(0, 1ull << CAP_SYS_RESOURCE, DATA_MAX);
	shelf_begin(lg);
	streams_begin(lg);
	lend_begin(lg, drain_lent);
	tendlog_begin(lg);
	lg->leftlogs_due = true;
	return 0;
}

static void end(void *arg)
{
	struct logger *lg = arg;

	shelf_end(lg);
	streams_end_all(lg);
	rescue_end(lg);
	lend_end(lg);
	arrival_end(lg);
	leftlogs_free(lg);
	shelf_free(&lg->own);
	io_close(&lg->spawner_bell);
	io_close(&lg->peek[0]);
	io_close(&lg->peek[1]);
}

int main(int argc, char **argv)
{
	struct logger lg = { .home = HOME_INIT,
		.spawner_bell = -1,
		.peek = { -1, -1 },
		.arrivals = { .signal_fd = -1 },
		.turn_bytes = DRAIN_TURN_BYTES };
	struct follower f = { .role = ROLE_LOGGER,
		.home = &lg.home,
		.pt = &lg.pt,
		.loop = &lg.loop,
		.arg = &lg,
		.begin = begin,
		.look = look,
		.moved = moved,
		.end = end };

	return follower_main(&f, argc, argv);
}
