/* shm/owner.c - the writing side of the table (shm/owner.h). */
#include "shm/owner.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/layout.h"

static int put(struct pt *pt, enum pt_access owner, enum seg_region_id id, uint32_t i,
	const void *rec, size_t bytes)
{
	if (pt->access != owner)
		return -EPERM;
	if (i >= pt->header.region[id].count)
		return -ERANGE;
	latch_store(seg_at(pt, id, i), rec, bytes);
	return 0;
}

int pt_put_ident(struct pt *pt, uint32_t slot, const struct pt_ident *in)
{
	return put(pt, PT_SPAWNER, SEG_IDENTS, slot, in, sizeof(*in));
}

int pt_put_life(struct pt *pt, uint32_t slot, const struct pt_life *in)
{
	return put(pt, PT_SPAWNER, SEG_LIVES, slot, in, sizeof(*in));
}

int pt_put_health(struct pt *pt, uint32_t slot, const struct pt_health *in)
{
	return put(pt, PT_MONITOR, SEG_HEALTHS, slot, in, sizeof(*in));
}

int pt_put_log(struct pt *pt, uint32_t slot, const struct pt_log *in)
{
	return put(pt, PT_LOGGER, SEG_LOGS, slot, in, sizeof(*in));
}

int pt_put_exit(struct pt *pt, uint32_t slot, const struct pt_exit *in)
{
	unsigned role = pt->access;

	return role == ROLE_SPAWNER || role >= ROLE_MAX
		? -EPERM
		: put(pt, pt->access, seg_exits_of(role), slot, in, sizeof(*in));
}

int pt_put_monitor(struct pt *pt, const struct pt_monitor *in)
{
	return put(pt, PT_MONITOR, SEG_MONITOR, 0, in, sizeof(*in));
}

int pt_put_daemon(struct pt *pt, unsigned role, const struct pt_daemon *in)
{
	return put(pt, PT_GUARDIAN, SEG_DAEMONS, role, in, sizeof(*in));
}

int32_t *pt_pid_cell(struct pt *pt, uint32_t slot)
{
	if (pt->access != PT_SPAWNER || slot >= pt->header.capacity)
		return NULL;
	return seg_at(pt, SEG_PIDS, slot);
}

int pt_free_slot(const struct pt *pt, uint32_t *ret_slot, uint32_t *ret_gen)
{
	for (uint32_t i = 0; i < pt->header.capacity; i++) {
		uint32_t gen = pt_gen(pt, i);

		if (gen & 1)
			continue;
		*ret_slot = i;
		*ret_gen = gen + 1;
		return 0;
	}
	return -ENOSPC;
}

/* Rows are added and removed by the spawner alone, and only where the row is in the state to be
 * left. */
static bool may_flip(const struct pt *pt, uint32_t slot, uint32_t in_use)
{
	return pt->access == PT_SPAWNER && slot < pt->header.capacity &&
		(pt_gen(pt, slot) & 1) == in_use;
}

void pt_claim(struct pt *pt, uint32_t slot)
{
	if (!may_flip(pt, slot, 0))
		return;
	struct seg_shared *s = seg_shared(pt);
	uint32_t high = pt_high(pt);
	const struct seg_change change[] = {
		{ seg_at(pt, SEG_GENS, slot), pt_gen(pt, slot) + 1, 4 },
		{ &s->used, pt_used(pt) + 1, 4 },
		{ &s->high, slot + 1 > high ? slot + 1 : high, 4 },
	};

	seg_change(pt, change, 3);
}

void pt_release(struct pt *pt, uint32_t slot)
{
	if (!may_flip(pt, slot, 1))
		return;
	struct seg_shared *s = seg_shared(pt);
	uint32_t used = pt_used(pt);
	const struct seg_change change[] = {
		{ seg_at(pt, SEG_GENS, slot), pt_gen(pt, slot) + 1, 4 },
		{ &s->used, used ? used - 1 : 0, 4 },
	};

	seg_change(pt, change, 2);
}

void pt_restore(struct pt *pt, uint32_t slot, uint32_t gen)
{
	struct seg_shared *s = seg_shared(pt);
	uint32_t high = pt_high(pt);
	bool was_free = !(pt_gen(pt, slot) & 1);
	const struct seg_change change[] = {
		{ seg_at(pt, SEG_GENS, slot), gen, 4 },
		{ &s->used, pt_used(pt) + (was_free ? 1 : 0), 4 },
		{ &s->high, slot + 1 > high ? slot + 1 : high, 4 },
	};

	seg_change(pt, change, 3);
}

void pt_changed(struct pt *pt)
{
	struct seg_shared *s = seg_shared(pt);

	if (pt->access == PT_READER)
		return;
	atomic_fetch_add_explicit(&s->changes, 1, memory_order_release);
	syscall(SYS_futex, &s->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void pt_path(const struct home *h, char buf[static PT_PATH_MAX])
{
	seg_path(h, buf);
}
