/*
 * shm/events.h - the event rings: what happened, kept in the segment and so outliving every daemon.
 *
 * Each daemon appends to a ring of its own, so a writer killed half-way leaves nothing but its own
 * unpublished entry. Readers merge the rings by time. An event is written at the head, the block it
 * tells of is committed, and only then the head moves: after a kill between the two, the next
 * incarnation sees a life block whose event_pos equals the head and publishes the entry
 * (pt_event_publish()), so each transition is reported exactly once.
 */
#ifndef SHM_EVENTS_H
#define SHM_EVENTS_H

#include <stdint.h>

#include "shm/table.h"

enum pt_event_kind {
	/* from, to, reason; pid; wait_status where a process ended (exit_kind); value = restart
	 * delay in ms. Where one was launched (reason LAUNCHED): wait_status = so many ns before
	 * this event its pipes were looked at, and value = what lay in them of earlier runs, that
	 * of standard error in the upper half (struct pt_life: start_boot_ns, pipe_left,
	 * pipe_left_err) */
	PT_EVENT_STATE = 1,
	PT_EVENT_ADDED, /* a row was made */
	PT_EVENT_REMOVED,
	PT_EVENT_SIGNAL, /* value = signal sent on request */
	/* name = the daemon; pid = its new pid; wait_status of the one before; reason DAEMON */
	PT_EVENT_DAEMON,
	PT_EVENT_HEALTH,   /* from, to are verdicts */
	PT_EVENT_LOG,	   /* from, to are log states; value = errno */
	PT_EVENT_SEGMENT,  /* the segment was made again */
	PT_EVENT_REGISTRY, /* from, to are enum pt_registry */
	/* to = 1: health-driven restarts are held back from here on, 0: no longer */
	PT_EVENT_BRAKE,
	PT_EVENT_ALERT,	 /* an alert could not be delivered; value = errno */
	PT_EVENT_ROTATE, /* a log file was rotated; value = its number */
	PT_EVENT_MAX
};

struct pt_event {
	uint64_t seq; /* position + 1; 0 = being written */
	uint64_t real_ns;
	uint64_t boot_ns;
	uint64_t value;
	uint32_t slot, gen;
	int32_t pid;
	int32_t wait_status;
	int32_t by_pid; /* the operator's CLI; 0 = tend itself */
	uint32_t by_uid;
	uint16_t kind; /* enum pt_event_kind */
	uint8_t from, to;
	uint8_t reason;	   /* enum pt_reason */
	uint8_t exit_kind; /* enum pt_exit_kind: does wait_status hold? */
	/* enum pt_stage of a failed launch (reason LAUNCH), wait_status is then its errno; else 0
	 * */
	uint8_t stage;
	uint8_t pad;
	char name[PT_NAME_MAX];
};

const char *pt_event_label(unsigned kind);

/* Position behind the newest published event of a role's ring. */
uint64_t pt_event_head(const struct pt *pt, unsigned role);
/* The oldest position that can still be read. */
uint64_t pt_event_tail(const struct pt *pt, unsigned role);
/* -EAGAIN: not written yet; -ESTALE: overwritten since. */
int pt_event_read(const struct pt *pt, unsigned role, uint64_t pos, struct pt_event *ret);

/* Writer side; the ring is that of the attachment's role. Fill the entry at the head without
 * publishing it; returns its position. Sets seq and times. UINT64_MAX, and nothing written, for an
 * attachment that has no ring. */
uint64_t pt_event_stage(struct pt *pt, struct pt_event *ev);
/* Put an event with the times that it has at a position at or above the head, unpublished: the
 * history of a table that this build can't read. */
void pt_event_restore(struct pt *pt, uint64_t pos, const struct pt_event *ev);
/* What this daemon told in an older segment after its copy in this one was made. Before anything
 * else is written to this one: the positions that its rows name go on from there. */
void pt_event_carry(struct pt *pt, const struct pt *from);
/* Publish everything up to and including pos. */
void pt_event_publish(struct pt *pt, uint64_t pos);
/* Both at once, for events that tell of no block. */
void pt_event_add(struct pt *pt, struct pt_event *ev);

#endif
