/* client/view.c - a private copy of the table (client/view.h). */
#include "client/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pidref.h"
#include "base/pipe.h"
#include "base/procfs.h"
#include "logread/format.h"

#define STUCK_NS (30 * NS_PER_SEC)

static int by_name(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;

	return strcmp(x->row.ident.name, y->row.ident.name);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* One that has just begun holds its role's lock, but the guardian has not noted it yet. */
static void ask_lock(const struct home *h, unsigned role, struct view_daemon *d)
{
	uint64_t start_ticks = 0;
	pid_t pid = 0;

	if (h->run_fd < 0 || role_holder(h->run_fd, (enum role)role, &pid, &start_ticks) < 0 ||
		pid <= 0)
		return;
	d->rec.pid = pid;
	d->rec.start_ticks = start_ticks;
	d->letter = pid_state(pid, start_ticks);
}

static void load_daemons(const struct instance *in, struct view *v)
{
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct view_daemon *d = &v->daemon[role];

		if (pt_read_daemon(in->pt, role, &d->rec) < 0)
			memset(&d->rec, 0, sizeof(d->rec));
		if (v->foreign)
			d->letter = instance_role_held(&in->home, (enum role)role) ? 'S' : 0;
		else if (v->same_boot && d->rec.pid > 0)
			d->letter = pid_state(d->rec.pid, d->rec.start_ticks);
		if (!v->foreign && !view_daemon_lives(d))
			ask_lock(&in->home, role, d);
		v->written_real_ns = later(v->written_real_ns, d->rec.since_real_ns);
	}
}

static bool is_full(const struct home *h, const char *name, const char *mark)
{
	char fifo[PT_NAME_MAX + 16];

	(void)snprintf(fifo, sizeof(fifo), "%s%s" HOME_OUT_FIFO, name, mark);
	int fd = h->run_fd < 0 ? -1 : io_open(h->run_fd, fifo, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
	bool full = pipe_is_full(fd);

	io_close(&fd);
	return full;
}

/* The logger tells of pipes that it can't empty. While it doesn't run itself, nobody empties
 * any. */
static bool is_log_blocked(
	const struct instance *in, const struct view *v, const struct view_row *r)
{
	const struct pt_ident *id = &r->row.ident;

	if (!view_is_up(r))
		return false;
	return r->row.log.full ||
		(!v->captures &&
			(is_full(&in->home, id->name, "") ||
				(id->separate_stderr &&
					is_full(&in->home, id->name, LOG_ERR_MARK))));
}

/* Whatever runs is sampled once an interval. A monitor that has sampled nothing for long hangs. */
static void look_for_stuck(struct view *v)
{
	uint64_t patience = STUCK_NS + 3 * v->monitor.interval_ms * NS_PER_MS;
	uint64_t last = later(v->looked_boot_ns, v->daemon[ROLE_MONITOR].rec.since_boot_ns);

	v->daemon[ROLE_MONITOR].stuck = v->same_boot && v->looked_boot_ns &&
		v->now_boot_ns > last && v->now_boot_ns - last > patience;
}

static void note_look(struct view *v, const struct view_row *r)
{
	if (r->row.life.state == PT_STATE_RUNNING && !r->gone)
		v->looked_boot_ns = later(v->looked_boot_ns,
			later(r->row.life.start_boot_ns, r->row.health.sampled_boot_ns));
	look_for_stuck(v);
}

int view_read(const struct instance *in, struct view *v, uint32_t slot, struct view_row *ret)
{
	const struct pt_life *l = &ret->row.life;
	int r = pt_read_blocks(in->pt, slot, PT_BLOCK_HEALTH | PT_BLOCK_LOG, &ret->row);

	if (r < 0 && r != -ENOENT)
		v->unreadable++;
	if (r < 0)
		return r;
	ret->gone = !v->supervised && !v->foreign && l->pid > 0 &&
		!(v->same_boot && pid_alive(l->pid, l->start_ticks));
	ret->log_error = ret->row.log.gen == ret->row.gen ? ret->row.log.error : 0;
	ret->log_blocked = is_log_blocked(in, v, ret);
	note_look(v, ret);
	v->written_real_ns = later(
		v->written_real_ns, later(l->since_real_ns, ret->row.health.sampled_real_ns));
	return 0;
}

/* One call that brings all the pages, instead of a page fault for every sixth row. */
static struct view_row *rows_new(uint32_t n, size_t *ret_bytes)
{
	size_t bytes = (n + 1) * sizeof(struct view_row);
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	*ret_bytes = bytes;
	return at == MAP_FAILED ? NULL : at;
}

void view_begin(const struct instance *in, struct view *ret)
{
	struct view v = { .now_boot_ns = clock_boot_ns(), .now_real_ns = clock_real_ns() };
	char boot_id[40] = "";

	if (in->pt) {
		v.present = true;
		pt_get_info(in->pt, &v.info);
		(void)pt_read_monitor(in->pt, &v.monitor);
		v.same_boot = procfs_boot_id(boot_id) < 0 ||
			strncmp(boot_id, v.info.boot_id, sizeof(v.info.boot_id)) == 0;
		v.foreign = v.same_boot && !pt_pids_are_ours(in->pt);
		load_daemons(in, &v);
		v.supervised = strcmp(view_daemon_state(&v.daemon[ROLE_SPAWNER]), "running") == 0;
		v.captures = strcmp(view_daemon_state(&v.daemon[ROLE_LOGGER]), "running") == 0;
	}
	*ret = v;
}

int view_load(const struct instance *in, struct view *ret)
{
	uint32_t high = in->pt ? pt_high(in->pt) : 0;
	struct view v;

	view_begin(in, &v);
	v.row = rows_new(high, &v.row_bytes);
	if (!v.row)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < high; slot++)
		if (view_read(in, &v, slot, &v.row[v.n]) == 0)
			v.n++;
	qsort(v.row, v.n, sizeof(*v.row), by_name);
	*ret = v;
	return 0;
}

