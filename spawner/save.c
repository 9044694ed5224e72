/*
 * spawner/save.c - processes.json, written by a forked child: it has a frozen copy of our memory,
 * may take as long as the disk does with fsync, and supervision goes on meanwhile. What changes
 * while it writes is written by the next one.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "config/desired.h"
#include "config/spec.h"
#include "spawner/spawner.h"

#define SAVE_SOON_NS  (1 * NS_PER_SEC)
#define SAVE_AGAIN_NS (5 * NS_PER_SEC) /* after a failure: a full disk, say */
#define SAVER_LOCK    "saver.lock"     /* in run/ */
/* more new specs than this are synced by one syncfs(): a commit for all instead of one for each */
#define SAVE_SYNC_EACH 16

static void fill_entry(const struct proc *p, struct desired_entry *e)
{
	memcpy(e->name, p->ident->name, sizeof(e->name));
	e->up = p->life.desired;
	(void)str_copy(e->state, sizeof(e->state),
		p->life.state == PT_STATE_STOPPING && p->life.again
			? STATE_RESTARTING
			: pt_state_label(p->life.state));
	e->order = p->ident->order;
	e->service = p->ident->service;
	e->pid = p->life.pid;
	e->start_ticks = p->life.start_ticks;
	e->started_real_ns = p->life.start_real_ns;
}

static void sync_spec(const struct spawner *sp, const struct proc *p)
{
	char file[NAME_MAX_BYTES + 8];
	int fd;

	spec_file_name(p->ident->name, file);
	fd = io_open(sp->start.home.specs_fd, file, O_RDONLY, 0);
	if (fd >= 0)
		(void)fsync(fd);
	io_close(&fd);
}

/* In the child. */
static int write_all(struct spawner *sp)
{
	struct desired d = { .as_of_real_ns = clock_real_ns(),
		.foreign_entries = sp->foreign_entries,
		.foreign_keys = sp->foreign_keys };
	unsigned specs = 0;

	/* what a saver left that was killed: one of a dead spawner may have died after we began */
	(void)io_sweep(sp->start.home.fd, NULL, NULL);
	memcpy(d.boot_id, sp->boot_id, sizeof(d.boot_id));
	d.entry = calloc(sp->capacity ? sp->capacity : 1, sizeof(*d.entry));
	if (!d.entry)
		return -ENOMEM;
	for (uint32_t i = 0; i < sp->capacity; i++) {
		const struct proc *p = sp->slot[i];

		if (!p || p->added)
			continue;
		fill_entry(p, &d.entry[d.n++]);
		if (p->spec_dirty && ++specs <= SAVE_SYNC_EACH)
			sync_spec(sp, p);
	}
	if (specs > SAVE_SYNC_EACH)
		(void)syncfs(sp->start.home.specs_fd);
	else if (specs)
		(void)fsync(sp->start.home.specs_fd);
	return desired_save(sp->start.home.fd, &d, IO_SYNC);
}

/*
 * One saver at a time, also of two spawners. What a dead spawner has forked knows older things than
 * the next one, and must not come after it: it dies with its parent, wherever it is; and one that
 * can't die yet, for it waits inside the kernel for a disk, keeps this lock for so long.
 */
static int be_the_only_saver(const struct spawner *sp, pid_t parent)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	io_make_way(sp->start.home.run_fd, SAVER_LOCK, S_IFREG);
	fd = io_open(sp->start.home.run_fd, SAVER_LOCK, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fd;
	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0; /* open to the end */
}

