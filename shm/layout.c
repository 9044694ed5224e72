/* shm/layout.c - where everything lies in a segment of a given capacity, and whether a header that
 * was found says the same. */
#include "shm/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *const region_labels[SEG_REGION_MAX] = {
	[SEG_SHARED] = "shared",
	[SEG_GENS] = "gens",
	[SEG_COMMANDS] = "commands",
	[SEG_DAEMONS] = "daemons",
	[SEG_EXITS] = "exits",
	[SEG_GUARDIAN_EVENTS] = "guardian_events",
	[SEG_IDENTS] = "idents",
	[SEG_LIVES] = "lives",
	[SEG_PIDS] = "pids",
	[SEG_SPAWNER_EVENTS] = "spawner_events",
	[SEG_HEALTHS] = "healths",
	[SEG_MONITOR] = "monitor",
	[SEG_MONITOR_EXITS] = "monitor_exits",
	[SEG_MONITOR_EVENTS] = "monitor_events",
	[SEG_LOGS] = "logs",
	[SEG_LOGGER_EXITS] = "logger_exits",
	[SEG_LOGGER_EVENTS] = "logger_events",
};

const char *seg_region_label(unsigned id)
{
	return id < SEG_REGION_MAX ? region_labels[id] : "unknown";
}

enum seg_region_id seg_events_of(unsigned role)
{
	switch (role) {
	case ROLE_SPAWNER:
		return SEG_SPAWNER_EVENTS;
	case ROLE_MONITOR:
		return SEG_MONITOR_EVENTS;
	case ROLE_LOGGER:
		return SEG_LOGGER_EVENTS;
	default:
		return SEG_GUARDIAN_EVENTS;
	}
}

enum seg_region_id seg_exits_of(unsigned role)
{
	switch (role) {
	case ROLE_MONITOR:
		return SEG_MONITOR_EXITS;
	case ROLE_LOGGER:
		return SEG_LOGGER_EXITS;
	default:
		return SEG_EXITS;
	}
}

uint64_t seg_plan(uint32_t capacity, struct seg_region region[static SEG_REGION_MAX])
{
	const struct {
		size_t stride;
		uint32_t count;
	} plan[SEG_REGION_MAX] = {
		[SEG_SHARED] = { sizeof(struct seg_shared), 1 },
		[SEG_GENS] = { sizeof(uint32_t), capacity },
		[SEG_COMMANDS] = { sizeof(struct seg_command), PT_COMMANDS },
		[SEG_DAEMONS] = { LATCH_BYTES(sizeof(struct pt_daemon)), ROLE_MAX },
		[SEG_EXITS] = { LATCH_BYTES(sizeof(struct pt_exit)), capacity },
		[SEG_GUARDIAN_EVENTS] = { sizeof(struct pt_event), SEG_EVENTS_GUARDIAN + 1 },
		[SEG_IDENTS] = { LATCH_BYTES(sizeof(struct pt_ident)), capacity },
		[SEG_LIVES] = { LATCH_BYTES(sizeof(struct pt_life)), capacity },
		[SEG_PIDS] = { sizeof(int32_t), capacity },
		[SEG_SPAWNER_EVENTS] = { sizeof(struct pt_event), SEG_EVENTS_SPAWNER + 1 },
		[SEG_HEALTHS] = { LATCH_BYTES(sizeof(struct pt_health)), capacity },
		[SEG_MONITOR] = { LATCH_BYTES(sizeof(struct pt_monitor)), 1 },
		[SEG_MONITOR_EXITS] = { LATCH_BYTES(sizeof(struct pt_exit)), capacity },
		[SEG_MONITOR_EVENTS] = { sizeof(struct pt_event), SEG_EVENTS_MONITOR + 1 },
		[SEG_LOGS] = { LATCH_BYTES(sizeof(struct pt_log)), capacity },
		[SEG_LOGGER_EXITS] = { LATCH_BYTES(sizeof(struct pt_exit)), capacity },
		[SEG_LOGGER_EVENTS] = { sizeof(struct pt_event), SEG_EVENTS_LOGGER + 1 },
	};
	uint64_t at = SEG_PAGE;

	for (unsigned i = 0; i < SEG_REGION_MAX; i++) {
		uint64_t bytes = (uint64_t)plan[i].stride * plan[i].count;

		region[i] = (struct seg_region){
			.offset = at, .stride = (uint32_t)plan[i].stride, .count = plan[i].count
		};
		at += (bytes + SEG_PAGE - 1) / SEG_PAGE * SEG_PAGE;
	}
	return at;
}

