/*
 * guardian/fifos.c - what the guardian does for each row beside keeping its FIFOs open: it says
 * that it holds them, and tells how a process ended that is not its child (follower/ends.h).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>

#include "base/say.h"
#include "follower/ends.h"
#include "guardian/guardian.h"

int fifos_begin(struct guardian *g)
{
	struct pt_info info;

	pt_get_info(g->pt, &info);
	g->fifos.home = &g->start.home;
	g->stranger = malloc(sizeof(*g->stranger) * info.capacity);
	if (!g->stranger)
		return -ENOMEM;
	g->strangers = info.capacity;
	for (uint32_t i = 0; i < g->strangers; i++)
		g->stranger[i] = (struct pidref)PIDREF_NONE;
	return 0;
}

/* What our own spawner launches becomes our child when that dies. What ran before it, or is a
 * spawner's that we did not start, may become init's. */
static bool becomes_ours(const struct guardian *g, const struct pt_life *life)
{
	return g->role[ROLE_SPAWNER].child &&
		life->start_boot_ns >= g->record[ROLE_SPAWNER].since_boot_ns;
}

static void changed(void *arg, const struct pt_row *row, bool fresh)
{
	struct guardian *g = arg;
	struct pt_exit box = row->exit;
	bool ended = false;

	if (row->slot < g->strangers && becomes_ours(g, &row->life))
		pidref_done(&g->stranger[row->slot]);
	else if (row->slot < g->strangers)
		ended = end_look(&row->life, &g->stranger[row->slot], &box);
	if (!fresh && !ended)
		return;
	box.gen = box.held = row->gen;
	pt_put_exit(g->pt, row->slot, &box);
	/* for a fresh one no more than to have its bell open, should the home be removed */
	g->ring_due = true;
}

void fifos_hold(struct guardian *g)
{
	if (fifos_look(&g->fifos, g->pt, changed, g) < 0)
		say(SAY_ERROR, "no memory to hold the output of %u processes, ignoring",
			pt_high(g->pt));
}
