/* client/checks.c - what "tend doctor" looks at (client/checks.h). */
#include "client/checks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/str.h"
#include "client/phrase.h"
#include "shm/lock.h"
#include "shm/ring.h"

#define OVERFLOW_UID 65534u
#define FILES_WANTED 4096u /* four descriptors for each of a thousand processes */
#define SHM_WANTED   (8u * 1024 * 1024)
#define DISK_WANTED  (64u * 1024 * 1024)

/* Who can rename the home, or a folder above it, can put another in its place. That of a user whom
 * this namespace does not know is the kernel's 65534. */
static bool is_exchangeable(const struct stat *st)
{
	bool group = (st->st_mode & 020) && st->st_gid != getegid();

	return ((group || (st->st_mode & 02)) && !(st->st_mode & S_ISVTX)) ||
		(st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != OVERFLOW_UID);
}

/* The folders above the home, from the nearest on. */
static void check_way(struct findings *found, const struct home *h)
{
	char path[PATH_MAX], *slash;
	struct stat st;

	(void)str_copy(path, sizeof(path), h->path);
	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = 0;
		if (stat(path, &st) < 0)
			finding_note(found, "home: cannot look at %s: %s", path, strerror(errno));
		else if (is_exchangeable(&st)) {
			finding_problem(found,
				"home: others can put another in its place, for %s belongs to user %u and has mode %04o; take that right away (chmod go-w), or "
				"set TEND_HOME to another folder",
				path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777u);
			return;
		}
		if (slash == path)
			break;
	}
	finding_fine(found, "home: %s, yours alone", h->path);
}

static void check_home(struct findings *found, const struct home *h)
{
	struct statvfs fs;
	char bytes[24];

	check_way(found, h);
	if (faccessat(h->fd, ".", W_OK, AT_EACCESS) < 0)
		finding_problem(found, "home: %s can't be written: %s", h->path, strerror(errno));
	if (h->run_fd < 0 || h->logs_fd < 0 || h->specs_fd < 0)
		finding_note(found,
			"home: not all of run, logs and specs are there yet; \"tend start\" makes them");
	if (fstatvfs(h->fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < DISK_WANTED)
		finding_problem(found,
			"home: only %s left on its file system; logs wait in their pipes once it is full",
			phrase_bytes((uint64_t)fs.f_bavail * fs.f_frsize, bytes));
}

/* logind removes a user's segments when the last session ends, unless the user lingers. */
static void check_remove_ipc(struct findings *found)
{
	const char *user = getlogin();
	struct stat st;
	char path[300];

	if (geteuid() == 0 || stat("/run/systemd/system", &st) < 0)
		return;
	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%.200s", user ? user : "");
	if (!user || stat(path, &st) < 0)
		finding_note(found,
			"logind may remove the table when you log out (RemoveIPC); it is made again, and processes don't notice; "
			"\"loginctl enable-linger\" prevents it");
}

static void check_limits(struct findings *found)
{
	struct rlimit files;
	struct statvfs fs;
	char bytes[24];

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		if (files.rlim_max < FILES_WANTED)
			finding_problem(found,
				"limits: at most %llu open files; a thousand processes need %u (ulimit -Hn)",
				(unsigned long long)files.rlim_max, FILES_WANTED);
		else
			finding_fine(found, "limits: up to %llu open files",
				(unsigned long long)files.rlim_max);
	}
	if (statvfs("/dev/shm", &fs) < 0)
		finding_problem(found, "/dev/shm: %s; mount it: mount -t tmpfs tmpfs /dev/shm",
			strerror(errno));
	else if ((uint64_t)fs.f_bavail * fs.f_frsize < SHM_WANTED)
		finding_problem(found, "/dev/shm: only %s left",
			phrase_bytes((uint64_t)fs.f_bavail * fs.f_frsize, bytes));
	else
		finding_fine(found, "/dev/shm: %s left",
			phrase_bytes((uint64_t)fs.f_bavail * fs.f_frsize, bytes));
	check_remove_ipc(found);
}

/* Whoever asked, and was stopped before it took the answer. */
static void check_entries(struct findings *found, const struct pt *pt)
{
	pid_t who[PT_UNREAD_NAMED];
	unsigned n = pt_unread(pt, who);
	char names[PT_UNREAD_NAMED * 16] = "";
	size_t at = 0;

	for (unsigned i = 0; i < PT_UNREAD_NAMED && who[i]; i++)
		at += (size_t)snprintf(
			names + at, sizeof(names) - at, "%s%d", i ? ", " : "", (int)who[i]);
	if (n)
		finding_note(found,
			"table: %u of %u entries for commands hold answers that nobody takes; their clients are stopped, or frozen: process %s%s; the entries are "
			"taken back when they are needed",
			n, PT_COMMANDS, names, who[PT_UNREAD_NAMED - 1] ? " and perhaps more" : "");
}

