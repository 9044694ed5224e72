/*
 * shm/ring.h - commands: a client fills an entry, rings the doorbell of the daemon meant, and
 * sleeps on the entry until it is answered.
 *
 *   FREE -> FILLING -> READY     client, under the lock (a client killed half-way is undone by the
 *                                next taker of the lock)
 *   READY -> RUNNING -> DONE     the daemon meant; DONE is stored after the answer, and wakes the
 *                                client
 *   DONE -> FREE              the client; where none is free also another one, once the client is
 *   dead or has not taken the answer for PT_ANSWER_KEEP_S READY -> FREE                 the client,
 *   withdrawing it
 *
 * Model-checked, from READY on: tests/model/ring.pml; the way there, with the lock:
 * tests/model/lock.pml.
 *
 * Tickets number the commands in the order in which they were given. A daemon that starts finds
 * READY and RUNNING entries and carries them out, so a command survives the death of the daemon, of
 * the client, or of both, and is carried out once: the daemon notes its progress in the entry.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include <stdint.h>
#include <sys/types.h>

#include "base/role.h"
#include "shm/table.h"

#define PT_COMMANDS 256u /* entries; a client that finds none free waits */
/* a client that runs takes its answer within milliseconds; one that does not is stopped */
#define PT_ANSWER_KEEP_S 2u
#define PT_SPEC_MAX	 96u
#define PT_ANSWER_MAX	 256u

enum pt_command_kind {
#define PT_COMMAND(id, label, role) PT_COMMAND_##id,
#include "shm/commands.def"
#undef PT_COMMAND
	PT_COMMAND_MAX
};

const char *pt_command_label(unsigned kind);
enum role pt_command_role(unsigned kind); /* the daemon that it is meant for */

enum pt_command_flag {
	/* stop: down now, but still desired after the next start of the instance */
	PT_FLAG_KEEP_WANT = 1,
	PT_FLAG_FORCE = 2,     /* stop, restart: SIGKILL at once */
	PT_FLAG_RESURRECT = 4, /* start: with the spec that is stored */
	PT_FLAG_TIMEOUT = 8,   /* timeout_ms counts; else the process's own */
	/* restart: asked for by the monitor, since the process fails its health check */
	PT_FLAG_UNHEALTHY = 16,
	/* restart: asked for by the monitor, since the process is over a limit */
	PT_FLAG_LIMIT = 32,
};

struct pt_request {
	uint8_t kind; /* enum pt_command_kind */
	uint8_t flags;
	uint8_t signo;
	uint32_t timeout_ms;
	char name[PT_NAME_MAX];
	/* start: file in specs/ that holds the new spec; empty = the stored one */
	char spec[PT_SPEC_MAX];
};

struct pt_ticket {
	uint32_t index;
	uint64_t number;
};

struct pt_answer {
	int32_t code; /* 0, or a negative errno: -EALREADY is a success that says so */
	int32_t pid;
	uint32_t detail;	  /* stop: 1 = SIGKILL was needed */
	char text[PT_ANSWER_MAX]; /* for a person; may be empty on success */
};

/* Client. Post up to n requests; returns how many were (at least 1), tickets in ret. -EAGAIN: no
 * entry is free just now; lock errors as pt_lock(). Ring the doorbell afterwards (shm/wake.h). */
int pt_post(struct pt *pt, const struct pt_request *req, unsigned n, unsigned lock_ms,
	struct pt_ticket *ret);
/* Sleep until it is answered; frees the entry. -ETIMEDOUT, -EINTR: not yet, call again or leave it.
 * -ESTALE: no longer ours. */
int pt_await(struct pt *pt, struct pt_ticket t, uint64_t timeout_ns, struct pt_answer *ret);

/* Take it back before anybody has begun it. 0: nobody will. -EBUSY: somebody has. -ESTALE: no
 * longer ours. */
int pt_withdraw(struct pt *pt, struct pt_ticket t);
/* Entries whose answer has been there for PT_ANSWER_KEEP_S and more, and whose client lives and
 * does not take it. who gets the first PT_UNREAD_NAMED of these clients, each once, then zeros. */
#define PT_UNREAD_NAMED 5u
unsigned pt_unread(const struct pt *pt, pid_t who[static PT_UNREAD_NAMED]);

/* Daemon. */
struct pt_command { /* a private, checked copy */
	struct pt_ticket ticket;
	struct pt_request req;
	int32_t by_pid;
	uint32_t by_uid;
	uint64_t progress; /* what an earlier incarnation noted; 0 = nothing yet */
	uint8_t running;   /* 1 = an earlier incarnation accepted it */
};
/* The unanswered command for this attachment's role with the smallest ticket above after. -ENOENT:
 * none. */
int pt_command_next(struct pt *pt, uint64_t after, struct pt_command *ret);
/* READY -> RUNNING. False: it was not READY: accepted before, or withdrawn. */
bool pt_command_accept(struct pt *pt, struct pt_ticket t);
void pt_command_note(struct pt *pt, struct pt_ticket t, uint64_t progress);
void pt_command_done(struct pt *pt, struct pt_ticket t, const struct pt_answer *answer);

#endif
