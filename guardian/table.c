/*
 * guardian/table.c - the guardian's care for the segment: taken over from a dead guardian, made
 * new, or made again when its name or its contents are lost under the daemons (logind's RemoveIPC
 * removes a user's segments at the last logout).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "guardian/guardian.h"
#include "shm/events.h"
#include "shm/lock.h"
#include "shm/wake.h"

void table_record(struct guardian *g, enum role role)
{
	pt_put_daemon(g->pt, role, &g->record[role]);
	pt_changed(g->pt);
}

static void tell_segment(struct guardian *g)
{
	struct pt_event ev = { .kind = PT_EVENT_SEGMENT, .pid = (int32_t)getpid() };

	pt_event_add(g->pt, &ev);
}

void tell_daemon(struct guardian *g, enum role role)
{
	const struct pt_daemon *d = &g->record[role];
	struct pt_event ev = { .kind = PT_EVENT_DAEMON,
		.pid = d->pid,
		.wait_status = d->wait_status,
		.exit_kind = d->exit_kind,
		.reason = PT_REASON_DAEMON,
		.value = d->restarts };

	strcpy(ev.name, role_name(role));
	pt_event_add(g->pt, &ev);
}

static bool of_this_boot(const struct pt *pt)
{
	struct pt_info info;
	char boot[40];

	pt_get_info(pt, &info);
	return procfs_boot_id(boot) < 0 || strcmp(boot, info.boot_id) == 0;
}

/* Take over what lies there, unless it can't be used: then say why and make a new one; processes
 * that still run are found again through processes.json. */
static int attach_or_create(struct guardian *g, struct fault *f)
{
	int r = pt_attach_as(&g->start.home, PT_GUARDIAN, &g->pt, f);

	if (r == 0 && of_this_boot(g->pt)) {
		for (unsigned i = 0; i < ROLE_MAX; i++)
			pt_read_daemon(g->pt, i, &g->record[i]);
		return 0;
	}
	if (r == 0) {
		say(SAY_INFO, "the segment is from before the last boot; making a new one");
		pt_detach(g->pt);
		g->pt = NULL;
	} else if (r == -EPROTO) {
		say(SAY_INFO, "%s; making a new one, and moving everything to it", f->text);
		g->upgrading = true;
	} else if (r != -ENOENT) {
		say(SAY_WARNING, "%s; making a new one", f->text);
	}
	g->unfilled = true;
	return pt_create(&g->start.home, g->capacity, NULL, &g->pt, f);
}

int table_begin(struct guardian *g, int segment_fd, struct fault *f)
{
	struct pt_daemon *own = &g->record[ROLE_GUARDIAN];
	int r;

	if (segment_fd >= 0 && pt_attach_fd(segment_fd, PT_GUARDIAN, &g->pt, f) == 0) {
		for (unsigned i = 0; i < ROLE_MAX; i++)
			pt_read_daemon(g->pt, i, &g->record[i]);
	} else if ((r = attach_or_create(g, f)) < 0) {
		return r;
	}
	if ((r = displaced_end(g, f)) < 0)
		return r;
	if (own->pid != 0 && !g->upgrading)
		/* whoever it was, it did not end in order: that removes the segment */
		own->restarts++;
	own->pid = (int32_t)getpid();
	own->start_ticks = procfs_own_start();
	own->since_real_ns = clock_real_ns();
	own->since_boot_ns = clock_boot_ns();
	own->exit_kind = own->restarts && !g->upgrading ? PT_EXIT_LOST : PT_EXIT_NONE;
	own->flags &= ~(uint32_t)PT_DAEMON_REPLACED;
	if (!g->resumes)
		own->flags = 0; /* started anew, whatever an earlier instance was about to do */
	g->shutting = own->flags & PT_DAEMON_SHUTDOWN ? 1 : 0;
	table_record(g, ROLE_GUARDIAN);
	if (own->restarts || g->upgrading)
		tell_daemon(g, ROLE_GUARDIAN);
	table_check(g);
	return 0;
}

static void on_inotify(void *arg, uint32_t events)
{
	struct guardian *g = arg;
	char sink[4096];

	(void)events;
	while (read(g->inotify, sink, sizeof(sink)) > 0)
		;
	table_check(g);
}

void table_watch(struct guardian *g)
{
	char path[PT_PATH_MAX];

	if (!g->loop)
		return; /* one that begins, and found its table without a name; it watches soon */
	if (g->inotify < 0) {
		g->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (g->inotify < 0 ||
			loop_watch(g->loop, g->inotify, EPOLLIN, on_inotify, g, &g->inotify_watch) <
				0) {
			say(SAY_WARNING, "cannot watch the segment's name: %s, ignoring",
				strerror(errno));
			return;
		}
	}
	pt_path(&g->start.home, path);
	/* unlink() of a file that is still open changes its link count: IN_ATTRIB. Our own writes
	 * go through the mapping: IN_MODIFY is somebody's write() or truncate(). */
	if (inotify_add_watch(
		    g->inotify, path, IN_ATTRIB | IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF) < 0)
		say(SAY_WARNING, "cannot watch %s: %s, ignoring", path, strerror(errno));
}

/* Make the segment again. The old one stays mapped by its users until each has noticed. */
static void replace(struct guardian *g, const char *why)
{
	struct fault f = { "" };
	struct pt *old = g->pt, *new = NULL;
	struct pt_daemon parting = g->record[ROLE_GUARDIAN];
	struct pt_info info;

	pt_get_info(old, &info);
	if (pt_create(&g->start.home, info.capacity, old, &new, &f) < 0) {
		say(SAY_ERROR, "the segment %s and can't be made again: %s", why, f.text);
		return;
	}
	say(SAY_WARNING, "the segment %s; it was made again", why);
	g->pt = new;
	for (unsigned i = 0; i < ROLE_MAX; i++)
		pt_put_daemon(new, i, &g->record[i]);
	tell_segment(g);
	fifos_forget(&g->fifos); /* fifos_hold() writes the exit blocks again */
	parting.flags |= PT_DAEMON_REPLACED;
	pt_put_daemon(old, ROLE_GUARDIAN, &parting);
	pt_changed(old);
	pt_detach(old);
	table_watch(g);
	for (unsigned role = ROLE_SPAWNER; role < ROLE_MAX; role++)
		bell_ring(&g->start.home, role);
}

/* Nobody can lock it any more: its bytes were overwritten, or it was given up after a death. */
static bool lock_is_lost(struct guardian *g)
{
	int r = pt_lock(g->pt, 0);

	if (r == 0)
		pt_unlock(g->pt);
	return r == -EBADMSG || r == -ENOTRECOVERABLE;
}

void table_check(struct guardian *g)
{
	if (!pt_is_intact(g->pt))
		replace(g, "was overwritten");
	else if (!pt_is_current(g->pt, &g->start.home))
		replace(g, "lost its name");
	else if (lock_is_lost(g))
		replace(g, "lost its lock");
}

bool table_rests(const struct guardian *g)
{
	uint32_t high = pt_high(g->pt);
	struct pt_life life;

	if (g->unfilled)
		return false;
	for (uint32_t i = 0; i < high; i++)
		if (pt_read_life(g->pt, i, &life) == 0 &&
			!(pt_state_traits(life.state) & PT_TRAIT_REST))
			return false;
	return true;
}
