/* client/proof.c - see client/proof.h. */
#define _GNU_SOURCE 1
#include "client/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/home.h"
#include "base/io.h"
#include "base/pidref.h"
#include "base/role.h"
#include "base/str.h"
#include "base/whose.h"
#include "shm/owner.h"
#include "shm/table.h"

#define ANCESTORS_MAX 10000u /* a chain that is longer was changed while it was walked */

struct home_seen {
	char *path;
	struct pt *pt; /* NULL: see why */
	char why[PROOF_TEXT_MAX];
};

struct pair { /* of a daemon: its home; of an instance: an output FIFO of it that has a name */
	char key[PATH_MAX], value[PATH_MAX];
	pid_t pid;
};

struct pairs {
	struct pair *at;
	size_t n;
};

struct proof {
	struct home_seen *home;
	size_t homes;
	struct pairs daemons, fifos;
	struct stat pid_ns, mnt_ns, root;
};

__attribute__((format(printf, 2, 3))) static enum proof_word cant_tell(
	char why[static PROOF_TEXT_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, PROOF_TEXT_MAX, format, args);
	va_end(args);
	return PROOF_CANT_TELL;
}

static int push(struct pairs *v, const char *key, const char *value, pid_t pid)
{
	struct pair *more = reallocarray(v->at, v->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	v->at = more;
	more += v->n++;
	*more = (struct pair){ .pid = pid };
	(void)str_copy(more->key, sizeof(more->key), key);
	(void)str_copy(more->value, sizeof(more->value), value);
	return 0;
}

static const struct pair *find(const struct pairs *v, const char *key)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->at[i].key, key) == 0)
			return &v->at[i];
	return NULL;
}

/* Of the two daemons that are parents of processes. */
static bool is_daemon(const struct procfs_stat *st)
{
	return strcmp(st->comm, "tend-guardian") == 0 || strcmp(st->comm, "tend-spawner") == 0;
}

/* Its keeper FIFO, if that still has a name somewhere: then its home was not removed. */
static bool named_fifo(int proc_fd, char path[static PATH_MAX])
{
	char link[16];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "fd/%d", HOME_KEEPER_FD);
	n = readlinkat(proc_fd, link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = 0;
	return n > 0 && fstatat(proc_fd, link, &st, 0) == 0 && S_ISFIFO(st.st_mode) &&
		st.st_nlink > 0;
}

static int look_at(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	struct proof *p = arg;
	struct procfs_stat st;
	char path[PATH_MAX];
	int r = procfs_stat(pid, &st);

	if (r < 0)
		return io_is_shortage(r) ? r : 0;
	if (is_daemon(&st) && (r = role_home(pid, path)) == 0)
		return push(&p->daemons, path, "", pid);
	if (r == 0 && m->instance && named_fifo(proc_fd, path))
		return push(&p->fifos, m->instance, path, pid);
	return io_is_shortage(r) ? r : 0;
}

int proof_begin(struct proof **ret, struct fault *f)
{
	struct proof *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	if (r == 0 &&
		(stat("/proc/self/ns/pid", &p->pid_ns) < 0 ||
			stat("/proc/self/ns/mnt", &p->mnt_ns) < 0 || stat("/", &p->root) < 0))
		r = -errno;
	if (r == 0)
		r = marks_each(look_at, p);
	if (r == 0) {
		*ret = p;
		return 0;
	}
	proof_done(p);
	return fault_errno(f, r, "cannot look for orphans");
}

void proof_done(struct proof *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->homes; i++) {
		pt_detach(p->home[i].pt);
		free(p->home[i].path);
	}
	free(p->home);
	free(p->daemons.at);
	free(p->fifos.at);
	free(p);
}

/* Is a daemon of this home among its ancestors? Else *other tells of one of another home, or of an
 * ancestor that can't be seen. */
static bool has_daemon_above(const struct procfs_stat *st, const char *home, const char **other)
{
	struct procfs_stat up = *st;
	char path[PATH_MAX];
	unsigned n = 0;

	while (up.ppid > 0 && ++n < ANCESTORS_MAX) {
		if (procfs_stat(up.ppid, &up) < 0) {
			*other = "one of its ancestors can't be seen";
			return false;
		}
		if (!is_daemon(&up))
			continue;
		if (home && role_home(up.pid, path) == 0 && strcmp(path, home) == 0)
			return true;
		*other =
			"a daemon of tend is among its ancestors, for another home as far as can be seen";
	}
	if (up.pid != 1)
		*other = "one of its ancestors is in another pid namespace";
	return false;
}

static bool is_same(int proc_fd, const char *name, const struct stat *ours)
{
	struct stat st;

	return fstatat(proc_fd, name, &st, 0) == 0 && st.st_dev == ours->st_dev &&
		st.st_ino == ours->st_ino;
}

