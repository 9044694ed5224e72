/*
 * spawner/spawner.h - the private truth about one process, and about the spawner itself. The rows
 * of the table are copies that can be written again from here; no decision is read back from the
 * segment, except by a new spawner that has nothing else (adopt.c).
 */
#ifndef SPAWNER_SPAWNER_H
#define SPAWNER_SPAWNER_H

#include "base/clock.h"
#include "base/daemon.h"
#include "base/loop.h"
#include "base/pidref.h"
#include "shm/events.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "spawner/cgroup.h"
#include "spawner/queue.h"
#include "spawner/wishes.h"

struct spec;
struct spawner;

struct waiter { /* a command that is answered when the process gets where it was sent */
	struct waiter *next;
	struct pt_ticket ticket;
	uint8_t kind; /* enum pt_command_kind: START, STOP or RESTART */
};

struct proc {
	struct spawner *sp;
	uint32_t slot, gen;
	struct pt_ident *ident; /* proc_keep_ident(); to copy it as a whole: proc_ident() */
	struct pt_life life;
	/* the process itself; .pid 0 once it has ended; a pidfd only where it is not our child */
	struct pidref ref;
	struct loop_watch *watch; /* of ref.fd, for a process that is not our child */
	/* one member of a tree that outlived its root: watched to know when to look again */
	struct pidref leftover;
	struct loop_watch *leftover_watch;
	struct loop_timer timer; /* life.next_boot_ns */
	struct waiter *waiters;
	/* of the launch in progress: when the pipes were looked at, just before the child was made
	 * */
	uint64_t launch_boot_ns;
	/* the START that made the row, until it has succeeded or failed */
	const struct pt_command *added;
	/* the sentence about a launch that failed just now, until its waiters are answered */
	const char *launch_fault;
	/* of the current or last run: the session id that its tree inherits */
	pid_t session;
	bool session_seen; /* we saw its first process live */
	/* read end of its output FIFO, held for the row's life, never read */
	int keeper_fd;
	int keeper_err_fd; /* the same for standard error, where that is separate */
	bool child;	   /* our own, to be reaped by us */
	/* what names the process is no table of this instance, but a file, which may be of another
	 * or an old one */
	bool unproven;
	bool withdrawn; /* it failed: row and FIFOs are gone, the record goes next */
	/* the pidfd says it ended, how is not known yet: the guardian's note is awaited */
	bool ended_unseen;
	/* it is gone, and the other daemons are asked how it ended until then; 0 = they are not */
	uint64_t asked_until_ns;
	bool spec_dirty;   /* the spec file is new: sync it with the next save */
	bool spec_syncing; /* the save under way syncs it */
	bool restarting;   /* the launch in progress was counted as a restart */
	/* its cgroup was killed, or may have been by an earlier spawner: begin with a new one */
	bool stale_cgroup;
	/* of the surroundings of this run: what the kernel did not grant (config/surroundings.h) */
	uint32_t refused;
	uint8_t kills; /* SIGKILL rounds of this stop */
};

struct spawner {
	struct daemon_start start;
	struct pt *pt;
	struct loop *loop;
	/* what the loop calls for a process: its deadline passed, a member of its tree ended */
	loop_timer_fn *on_deadline;
	loop_fn *on_leftover;
	struct queue queue; /* what waits for its turn (drive.c) */
	bool settling;
	struct fault launch_fault; /* proc.launch_fault points to it */
	struct proc **slot;	   /* by slot; NULL = free */
	/* by slot: ref.pid, side by side to be searched (proc_note_pid()) */
	pid_t *pid;
	uint32_t high; /* slots from here on were never used */
	uint32_t capacity;
	void *by_name;			/* tsearch(3) tree of struct proc, ordered by name */
	int bell, signals, children_fd; /* children_fd: /proc/self/task/TID/children */
	int guardian_bell, monitor_bell, logger_bell;
	struct pidref guardian;
	struct loop_watch *guardian_watch;
	unsigned children; /* processes that we launched or forked and have not reaped */
	unsigned unseen;   /* procs with ended_unseen */
	/* procs with asked_until_ns: no command is carried out before their ends are told */
	unsigned asking;
	/* the command that waits until the logger has taken what lies in a pipe, and for how long
	 * */
	uint64_t removing, remove_at_boot_ns;
	uint32_t next_order;
	uint64_t last_ticket;		  /* the highest of the commands that we have begun */
	uint64_t busy_ticket;		  /* of the one that has to come again, 0 = none */
	struct loop_timer commands_retry; /* the table lock was busy */
	struct loop_timer look_timer;	  /* watch again what could not be watched (exits.c) */
	struct loop_timer sweep_timer;	  /* look for leftover files */
	bool lock_stuck;		  /* the last attempt to take the lock failed */
	struct cgroup cgroup;
	bool changed;	   /* something was published in this turn: bump the counter */
	bool pids_changed; /* ring guardian, monitor and logger */
	bool shutting;	   /* the instance is being shut down */
	bool resurrect;
	bool no_clone3;

