/* shm/events.c - one ring a daemon, one writer a ring (shm/events.h). */
#include "shm/events.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "shm/layout.h"

#define EVENT_WORDS (sizeof(struct pt_event) / 8)

static struct seg_ring *ring_of(const struct pt *pt, unsigned role)
{
	return seg_at(pt, seg_events_of(role), 0);
}

static uint32_t entries_of(const struct pt *pt, unsigned role)
{
	return pt->header.region[seg_events_of(role)].count - 1;
}

static _Atomic uint64_t *entry_at(const struct pt *pt, unsigned role, uint64_t pos)
{
	return seg_at(pt, seg_events_of(role), 1 + (uint32_t)(pos % entries_of(pt, role)));
}

uint64_t pt_event_head(const struct pt *pt, unsigned role)
{
	return role < ROLE_MAX
		? atomic_load_explicit(&ring_of(pt, role)->head, memory_order_acquire)
		: 0;
}

uint64_t pt_event_tail(const struct pt *pt, unsigned role)
{
	uint64_t head = pt_event_head(pt, role);

	if (role >= ROLE_MAX || head <= entries_of(pt, role))
		return 0;
	return head - entries_of(pt, role);
}

int pt_event_read(const struct pt *pt, unsigned role, uint64_t pos, struct pt_event *ret)
{
	const _Atomic uint64_t *from;
	uint64_t word[EVENT_WORDS];
	struct pt_event ev;

	if (role >= ROLE_MAX)
		return -ERANGE;
	if (pos >= pt_event_head(pt, role))
		return -EAGAIN;
	from = entry_at(pt, role, pos);
	for (unsigned i = 0; i < EVENT_WORDS; i++)
		word[i] = atomic_load_explicit(&from[i], memory_order_acquire);
	/* seq is word 0: it was right before the copy began, and still is */
	if (word[0] != pos + 1 || atomic_load_explicit(&from[0], memory_order_relaxed) != pos + 1)
		return -ESTALE;
	memcpy(&ev, word, sizeof(ev));
	if (!memchr(ev.name, 0, sizeof(ev.name)))
		return -EBADMSG;
	*ret = ev;
	return 0;
}

static void put(struct pt *pt, uint64_t pos, const struct pt_event *ev)
{
	_Atomic uint64_t *to = entry_at(pt, pt->access, pos);
	uint64_t word[EVENT_WORDS];

	memcpy(word, ev, sizeof(word));
	atomic_store_explicit(&to[0], 0, memory_order_release);
	for (unsigned i = 1; i < EVENT_WORDS; i++)
		atomic_store_explicit(&to[i], word[i], memory_order_release);
	atomic_store_explicit(&to[0], pos + 1, memory_order_release);
}

uint64_t pt_event_stage(struct pt *pt, struct pt_event *ev)
{
	uint64_t pos = pt_event_head(pt, pt->access);

	if (pt->access >= PT_CLIENT)
		return UINT64_MAX;
	ev->seq = pos + 1;
	ev->real_ns = clock_real_ns();
	ev->boot_ns = clock_boot_ns();
	put(pt, pos, ev);
	return pos;
}

void pt_event_restore(struct pt *pt, uint64_t pos, const struct pt_event *ev)
{
	if (pt->access < PT_CLIENT && pos >= pt_event_head(pt, pt->access))
		put(pt, pos, ev);
}

void pt_event_publish(struct pt *pt, uint64_t pos)
{
	struct seg_ring *r = ring_of(pt, pt->access);

	if (pt->access < PT_CLIENT && atomic_load_explicit(&r->head, memory_order_relaxed) <= pos)
		atomic_store_explicit(&r->head, pos + 1, memory_order_release);
}

/* Where the older one was overwritten, the first entry that is none ends it. */
void pt_event_carry(struct pt *pt, const struct pt *from)
{
	struct pt_event ev;
	uint64_t pos;

	if (pt->access >= PT_CLIENT)
		return;
	pos = pt_event_head(pt, pt->access);
	if (pos < pt_event_tail(from, pt->access))
		pos = pt_event_tail(from, pt->access);
	for (; pt_event_read(from, pt->access, pos, &ev) == 0; pos++) {
		pt_event_restore(pt, pos, &ev);
		pt_event_publish(pt, pos);
	}
}

void pt_event_add(struct pt *pt, struct pt_event *ev)
{
	pt_event_publish(pt, pt_event_stage(pt, ev));
}
