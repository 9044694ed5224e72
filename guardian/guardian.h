/*
 * guardian/guardian.h - the private state of the guardian, shared by its few files.
 *
 * The guardian is the root that everything else hangs from, so it does as little as possible: it
 * makes the segment, starts three daemons again when they end, holds a read end of every output
 * FIFO, and writes down how orphans ended. It decides nothing about processes.
 */
#ifndef GUARDIAN_GUARDIAN_H
#define GUARDIAN_GUARDIAN_H

#include "base/daemon.h"
#include "base/loop.h"
#include "base/pidref.h"
#include "follower/fifos.h"
#include "shm/owner.h"

struct guardian;

struct guarded_role { /* one of the three daemons */
	struct guardian *g;
	enum role role;
	pid_t child;		  /* our child, 0 = none */
	struct pidref other;	  /* one that an earlier guardian started: watched by its pidfd */
	struct loop_watch *watch; /* of other */
	struct loop_timer retry;
	unsigned quick; /* ends in a row after less than ROLE_STABLE_NS */
	bool failed;	/* the last start failed, and that was said */
	bool outdated;	/* other is to make room for the program that is installed now */
	bool told;	/* it was sent SIGTERM for that */
	/* patience.c: what it had done when it last got on, and when that was */
	pid_t seen_pid;
	uint64_t seen_work, seen_boot_ns;
	bool killed, abandoned; /* it did not get on; and SIGKILL did not end it */
	char *argv[7];
	char program[PATH_MAX];
};

struct guardian {
	struct daemon_start start;
	struct pt *pt;
	struct loop *loop;
	/* private truth; the segment's copy can be written again from it */
	struct pt_daemon record[ROLE_MAX];
	struct guarded_role role[ROLE_MAX]; /* [ROLE_GUARDIAN] is unused */
	uint32_t capacity;
	int bell, signals, inotify;
	struct loop_watch *inotify_watch;
	int spawner_bell; /* kept descriptor of the spawner's doorbell */
	struct loop_timer ring_retry, patience;
	struct fifos fifos;	 /* our read ends of the rows' output */
	struct pidref *stranger; /* by slot: its process, where that would not become our child */
	uint32_t strangers;	 /* slots */
	int resurrect;		 /* the first spawner brings back what was desired up */
	/* in a dead guardian's place: what the instance was about to do goes on */
	bool resumes;
	bool upgrading; /* daemons of another build may be left */
	/* the table was made from nothing, and no spawner has filled it yet: nobody is reaped, no
	 * FIFO is let go */
	bool unfilled;
	int ready_fd; /* where the spawner says that it has */
	struct loop_watch *ready_watch;
	int *inherited; /* FIFOs that our earlier self held */
	size_t n_inherited;
	/* 0 no, 1 the spawner stops everything, 2 the others are told to end */
	int shutting;
	/* set where it is found out, done by main.c after the turn of the loop: children have
	 * ended; the spawner is to be rung for; a daemon has ended while the instance ends */
	bool reap_due, ring_due, step_due;
};

/* roles.c: keep the three daemons alive. */
void roles_begin(struct guardian *g);
void roles_upgrade(struct guardian *g); /* the next one that runs another build: make it end */
/* false: it was no daemon of ours */
bool role_reaped(struct guardian *g, pid_t pid, int wait_status);
/* SIGTERM to those that are left */
void roles_end(struct guardian *g);
/* The spawner ends in order once everything has stopped, is saved and tidied up. Before that its
 * end is a crash, and it is started again; one that crashes again and again, or can't be started,
 * doesn't keep the instance from ending once everything rests. */
bool roles_spawner_is_done(const struct guardian *g);
bool roles_gone(const struct guardian *g);

/* patience.c: the end has begun; nobody is waited for without bound. */
void patience_begin(struct guardian *g);

/* upgrade.c: go on as another build. */
void upgrade_asked(struct guardian *g); /* SIGHUP: as the program that run/upgrade names */
/* as what lies where our own file was; false: that is us, or it can't be executed */
bool upgrade_to_installed(struct guardian *g);
void upgrade_inherit(struct guardian *g); /* the FIFOs that our earlier self held */
void upgrade_release(struct guardian *g); /* and let them go: we hold our own now */

/* displaced.c: end the daemons that the table names (g->record) and that hold a lock file which is
 * not in run/ any more. -EBUSY: they are those of another folder, which has the same path in their
 * mounts; none was ended. */
int displaced_end(struct guardian *g, struct fault *f);

/* orphans.c: reap, and record the exits of processes whose spawner died. */
void orphans_reap(struct guardian *g);

/* fifos.c: hold a read end of every output FIFO, never read. */
int fifos_begin(struct guardian *g);
void fifos_hold(struct guardian *g);

/* table.c: make, watch, and make again the segment. */
int table_begin(struct guardian *g, int segment_fd, struct fault *f);
void table_watch(struct guardian *g);
void table_check(struct guardian *g);
void table_record(struct guardian *g, enum role role); /* write g->record[role] */
void tell_daemon(struct guardian *g, enum role role);  /* the event: it was started again */
bool table_rests(const struct guardian *g);	       /* no process is up, or will be by itself */

#endif
