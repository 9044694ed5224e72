/* shm/read.c - the lock-free reading side of the table (shm/table.h). Everything found in the
 * segment is checked before it is handed out. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/str.h"
#include "shm/layout.h"

void pt_get_info(const struct pt *pt, struct pt_info *ret)
{
	const struct seg_header *h = &pt->header;

	*ret = (struct pt_info){ .created_real_ns = h->created_real_ns,
		.total_bytes = h->total_bytes,
		.abi = h->abi,
		.capacity = h->capacity,
		.commands = h->commands,
		.uid = h->uid };
	memcpy(ret->boot_id, h->boot_id, sizeof(ret->boot_id));
	memcpy(ret->home, h->home, sizeof(ret->home));
}

bool pt_pids_are_ours(const struct pt *pt)
{
	return pt->header.pid_namespace == procfs_pid_namespace();
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

uint32_t pt_used(const struct pt *pt)
{
	return at_most(atomic_load_explicit(&seg_shared(pt)->used, memory_order_acquire),
		pt->header.capacity);
}

uint32_t pt_high(const struct pt *pt)
{
	return at_most(atomic_load_explicit(&seg_shared(pt)->high, memory_order_acquire),
		pt->header.capacity);
}

uint32_t pt_gen(const struct pt *pt, uint32_t slot)
{
	if (slot >= pt->header.capacity)
		return 0;
	return atomic_load_explicit(
		(_Atomic uint32_t *)seg_at(pt, SEG_GENS, slot), memory_order_acquire);
}

static bool ident_is_sane(const struct pt_ident *i, uint32_t gen)
{
	return i->gen == gen && memchr(i->name, 0, sizeof(i->name)) &&
		memchr(i->command, 0, sizeof(i->command)) && name_check(i->name, NULL) == 0 &&
		i->policy < PT_POLICY_MAX && i->service < PT_SERVICE_MAX && i->separate_stderr <= 1;
}

static bool life_is_sane(const struct pt_life *l, uint32_t gen)
{
	return l->gen == gen && l->state < PT_STATE_MAX && l->reason < PT_REASON_MAX &&
		l->launch_stage < PT_STAGE_MAX && l->pid >= 0;
}

static bool health_is_sane(const struct pt_health *h, uint32_t gen)
{
	return h->gen == gen && h->verdict < PT_HEALTH_MAX && h->startup < PT_PROBE_MAX &&
		h->readiness < PT_PROBE_MAX && h->liveness < PT_PROBE_MAX &&
		h->listing < PT_LISTING_MAX && memchr(h->error, 0, sizeof(h->error)) &&
		memchr(h->registry_status, 0, sizeof(h->registry_status)) &&
		memchr(h->registry_id, 0, sizeof(h->registry_id)) &&
		memchr(h->registry_endpoint, 0, sizeof(h->registry_endpoint));
}

/* The blocks of the other daemons may lag behind the row's incarnation, or be nonsense: then they
 * say nothing yet, all zero. So are those that were not asked for. */
static void read_others(
	const struct pt *pt, uint32_t slot, uint32_t gen, unsigned blocks, struct pt_row *row)
{
	if (!(blocks & PT_BLOCK_HEALTH) ||
		latch_load(seg_at(pt, SEG_HEALTHS, slot), &row->health, sizeof(row->health)) < 0 ||
		!health_is_sane(&row->health, gen))
		memset(&row->health, 0, sizeof(row->health));
	if (!(blocks & PT_BLOCK_LOG) ||
		latch_load(seg_at(pt, SEG_LOGS, slot), &row->log, sizeof(row->log)) < 0 ||
		row->log.gen != gen || row->log.state >= PT_LOG_MAX)
		memset(&row->log, 0, sizeof(row->log));
	if (!(blocks & PT_BLOCK_EXIT) ||
		latch_load(seg_at(pt, SEG_EXITS, slot), &row->exit, sizeof(row->exit)) < 0) {
		memset(&row->exit, 0, sizeof(row->exit));
	} else if (row->exit.gen != gen || row->exit.pid < 0) {
		uint32_t held = row->exit.held;

		memset(&row->exit, 0, sizeof(row->exit));
		row->exit.held = held;
	}
}

int pt_read_blocks(const struct pt *pt, uint32_t slot, unsigned blocks, struct pt_row *ret)
{
	struct pt_row row;

	for (unsigned tries = 0; tries < PT_READ_TRIES; tries++) {
		uint32_t gen = pt_gen(pt, slot);

		if (!(gen & 1))
			return -ENOENT;
		row.slot = slot;
		row.gen = gen;
		if (latch_load(seg_at(pt, SEG_IDENTS, slot), &row.ident, sizeof(row.ident)) < 0 ||
			latch_load(seg_at(pt, SEG_LIVES, slot), &row.life, sizeof(row.life)) < 0)
			return -EBUSY;
		read_others(pt, slot, gen, blocks, &row);
		if (pt_gen(pt, slot) != gen)
			continue;
		if (!ident_is_sane(&row.ident, gen) || !life_is_sane(&row.life, gen))
			return -EBADMSG;
		*ret = row;
		return 0;
	}
	return -EBUSY;
}