void view_done(struct view *v)
{
	if (v->row)
		munmap(v->row, v->row_bytes);
	memset(v, 0, sizeof(*v));
}

int view_take(const char *home, struct view *ret, struct fault *f)
{
	struct instance in = INSTANCE_NONE;
	int r = instance_open(&in, home, PT_READER, f);

	if (r == -ENOENT)
		r = 0;
	if (r == 0 && (r = view_load(&in, ret)) < 0)
		fault_errno(f, r, "cannot read the process table");
	instance_close(&in);
	return r;
}

struct view_row *view_find(const struct view *v, const char *name)
{
	struct view_row key = { 0 };

	if (strlen(name) >= sizeof(key.row.ident.name))
		return NULL;
	memcpy(key.row.ident.name, name, strlen(name) + 1);
	return v->n ? bsearch(&key, v->row, v->n, sizeof(*v->row), by_name) : NULL;
}

const char *view_daemon_state(const struct view_daemon *d)
{
	switch (d->letter) {
	case 0:
	case 'Z':
	case 'X':
		return "dead";
	case 'T':
	case 't':
		return "stopped";
	default:
		return d->stuck ? "stuck" : "running";
	}
}

bool view_daemon_lives(const struct view_daemon *d)
{
	return d->rec.pid > 0 && strcmp(view_daemon_state(d), "dead") != 0;
}

bool view_is_up(const struct view_row *r)
{
	return !r->gone && (pt_state_traits(r->row.life.state) & PT_TRAIT_UP);
}

const char *view_word(const struct view_row *r)
{
	if (r->gone)
		return "stopped";
	if (r->row.life.state == PT_STATE_STOPPED && r->row.life.killed)
		return "killed";
	return pt_state_word(r->row.life.state);
}

const char *view_state(const struct view_row *r)
{
	return r->gone ? "gone" : pt_state_label(r->row.life.state);
}

uint64_t view_uptime_ns(const struct view *v, const struct view_row *r)
{
	const struct pt_life *l = &r->row.life;

	if (!view_is_up(r) || l->pid <= 0 || l->start_boot_ns == 0 ||
		v->now_boot_ns < l->start_boot_ns)
		return 0;
	return v->now_boot_ns - l->start_boot_ns;
}

bool view_is_sampled(const struct view_row *r)
{
	return view_is_up(r) && r->row.health.sampled_boot_ns &&
		r->row.health.life == r->row.life.life;
}

const struct view_row *view_registry(const struct view *v)
{
	const struct view_row *found = NULL;

	for (size_t i = 0; i < v->n; i++)
		if (v->row[i].row.ident.service == PT_SERVICE_REGISTRY)
			found = &v->row[i];
	return found;
}