/* LMDB's idea: what must be equal in two programs that share these bytes, folded into one word. */
uint64_t seg_fingerprint(void)
{
	const uint32_t facts[] = {
		0x01020304u, /* byte order */
		sizeof(pthread_mutex_t),
		_Alignof(pthread_mutex_t),
		sizeof(long),
		sizeof(struct seg_header),
		sizeof(struct seg_shared),
		sizeof(struct seg_command),
		sizeof(struct pt_ident),
		sizeof(struct pt_life),
		sizeof(struct pt_health),
		sizeof(struct pt_log),
		sizeof(struct pt_monitor),
		sizeof(struct pt_exit),
		sizeof(struct pt_daemon),
		sizeof(struct pt_event),
		PT_COMMANDS,
		PT_STATE_MAX,
		PT_REASON_MAX,
		SEG_EVENTS_SPAWNER,
		SEG_EVENTS_GUARDIAN,
		SEG_EVENTS_MONITOR,
		SEG_EVENTS_LOGGER,
	};

	return str_hash(STR_HASH_SEED, facts, sizeof(facts));
}

int seg_check(const struct seg_header *h, uint64_t file_bytes, struct fault *f)
{
	struct seg_region region[SEG_REGION_MAX];
	uint64_t magic = atomic_load_explicit(&h->magic, memory_order_acquire);

	if (magic == 0)
		return fault_set(f, -EAGAIN, "the segment is still being made");
	if (magic != SEG_MAGIC)
		return fault_set(f, -EBADMSG,
			"damaged at byte 0: 0x%016llx is not tend's magic number",
			(unsigned long long)magic);
	if (h->abi != SEG_ABI)
		return fault_set(f, -EPROTO,
			"it has layout version %u and this program reads version %u", h->abi,
			SEG_ABI);
	if (h->fingerprint != seg_fingerprint() || h->header_bytes != sizeof(*h))
		return fault_set(f, -EPROTO,
			"it was made by another build of tend (fingerprint %016llx, this program %016llx)",
			(unsigned long long)h->fingerprint, (unsigned long long)seg_fingerprint());
	if (h->capacity == 0 || h->capacity > PT_CAPACITY_MAX || h->commands != PT_COMMANDS ||
		h->regions != SEG_REGION_MAX)
		return fault_set(f, -EBADMSG,
			"damaged header: capacity %u, commands %u, regions %u", h->capacity,
			h->commands, h->regions);
	if (h->total_bytes != seg_plan(h->capacity, region) ||
		memcmp(region, h->region, sizeof(region)) != 0)
		return fault_set(f, -EBADMSG,
			"damaged header: the regions are not where a table of %u rows has them",
			h->capacity);
	if (file_bytes != h->total_bytes)
		return fault_set(f, -EBADMSG, "it has %llu bytes instead of %llu",
			(unsigned long long)file_bytes, (unsigned long long)h->total_bytes);
	if (memchr(h->boot_id, 0, sizeof(h->boot_id)) == NULL ||
		memchr(h->home, 0, sizeof(h->home)) == NULL)
		return fault_set(f, -EBADMSG, "damaged header: a string without an end");
	return 0;
}

void seg_path(const struct home *h, char buf[static 128])
{
	snprintf(buf, 128, "%s%s", SEG_DIR, h->segment); /* h->segment begins with '/' */
}