static void check_table(struct findings *found, const struct instance *in, const struct view *v)
{
	pid_t holder = pt_lock_holder(in->pt), lost = pt_lock_lost_owner(in->pt, true);
	char state;

	if (lost)
		finding_problem(found,
			"table: its lock names thread %d as its holder, which is none; somebody wrote over it, and the next command that changes "
			"something repairs it",
			lost);
	if (v->unreadable)
		finding_problem(found,
			"table: %zu damaged row%s; \"tend doctor --segment\" shows them",
			v->unreadable, v->unreadable == 1 ? "" : "s");
	else
		finding_fine(found, "table: %zu of %u rows used, format %u, %llu bytes", v->n,
			v->info.capacity, v->info.abi, (unsigned long long)v->info.total_bytes);
	check_entries(found, in->pt);
	if (!v->same_boot)
		finding_problem(found,
			"table: it is from before the last boot; \"tend start\" makes a new one");
	if (v->foreign)
		finding_note(found,
			"table: it was made in another PID namespace, or /proc is missing: what its pids stand for can't be told from here");
	if (holder <= 0 || v->foreign)
		return;
	state = pid_state(holder, 0);
	if (state == 'T' || state == 't')
		finding_problem(found,
			"table: its lock is held by process %d, which is stopped; \"kill -CONT %d\" lets it go on",
			holder, holder);
	else if (state == 0)
		finding_note(found,
			"table: process %d died holding its lock; the next command repairs that",
			holder);
}

/* Does someone hold the doorbell open, so that ringing would work? */
static bool bell_answers(const struct home *h, enum role role)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "bell.%s", role_name(role));
	fd = io_open(h->run_fd, name, O_WRONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return false;
	io_close(&fd);
	return true;
}

static bool is_outdated(enum role role, pid_t pid)
{
	char name[32], program[PATH_MAX];
	struct fault f = { "" };

	snprintf(name, sizeof(name), "tend-%s", role_name(role));
	return pid && home_program(name, program, &f) == 0 && !procfs_runs(pid, program);
}

static void check_daemon(
	struct findings *found, const struct home *h, const struct view *v, enum role role)
{
	const struct view_daemon *d = &v->daemon[role];
	const char *state = view_daemon_state(d);
	pid_t pid = 0;
	uint64_t start = 0;
	bool held = h->run_fd >= 0 && role_holder(h->run_fd, role, &pid, &start) == 0;
	bool guarded = instance_role_held(h, ROLE_GUARDIAN);

	if (!held && !v->present)
		return;
	if (!held && d->rec.pid > 0 && pid_alive(d->rec.pid, d->rec.start_ticks))
		finding_problem(found,
			"%s: process %d lives, but its lock is lost, for run/ was removed or replaced; \"tend start\" starts another in its place",
			role_name(role), d->rec.pid);
	else if (!held)
		finding_problem(found, "%s: nobody holds its lock; it is dead%s", role_name(role),
			guarded ? "; the guardian should start it again"
				: "; \"tend start\" starts it");
	else if (v->foreign)
		finding_fine(found, "%s: its lock is held", role_name(role));
	else if (pid && (pid_state(pid, start) == 'T' || pid_state(pid, start) == 't'))
		finding_problem(found, "%s: process %d is stopped; \"kill -CONT %d\" lets it go on",
			role_name(role), pid, pid);
	else if (d->stuck)
		finding_problem(found,
			"%s: process %d has not looked at what runs for long (its state is %c); it is stuck",
			role_name(role), pid, d->letter);
	else if (!bell_answers(h, role))
		finding_problem(found, "%s: process %d does not listen to its doorbell run/bell.%s",
			role_name(role), pid, role_name(role));
	else if (v->present && d->rec.pid != pid)
		finding_problem(found,
			"%s: the table says process %d (%s), the lock says process %d",
			role_name(role), d->rec.pid, state, pid);
	else if (is_outdated(role, pid))
		finding_note(found,
			"%s: process %d runs another build than the one installed with this program; \"tend upgrade\" replaces it",
			role_name(role), pid);
	else
		finding_fine(found, "%s: process %d, %u restart%s", role_name(role), pid,
			d->rec.restarts, d->rec.restarts == 1 ? "" : "s");
}

static void check_daemons(struct findings *found, const struct instance *in, const struct view *v)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		check_daemon(found, &in->home, v, (enum role)role);
}

