/* cli/orphans.c - see cli/orphans.h. */
#include "cli/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/io.h"
#include "base/marks.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/str.h"
#include "config/redact.h"

struct instance_seen { /* each home is looked at once */
	char *home;
	struct pt *pt; /* NULL: it has no table */
	uint64_t id;
};

struct search {
	struct orphan *found;
	size_t n, cap;
	struct instance_seen *seen;
	size_t homes;
	uint64_t now_boot_ns, tick_ns;
	uint64_t page_bytes;
};

/* The table of a home, attached once. */
static const struct instance_seen *look_at_home(struct search *s, const char *path)
{
	struct instance_seen *more;
	struct home h = HOME_INIT;

	for (size_t i = 0; i < s->homes; i++)
		if (strcmp(s->seen[i].home, path) == 0)
			return &s->seen[i];
	more = reallocarray(s->seen, s->homes + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->seen = more;
	more += s->homes;
	*more = (struct instance_seen){ .home = strdup(path) };
	if (!more->home)
		return NULL;
	s->homes++;
	if (home_open(path, HOME_READ, &h, NULL) == 0) {
		more->id = h.id;
		(void)pt_attach(path, &more->pt, NULL);
	}
	home_close(&h);
	return more;
}

/* NULL: it belongs to a live record. */
static const char *reason(struct search *s, const struct marks *m)
{
	const struct instance_seen *home;
	struct pt_row row;
	char id[20];

	if (!m->home || !m->name)
		return "its marks are incomplete";
	home = look_at_home(s, m->home);
	if (!home)
		return NULL; /* out of memory: rather none than a wrong one */
	if (!home->pt)
		return home->id ? "its home has no table any more" : "its home is gone";
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)home->id);
	if (strcmp(id, m->instance) != 0)
		return "another home lies where its own was";
	if (pt_find(home->pt, m->name, &row) < 0)
		return "its instance does not know it any more";
	if (row.life.pid == 0 && (pt_state_traits(row.life.state) & PT_TRAIT_REST))
		return "its record says that it does not run";
	if (row.life.pid != 0 && !pid_alive(row.life.pid, row.life.start_ticks) && row.life.state != PT_STATE_STOPPING)
		return "the process that it was part of is gone";
	return NULL;
}

static void read_command(int proc_fd, char buf[static PT_COMMAND_TEXT])
{
	char raw[PT_COMMAND_TEXT];
	int fd = io_open(proc_fd, "cmdline", O_RDONLY, 0);
	ssize_t n = fd < 0 ? 0 : read(fd, raw, sizeof(raw) - 1);
	const char *before = NULL, *arg = raw;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	io_close(&fd);
	raw[n > 0 ? n : 0] = 0;
	for (; out && arg < raw + n; before = arg, arg += strlen(arg) + 1) {
		if (before)
			fputc(' ', out);
		redact_argument(out, before, arg);
	}
	if (!out || io_text_done(out, &text) < 0)
		buf[0] = 0;
	else
		(void)str_copy(buf, PT_COMMAND_TEXT, text);
	free(text);
}

static int add(struct search *s, int proc_fd, const struct procfs_stat *st, const struct marks *m, const char *why)
{
	struct orphan *o;

	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;

		o = reallocarray(s->found, cap, sizeof(*o));
		if (!o)
			return -ENOMEM;
		s->found = o;
		s->cap = cap;
	}
	o = &s->found[s->n++];
	*o = (struct orphan){ .pid = st->pid, .start_ticks = st->start_ticks, .memory_bytes = st->rss_pages * s->page_bytes, .why = why };
	o->age_ns = s->now_boot_ns > st->start_ticks * s->tick_ns ? s->now_boot_ns - st->start_ticks * s->tick_ns : 0;
	(void)str_copy(o->name, sizeof(o->name), m->name ? m->name : "");
	(void)str_copy(o->home, sizeof(o->home), m->home ? m->home : "");
	read_command(proc_fd, o->command);
	return 0;
}

static int look_at(void *arg, int fd, pid_t pid, const struct marks *m)
{
	struct search *s = arg;
	struct procfs_stat st = { 0 };
	const char *why = NULL;

	if (m->instance && procfs_stat(pid, &st) == 0 && procfs_stat_alive(&st))
		why = reason(s, m);
	if (why && faccessat(fd, "stat", F_OK, 0) == 0) /* through the folder that was opened: still the same process */
		return add(s, fd, &st, m, why);
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const struct orphan *x = a, *y = b;

	return (x->age_ns < y->age_ns) - (x->age_ns > y->age_ns);
}

int orphans_find(struct orphan **ret, size_t *ret_n, struct fault *f)
{
	struct search s = { .now_boot_ns = clock_boot_ns() };
	int r;

	s.tick_ns = NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	s.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	r = marks_each(look_at, &s);
	for (size_t i = 0; i < s.homes; i++) {
		pt_detach(s.seen[i].pt);
		free(s.seen[i].home);
	}
	free(s.seen);
	if (r < 0) {
		free(s.found);
		return fault_errno(f, r, "cannot look for orphans");
	}
	if (s.n)
		qsort(s.found, s.n, sizeof(*s.found), by_age);
	*ret = s.found;
	*ret_n = s.n;
	return 0;
}

size_t orphans_end(const struct orphan *o, size_t n, unsigned timeout_ms)
{
	struct pidref *ref = calloc(n + 1, sizeof(*ref));
	uint64_t until = clock_boot_ns() + timeout_ms * NS_PER_MS;
	size_t left = 0;

	if (!ref)
		return n;
	for (size_t i = 0; i < n; i++)
		if (pidref_open(o[i].pid, o[i].start_ticks, &ref[i]) == 0) {
			(void)pidref_signal(&ref[i], SIGTERM);
			(void)pidref_signal(&ref[i], SIGCONT);
		} else {
			ref[i] = (struct pidref)PIDREF_NONE;
		}
	for (int round = 0; round < 2; round++) { /* ended by themselves; killed */
		for (size_t i = 0; i < n; i++) {
			uint64_t now = clock_boot_ns();
			struct pollfd p = { .fd = ref[i].fd, .events = POLLIN };
			int ms = round ? 2000 : now < until ? (int)((until - now) / NS_PER_MS) : 0;

			if (ref[i].fd >= 0 && poll(&p, 1, ms) > 0)
				pidref_done(&ref[i]);
			else if (ref[i].fd >= 0 && round == 0)
				(void)pidref_signal(&ref[i], SIGKILL);
		}
	}
	for (size_t i = 0; i < n; i++) {
		left += ref[i].fd >= 0;
		pidref_done(&ref[i]);
	}
	free(ref);
	return left;
}