/* Why can't we look at the world as the process does? NULL: we can. */
static const char *apart(const struct proof *p, int proc_fd, const struct marks *m)
{
	uint64_t id = m->home ? str_hash(STR_HASH_SEED, m->home, strlen(m->home)) : 0;
	char text[20];
	int r;

	if (!m->home || !m->name)
		return "its marks are incomplete";
	snprintf(text, sizeof(text), "%016" PRIx64, id);
	if (m->home[0] != '/' || strcmp(text, m->instance) != 0)
		return "its marks contradict each other";
	r = whose_own_word(proc_fd);
	if (r < 0)
		return "there was no descriptor or no memory to look at it";
	if (r == 0)
		return "it runs as another user, or with rights that its starter had not";
	if (!is_same(proc_fd, "ns/pid", &p->pid_ns))
		return "it is in another pid namespace";
	if (!is_same(proc_fd, "ns/mnt", &p->mnt_ns))
		return "it is in another mount namespace";
	return is_same(proc_fd, "root", &p->root) ? NULL : "it has another root folder";
}

static void open_table(struct home_seen *s, const char *instance)
{
	struct home h = HOME_INIT;
	struct fault f = { "" };
	char id[20];
	int r = home_open(s->path, HOME_READ, &h, &f);

	if (r < 0) {
		(void)cant_tell(s->why, "its home can't be opened: %s", f.text);
		return;
	}
	snprintf(id, sizeof(id), "%016" PRIx64, h.id);
	r = pt_attach_as(&h, PT_READER, &s->pt, &f);
	if (strcmp(id, instance) != 0) {
		pt_detach(s->pt);
		s->pt = NULL;
		(void)cant_tell(s->why, "another home lies where its own was");
	} else if (r == -ENOENT) {
		(void)cant_tell(s->why,
			"its instance has no table; \"tend start\" there takes over what runs");
	} else if (r < 0) {
		(void)cant_tell(s->why, "its table can't be read: %s", f.text);
	}
	home_close(&h);
}

/* NULL: no memory. */
static const struct home_seen *look_at_home(struct proof *p, const struct marks *m)
{
	struct home_seen *more;

	for (size_t i = 0; i < p->homes; i++)
		if (strcmp(p->home[i].path, m->home) == 0)
			return &p->home[i];
	more = reallocarray(p->home, p->homes + 1, sizeof(*more));
	if (!more)
		return NULL;
	p->home = more;
	more += p->homes;
	*more = (struct home_seen){ .path = strdup(m->home) };
	if (!more->path)
		return NULL;
	p->homes++;
	open_table(more, m->instance);
	return more;
}

/* Its home is there: what does its record say? */
static enum proof_word ask_record(
	struct proof *p, const struct marks *m, char why[static PROOF_TEXT_MAX])
{
	const struct home_seen *s = look_at_home(p, m);
	struct pt_row row;

	if (!s)
		return cant_tell(why, "there was no memory to look at its home");
	if (!s->pt)
		return cant_tell(why, "%s", s->why);
	if (pt_find(s->pt, m->name, &row) < 0)
		return cant_tell(why, "its instance does not know it any more");
	if (row.life.pid == 0 && (pt_state_traits(row.life.state) & PT_TRAIT_REST))
		return cant_tell(why, "its record says that it does not run");
	if (row.life.pid != 0 && !pid_alive(row.life.pid, row.life.start_ticks) &&
		row.life.state != PT_STATE_STOPPING)
		return cant_tell(why, "the process that it was part of is gone");
	return PROOF_SUPERVISED;
}

/* There is nothing at the path of its home. */
static enum proof_word judge_homeless(const struct proof *p, const struct marks *m,
	const char *other, char why[static PROOF_TEXT_MAX])
{
	const struct pair *known;

	if (other)
		return cant_tell(why, "%s", other);
	if ((known = find(&p->daemons, m->home)))
		return cant_tell(why, "its home is gone, but a daemon of it lives (process %d)",
			(int)known->pid);
	if ((known = find(&p->fifos, m->instance)))
		return cant_tell(why, "its home was moved: its output FIFO is %s", known->value);
	(void)str_copy(why, PROOF_TEXT_MAX, "its home is gone");
	return PROOF_ORPHAN;
}

enum proof_word proof_of(struct proof *p, int proc_fd, const struct procfs_stat *st,
	const struct marks *m, char why[static PROOF_TEXT_MAX])
{
	const char *other = NULL, *reason;
	struct stat seen;
	int r;

	if (has_daemon_above(st, m->home, &other))
		return PROOF_SUPERVISED;
	reason = apart(p, proc_fd, m);
	if (reason)
		return cant_tell(why, "%s", reason);
	if (stat(m->home, &seen) == 0)
		return ask_record(p, m, why);
	if (errno != ENOENT)
		return cant_tell(why, "its home can't be looked at: %s", strerror(errno));
	r = whose_view(proc_fd, m->home, &seen);
	if (r != -ENOENT)
		return cant_tell(why, "its home is gone for us, but not for it");
	return judge_homeless(p, m, other, why);
}