static bool is_fifo(const struct home *h, const char *name, const char *suffix)
{
	char file[NAME_MAX_BYTES + 8];
	struct stat st;

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	return h->run_fd >= 0 && fstatat(h->run_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISFIFO(st.st_mode);
}

static void check_process(
	struct findings *found, const struct instance *in, const struct view_row *r, bool foreign)
{
	const struct pt_life *l = &r->row.life;
	const char *name = r->row.ident.name;

	if (l->pid > 0 && !foreign && !pid_alive(l->pid, l->start_ticks)) {
		struct pt_life now;

		/* It may have ended between the copy and this look; then the table knows by now. */
		instance_nap(50);
		if (pt_read_life(in->pt, r->row.slot, &now) == 0 && now.pid == l->pid)
			finding_problem(found, "%s: the table says process %d, but there is none",
				name, l->pid);
	}
	if (l->pid > 0 &&
		(!is_fifo(&in->home, name, HOME_IN_FIFO) ||
			!is_fifo(&in->home, name, HOME_OUT_FIFO)))
		finding_problem(found,
			"%s: run/%s.in or run/%s.out is missing; its next run gets new ones", name,
			name, name);
	if (l->state == PT_STATE_FAILED)
		finding_note(found, "%s: failed; \"tend why %s\" tells why", name, name);
	if (r->log_error)
		finding_problem(found, "%s: its log can't be written: %s", name,
			phrase_log_error(r->log_error));
}

static void check_processes(struct findings *found, const struct instance *in, const struct view *v)
{
	size_t up = 0;

	for (size_t i = 0; i < v->n; i++) {
		check_process(found, in, &v->row[i], v->foreign);
		up += view_is_up(&v->row[i]);
	}
	if (v->present)
		finding_fine(found, "processes: %zu of %zu run", up, v->n);
}

/* run/NAME.in, run/NAME.out and run/NAME@err.out of a name that the table does not have. */
static bool is_orphaned_fifo(const char *file, const struct view *v)
{
	const char *dot = strrchr(file, '.');
	char name[NAME_MAX_BYTES + 4];

	if (!dot || (strcmp(dot, HOME_IN_FIFO) != 0 && strcmp(dot, HOME_OUT_FIFO) != 0) ||
		(size_t)(dot - file) >= sizeof(name))
		return false;
	memcpy(name, file, (size_t)(dot - file));
	name[dot - file] = 0;
	if (strcmp(dot, HOME_OUT_FIFO) == 0 && strchr(name, '@') &&
		strcmp(strchr(name, '@'), HOME_ERR_MARK) == 0)
		*strchr(name, '@') = 0; /* standard error's own */
	return name_check(name, NULL) == 0 && !view_find(v, name);
}

static bool is_orphaned_spec(const char *file, const struct view *v)
{
	(void)v;
	return io_is_leftover(file);
}

static size_t count_files(int folder, bool (*is_orphan)(const char *, const struct view *),
	const struct view *v, char first[static 256])
{
	int fd = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((e = readdir(dir))) {
		if (!is_orphan(e->d_name, v))
			continue;
		if (n++ == 0)
			str_visible(first, 256, e->d_name);
	}
	closedir(dir);
	return n;
}

static void check_leftovers(struct findings *found, const struct home *h, const struct view *v)
{
	char first[256] = "";
	size_t n;

	if (v->present && (n = count_files(h->run_fd, is_orphaned_fifo, v, first)))
		finding_note(found,
			"leftovers: %zu FIFO%s of processes that the table does not have, for example run/%s",
			n, n == 1 ? "" : "s", first);
	if ((n = count_files(h->specs_fd, is_orphaned_spec, v, first)))
		finding_note(found,
			"leftovers: %zu specification%s of commands that never finished, for example specs/%s",
			n, n == 1 ? "" : "s", first);
}

void checks_all(struct findings *found, struct instance *in)
{
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_attach(in, &f);

	check_home(found, &in->home);
	check_limits(found);
	if (r < 0 && r != -ENOENT)
		finding_problem(found, "table: %s", f.text);
	else if (r < 0 && instance_tableless(&in->home, &f))
		finding_problem(found, "table: %s", f.text);
	else if (r < 0)
		finding_note(found, "table: none; no instance runs here");
	else if (view_load(in, &v) < 0)
		finding_problem(found, "table: out of memory");
	else
		check_table(found, in, &v);
	check_daemons(found, in, &v);
	checks_surroundings(found, &in->home);
	check_processes(found, in, &v);
	checks_stored(found, in, &v);
	checks_health(found, &in->home, &v);
	check_leftovers(found, &in->home, &v);
	view_done(&v);
}