	struct loop_timer save_timer; /* save.c */
	pid_t saver;
	bool save_wanted, save_failed;
	char *foreign_entries, *foreign_keys;
	struct wishes wishes;
	char boot_id[40];
};

/* proc.c: making, finding, forgetting. What happens to a process: drive.h. */
struct proc *proc_find(struct spawner *sp, const char *name);
/* Whose process is this pid? Private memory decides that, never the table, which may be damaged. */
struct proc *proc_of_pid(struct spawner *sp, pid_t pid);
void proc_note_pid(struct proc *p); /* ref.pid has changed */
/* Private memory for a row (its ident is copied). NULL: no memory. */
struct proc *proc_new(struct spawner *sp, uint32_t slot, const struct pt_ident *ident);
void proc_free(struct proc *p);
/* Make ident the process's, kept without the unused end of its command. 0, or -ENOMEM with the old
 * one kept. */
int proc_keep_ident(struct proc *p, const struct pt_ident *ident);
/* The whole of it, for the table. */
struct pt_ident proc_ident(const struct proc *p);
/* Something happened to it, found out by an action: its turn comes when that is done. Whoever is
 * not called by drive.c settles (drive.h) before it goes on. */
void proc_raise(struct proc *p, enum machine_event ev, const struct cause *why);
void proc_publish(struct proc *p); /* the life block, without a transition */
bool proc_is_up(const struct proc *p);
void proc_unwatch_leftover(struct proc *p);
#define LOOK_AGAIN_NS (200 * NS_PER_MS)
/* Something failed that may do better in a moment: the look timer, if it is not set yet. */
void proc_look_soon(struct spawner *sp, uint64_t delay_ns);

/* answer.c: who waits, and what they are told. */
int answer_later(struct proc *p, const struct pt_command *c);
void answer_waiters(struct proc *p);
/* Its start succeeded: the answer's words are what the kernel kept from it, and nothing else. */
void answer_launched(const struct proc *p, struct pt_ticket t);
void answer(struct spawner *sp, struct pt_ticket t, int code, const struct proc *p, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* launch.c: one run. Returns 0 (p->ref, p->life set), or -errno with the stage in
 * p->life.launch_stage. */
int launch(struct proc *p, struct fault *f);
/* A child's start time into ref and life; 0 for a moment longer if it can't be read. */
void launch_note_start(struct proc *p);
/* Its specification. Release with spec_done(). */
int launch_load_spec(const struct proc *p, struct spec *ret, struct fault *f);
/* Nothing else lies in the place of one of its FIFOs. */
int launch_check_fifos(const struct proc *p, struct fault *f);
/* check.c: whether the next launch would find its specification, folder, program and FIFOs: asked
 * before something that runs is ended for it. */
int launch_check(const struct proc *p, struct fault *f);
/* Make and remove the FIFOs of a row. */
int launch_make_fifos(struct proc *p, struct fault *f);
void launch_remove_fifos(struct spawner *sp, const char *name);
/* Hold its FIFOs, as far as they are there. */
void launch_hold(struct proc *p);
bool launch_output_waits(struct proc *p); /* in one of its FIFOs lies what nobody has taken yet */

/* exits.c: how processes end. */
void exits_reap(struct spawner *sp);
void exits_watch(struct proc *p); /* a process that is not our child */
/* those that could not be watched, or whose start could not be read */
void exits_watch_again(struct spawner *sp);
void exits_look_at(struct proc *p);  /* it has ended: how? */
void exits_look(struct spawner *sp); /* has the guardian noted the exits that we wait for? */

/* adopt.c: what a new spawner finds. */
int adopt_all(struct spawner *sp);
void adopt_segment(struct spawner *sp); /* the segment was made again */
void adopt_process(struct proc *p);	/* it ran when we came, or has ended since */

/* rebuild.c: what the table lacks. Adds to *n how many rows that were. -errno: what runs already
 * can't be told now, nothing was done. */
int rebuild(struct spawner *sp, bool table_is_new, unsigned *n);

/* commands.c */
void commands_scan(struct spawner *sp);

/* save.c: processes.json, in a forked child. */
/* of a process that is stopped in order to be started again; else the label of its state */
#define STATE_RESTARTING "restarting"
void save_now(struct spawner *sp);  /* what is desired changed */
void save_soon(struct spawner *sp); /* only a pid changed: within a second */
int save_load(struct spawner *sp, struct fault *f);
/* A child has ended: if it was the saver, look what came of it. True: the end of the instance does
 * not wait for another, all is written, or it failed twice. */
bool save_reaped(struct spawner *sp, pid_t pid, int wait_status);
bool save_pending(const struct spawner *sp);
/* we are about to become the guardian: what the saver knows must not come after what the next
 * spawner knows */
void save_abort(struct spawner *sp);

#endif