static void begin(struct spawner *sp)
{
	pid_t parent = getpid(), pid;

	loop_timer_clear(sp->loop, &sp->save_timer);
	sp->save_wanted = false;
	pid = fork();
	if (pid == 0) {
		int lock_fd = sp->start.lock_fd;

		io_close(&lock_fd); /* the role is the parent's: it must end with the parent */
		_exit(be_the_only_saver(sp, parent) < 0 || write_all(sp) < 0 ? 1 : 0);
	}
	if (pid < 0) {
		sp->save_failed = true;
		loop_timer_set(sp->loop, &sp->save_timer, clock_boot_ns() + SAVE_AGAIN_NS);
		return;
	}
	sp->saver = pid;
	wishes_saving(sp);
	sp->children++;
	for (uint32_t i = 0; i < sp->capacity; i++)
		if (sp->slot[i])
			sp->slot[i]->spec_syncing = sp->slot[i]->spec_dirty;
}

/* What is on the disk now, but for what has changed since. */
static void specs_synced(struct spawner *sp)
{
	for (uint32_t i = 0; i < sp->capacity; i++) {
		struct proc *p = sp->slot[i];

		if (p && p->spec_syncing)
			p->spec_dirty = p->spec_syncing = false;
	}
}

void save_abort(struct spawner *sp)
{
	if (sp->saver) /* not reaped: the pid can't be another's */
		(void)kill(sp->saver, SIGKILL);
}

void save_now(struct spawner *sp)
{
	sp->save_wanted = true;
	if (!sp->saver)
		/* in this turn, once for all commands of the batch */
		loop_timer_set(sp->loop, &sp->save_timer, clock_boot_ns());
}

void save_soon(struct spawner *sp)
{
	sp->save_wanted = true;
	if (!sp->saver && sp->save_timer.at_boot_ns == 0)
		loop_timer_set(sp->loop, &sp->save_timer, clock_boot_ns() + SAVE_SOON_NS);
}

static void on_timer(void *arg)
{
	struct spawner *sp = arg;

	if (!sp->saver)
		begin(sp);
}

bool save_reaped(struct spawner *sp, pid_t pid, int wait_status)
{
	if (pid != sp->saver)
		return false;
	sp->saver = 0;
	if (wait_status != 0) {
		bool again = sp->save_failed;

		if (!again)
			say(SAY_WARNING, "cannot write %s/%s; trying again", sp->start.home.path,
				DESIRED_FILE);
		sp->save_failed = true;
		sp->save_wanted = true;
		loop_timer_set(sp->loop, &sp->save_timer, clock_boot_ns() + SAVE_AGAIN_NS);
		/* the end of the instance does not wait for a disk, or for a home that is gone */
		return again;
	}
	if (sp->save_failed)
		say(SAY_INFO, "%s/%s can be written again", sp->start.home.path, DESIRED_FILE);
	sp->save_failed = false;
	wishes_saved(sp);
	specs_synced(sp);
	if (!sp->save_wanted)
		return true;
	save_now(sp);
	return false;
}

bool save_pending(const struct spawner *sp)
{
	return sp->saver || (sp->save_wanted && !sp->save_failed);
}

int save_load(struct spawner *sp, struct fault *f)
{
	struct desired d = { 0 };
	char aside[64];
	int r = desired_load(sp->start.home.fd, &d, f);

	loop_timer_init(&sp->save_timer, on_timer, sp);
	if (r < 0 && r != -EINVAL)
		/* the file may be whole: a disk, too, may fail for a moment */
		r = desired_load(sp->start.home.fd, &d, f);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EINTR || r == -EAGAIN)
		/* the next spawner tries again; what it can't read it would not keep when it saves
		 * */
		return r;
	if (r < 0) {
		snprintf(aside, sizeof(aside), "%s.damaged-%llu", DESIRED_FILE,
			(unsigned long long)(clock_real_ns() / NS_PER_SEC));
		say(SAY_WARNING, "%s; it is kept as %s", f->text, aside);
		if (renameat(sp->start.home.fd, DESIRED_FILE, sp->start.home.fd, aside) < 0)
			say(SAY_WARNING, "cannot rename it: %s", strerror(errno));
		return 0;
	}
	sp->foreign_entries = d.foreign_entries;
	sp->foreign_keys = d.foreign_keys;
	d.foreign_entries = d.foreign_keys = NULL;
	desired_done(&d);
	return 0;
}
