/*
 * client/view.h - what a reading command shows: a private copy of the table, sorted by name, with
 * the facts that decide how far it can be trusted.
 *
 * While the spawner lives the table is the truth and nothing else is looked at, but for the four
 * daemons themselves. When it doesn't (dead, or stopped by someone), each pid is verified against
 * /proc: a process may have ended, and no one has written that down yet.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/role.h"
#include "client/instance.h"
#include "shm/table.h"

struct view_row {
	struct pt_row row; /* without its exit block, which is the daemons' own */
	bool gone;	   /* the table says that it has a process, but there is none */
	/* a positive errno: what it writes is not captured for this reason, and waits in its pipe;
	 * 0 = it is */
	int log_error;
	/* it runs, its output pipe is full, and nobody empties it: it waits when it writes */
	bool log_blocked;
};

struct listed;

struct view_daemon {
	struct pt_daemon rec; /* all zero: never started */
	char letter;	      /* as pid_state() */
	bool stuck;	      /* the monitor: it lives, and has not looked at what runs for long */
};

struct view {
	const struct home *home; /* where the specifications are, for whoever set it; NULL */
	const struct listed
		*listed; /* what the registry listed last, for whoever loaded it; NULL */
	bool present;	 /* false: there is no table; everything else is empty */
	bool same_boot;
	/* another PID namespace, or no /proc: no pid can be verified, and none counts as gone; of
	 * the daemons the locks are asked */
	bool foreign;
	bool supervised; /* the spawner lives and runs */
	bool captures;	 /* the logger lives and runs */
	struct pt_info info;
	struct pt_monitor monitor; /* all zero: none has said anything */
	struct view_daemon daemon[ROLE_MAX];
	struct view_row *row; /* sorted by name */
	size_t n;
	size_t row_bytes;  /* private */
	size_t unreadable; /* rows whose content is damaged */
	uint64_t now_boot_ns, now_real_ns;
	/* when the monitor last sampled a process that runs, of the rows that were read; 0 = none
	 * runs */
	uint64_t looked_boot_ns;
	uint64_t written_real_ns; /* newest time that is found in the table */
};

/* in: attached, or not at all (in->pt NULL: an empty view). Free it with view_done(). -ENOMEM. */
int view_load(const struct instance *in, struct view *ret);
void view_done(struct view *v);

/* The same in parts, for those who look at each row once and in no order: everything but the rows,
 * then the row of each slot below pt_high(). view_read() returns 0, or an error as pt_read(). */
void view_begin(const struct instance *in, struct view *ret);
int view_read(const struct instance *in, struct view *v, uint32_t slot, struct view_row *ret);

/* Open the home (NULL: $TEND_HOME or the default), attach, load, close. No instance at all is no
 * error: ret->present is false. */
int view_take(const char *home, struct view *ret, struct fault *f);

/* The row of a name; NULL. */
struct view_row *view_find(const struct view *v, const char *name);
/* The row of the registry that tend runs; NULL. */
const struct view_row *view_registry(const struct view *v);

/* "running", "stopped" (someone stopped it), "dead". */
const char *view_daemon_state(const struct view_daemon *d);
bool view_daemon_lives(const struct view_daemon *d);

/* The reference's word: running, stopped or killed. */
const char *view_word(const struct view_row *r);
/* Finer: the label of the state, or "gone". */
const char *view_state(const struct view_row *r);
bool view_is_up(const struct view_row *r);
/* Are there samples of this very run? Those of an earlier one say nothing about it. */
bool view_is_sampled(const struct view_row *r);
/* Length of the current run; 0 when none is. */
uint64_t view_uptime_ns(const struct view *v, const struct view_row *r);

#endif