int pt_read(const struct pt *pt, uint32_t slot, struct pt_row *ret)
{
	return pt_read_blocks(pt, slot, PT_BLOCK_ALL, ret);
}

int pt_find(const struct pt *pt, const char *name, struct pt_row *ret)
{
	struct pt_ident ident;
	struct pt_row row;
	uint32_t high = pt_high(pt);

	for (uint32_t i = 0; i < high; i++) {
		if (!(pt_gen(pt, i) & 1) ||
			latch_load(seg_at(pt, SEG_IDENTS, i), &ident, sizeof(ident)) < 0)
			continue;
		if (strncmp(ident.name, name, sizeof(ident.name)) != 0 || pt_read(pt, i, &row) < 0)
			continue;
		/* the row changed hands between the two looks */
		if (strcmp(row.ident.name, name) != 0)
			continue;
		*ret = row;
		return 0;
	}
	return -ENOENT;
}

int pt_read_exit(const struct pt *pt, unsigned role, uint32_t slot, struct pt_exit *ret)
{
	struct pt_exit box;

	if (role >= ROLE_MAX || role == ROLE_SPAWNER || slot >= pt->header.capacity)
		return -ENOENT;
	if (latch_load(seg_at(pt, seg_exits_of(role), slot), &box, sizeof(box)) < 0)
		return -EBUSY;
	if (box.gen != pt_gen(pt, slot) || box.pid <= 0)
		return -ENOENT;
	*ret = box;
	return 0;
}

int pt_read_life(const struct pt *pt, uint32_t slot, struct pt_life *ret)
{
	uint32_t gen = pt_gen(pt, slot);
	struct pt_life life;

	if (!(gen & 1))
		return -ENOENT;
	if (latch_load(seg_at(pt, SEG_LIVES, slot), &life, sizeof(life)) < 0)
		return -EBUSY;
	if (!life_is_sane(&life, gen))
		return -EBADMSG;
	*ret = life;
	return 0;
}

uint64_t pt_life_version(const struct pt *pt, uint32_t slot)
{
	if (slot >= pt->header.capacity)
		return 0;
	return atomic_load_explicit(
		&((struct latch *)seg_at(pt, SEG_LIVES, slot))->version, memory_order_acquire);
}

int32_t pt_pid_read(const struct pt *pt, uint32_t slot)
{
	if (slot >= pt->header.capacity)
		return 0;
	return atomic_load_explicit(
		(_Atomic int32_t *)seg_at(pt, SEG_PIDS, slot), memory_order_acquire);
}

int pt_read_daemon(const struct pt *pt, unsigned role, struct pt_daemon *ret)
{
	struct pt_daemon d;

	if (role >= ROLE_MAX)
		return -ERANGE;
	if (latch_load(seg_at(pt, SEG_DAEMONS, role), &d, sizeof(d)) < 0)
		return -EBUSY;
	if (d.pid < 0)
		return -EBADMSG;
	*ret = d;
	return 0;
}

int pt_read_monitor(const struct pt *pt, struct pt_monitor *ret)
{
	struct pt_monitor m;

	if (latch_load(seg_at(pt, SEG_MONITOR, 0), &m, sizeof(m)) < 0)
		return -EBUSY;
	if (m.registry_state >= PT_REGISTRY_MAX ||
		!memchr(m.registry_url, 0, sizeof(m.registry_url)) ||
		!memchr(m.registry_error, 0, sizeof(m.registry_error)) ||
		!memchr(m.brake_reason, 0, sizeof(m.brake_reason)) ||
		!memchr(m.conf_error, 0, sizeof(m.conf_error)))
		return -EBADMSG;
	*ret = m;
	return 0;
}

bool pt_replaced(const struct pt *pt)
{
	struct pt_daemon d;

	return pt_read_daemon(pt, ROLE_GUARDIAN, &d) == 0 && (d.flags & PT_DAEMON_REPLACED);
}

uint32_t pt_changes(const struct pt *pt)
{
	return atomic_load_explicit(&seg_shared(pt)->changes, memory_order_acquire);
}

int pt_wait_change(const struct pt *pt, uint32_t seen, uint64_t timeout_ns)
{
	uint64_t until = timeout_ns == UINT64_MAX ? UINT64_MAX : clock_boot_ns() + timeout_ns;

	while (pt_changes(pt) == seen) {
		struct timespec ts, *limit = NULL;
		uint64_t now = clock_boot_ns();

		if (until != UINT64_MAX) {
			if (now >= until)
				return -ETIMEDOUT;
			ts = (struct timespec){ .tv_sec = (time_t)((until - now) / NS_PER_SEC),
				.tv_nsec = (long)((until - now) % NS_PER_SEC) };
			limit = &ts;
		}
		if (syscall(SYS_futex, &seg_shared(pt)->changes, FUTEX_WAIT, seen, limit, NULL, 0) <
				0 &&
			errno != EAGAIN && errno != ETIMEDOUT)
			return -errno;
	}
	return 0;
}
