/* client/instance.c - home and table of a command (client/instance.h). */
#include "client/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/marks.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/whose.h"
#include "shm/owner.h"
#include "shm/wake.h"

/* the guardian makes a table in milliseconds; a busy machine may take longer */
#define REMAKE_WAIT_NS (1 * NS_PER_SEC)
#define NAP_MS	       10

void instance_nap(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

bool instance_role_held(const struct home *h, enum role role)
{
	pid_t pid;
	uint64_t start;

	return h->run_fd >= 0 && role_holder(h->run_fd, role, &pid, &start) == 0;
}

bool instance_has_table(const struct home *h)
{
	char path[PT_PATH_MAX];

	pt_path(h, path);
	return access(path, F_OK) == 0;
}

/* The spawner counts too: without a guardian it becomes one. */
static bool will_be_remade(const struct home *h)
{
	return instance_role_held(h, ROLE_GUARDIAN) || instance_role_held(h, ROLE_SPAWNER);
}

/* Do those who hold the locks in this folder know it by another path? Then they never make a table
 * for this one. */
static int known_elsewhere(const struct home *h, struct fault *f)
{
	static const enum role roles[] = { ROLE_GUARDIAN, ROLE_SPAWNER };
	char path[PATH_MAX];
	uint64_t start;
	pid_t pid;

	for (unsigned i = 0; i < 2; i++)
		if (h->run_fd >= 0 && role_holder(h->run_fd, roles[i], &pid, &start) == 0 &&
			pid_alive(pid, start) && role_home(pid, path) == 0 &&
			strcmp(path, h->path) != 0)
			return fault_set(f, -ESTALE,
				"the home was renamed under its daemons (%s is process %d), or lies at two paths: rename it back to stop "
				"them, or set TEND_HOME to the path that they know, %s",
				role_name(roles[i]), (int)pid, path);
	return 0;
}

/* Nobody holds the locks here, and the table's daemons live: do they see another folder at our
 * path? Then the table is theirs alone. */
static int runs_elsewhere(const struct instance *in, const struct pt *pt, struct fault *f)
{
	struct pt_daemon d;

	if (in->access != PT_CLIENT || will_be_remade(&in->home))
		return 0;
	for (unsigned i = ROLE_GUARDIAN; i <= ROLE_SPAWNER; i++)
		if (pt_read_daemon(pt, i, &d) == 0 && d.pid && pid_alive(d.pid, d.start_ticks) &&
			whose_home_differs(&in->home, d.pid))
			return fault_set(f, -EBUSY,
				"the instance of this path runs for another folder, which lies there in other mounts (its %s is process %d); "
				"set TEND_HOME to another path than %s",
				role_name(i), d.pid, in->home.path);
	return 0;
}

static int way_out(int r, struct fault *f)
{
	char text[FAULT_MAX];

	if (!f || (r != -EBADMSG && r != -EPROTO))
		return r;
	memcpy(text, f->text, sizeof(text));
	if (r == -EPROTO)
		return fault_set(
			f, r, "%s; \"tend upgrade\" moves the instance to this build", text);
	return fault_set(f, r,
		"%s; \"tend doctor --segment\" shows it, \"tend start\" makes a new one", text);
}

bool instance_tableless(const struct home *h, struct fault *f)
{
	uint64_t start = 0;
	pid_t pid = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (h->run_fd < 0 || role_holder(h->run_fd, (enum role)role, &pid, &start) < 0)
			continue;
		fault_set(f, -ENOENT,
			"the daemons of %s run (the %s is process %d) and look after its processes, but have no process table, "
			"or another /dev/shm than is seen here; %s/logs/tend.log may tell why",
			h->path, role_name(role), (int)pid, h->path);
		return true;
	}
	return false;
}

int instance_attach(struct instance *in, struct fault *f)
{
	uint64_t until = clock_boot_ns() + REMAKE_WAIT_NS;
	struct pt *pt = NULL;
	bool rung = false;
	int r;

	for (;;) {
		r = pt_attach_as(&in->home, in->access, &pt, f);
		if (r == 0)
			break;
		if (r != -ENOENT && r != -EBADMSG && r != -EAGAIN)
			return way_out(r, f);
		if (r == -ENOENT && !rung && known_elsewhere(&in->home, f) < 0)
			return -ESTALE;
		if (clock_boot_ns() >= until || !will_be_remade(&in->home))
			break;
		if (!rung)
			(void)bell_ring(&in->home, ROLE_GUARDIAN);
		rung = true;
		instance_nap(NAP_MS);
	}
	if (r == -ENOENT)
		(void)instance_tableless(&in->home, f);
	if (r < 0)
		return way_out(r, f);
	if ((r = runs_elsewhere(in, pt, f)) < 0) {
		pt_detach(pt);
		return r;
	}
	pt_detach(in->pt);
	in->pt = pt;
	return 0;
}

bool instance_current(const struct instance *in)
{
	return in->pt && !pt_replaced(in->pt) && pt_is_current(in->pt, &in->home);
}

/* A home that is not there, and daemons that still look after its processes, for its table has its
 * name: it was removed, or renamed, under them. */
static int left_behind(const char *home, struct fault *f)
{
	struct home h = HOME_INIT;
	struct pt_daemon d;
	struct pt *pt = NULL;
	int r = -ENOENT;

	if (home_name_missing(home, &h) < 0 || pt_attach_as(&h, PT_READER, &pt, NULL) < 0)
		return r;
	for (unsigned i = ROLE_GUARDIAN; r == -ENOENT && i <= ROLE_SPAWNER; i++)
		if (pt_read_daemon(pt, i, &d) == 0 && d.pid && pid_alive(d.pid, d.start_ticks))
			r = fault_set(f, -ESTALE,
				"the home %s was removed or renamed under its daemons, which run on (%s is process %d); rename it back, "
				"or \"tend start\" makes it again and takes its processes over",
				h.path, role_name(i), d.pid);
	pt_detach(pt);
	return r;
}

int instance_open(struct instance *in, const char *home, enum pt_access access, struct fault *f)
{
	int r;

	in->access = access;
	r = home_open(home, HOME_READ, &in->home, f);
	if (r == -ENOENT)
		r = left_behind(home, f);
	return r < 0 ? r : instance_attach(in, f);
}

void instance_close(struct instance *in)
{
	pt_detach(in->pt);
	in->pt = NULL;
	home_close(&in->home);
}

struct left {
	const struct home *home;
	size_t n;
};

/* Each that was launched leads a session; what came of it is not counted. */
static int count_left(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	struct left *l = arg;
	char name[NAME_MAX_BYTES];
	struct procfs_stat st;

	l->n += whose_process(l->home, proc_fd, m, name) == WHOSE_OURS &&
		procfs_stat(pid, &st) == 0 && procfs_stat_alive(&st) && st.session == pid;
	return 0;
}

size_t instance_left(const struct home *h)
{
	struct left l = { .home = h };

	(void)marks_each(count_left, &l);
	return l.n;
}
