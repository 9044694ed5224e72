/* client/strays.c - see client/strays.h. */
#include "client/strays.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/marks.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/str.h"
#include "client/proof.h"
#include "config/redact.h"

struct search {
	struct stray *found;
	size_t n, cap;
	struct proof *proof;
	uint64_t now_boot_ns, tick_ns;
	uint64_t page_bytes;
};

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

/* Room for one more; NULL: no memory. */
static struct stray *next(struct search *s)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct stray *more = reallocarray(s->found, cap, sizeof(*more));

		if (!more)
			return NULL;
		s->found = more;
		s->cap = cap;
	}
	return &s->found[s->n];
}

static void describe(const struct search *s, struct stray *o, int proc_fd,
	const struct procfs_stat *st, const struct marks *m)
{
	uint64_t began_ns = st->start_ticks * s->tick_ns;

	o->pid = st->pid;
	o->start_ticks = st->start_ticks;
	o->memory_bytes = st->rss_pages * s->page_bytes;
	o->age_ns = s->now_boot_ns > began_ns ? s->now_boot_ns - began_ns : 0;
	(void)str_copy(o->name, sizeof(o->name), m->name ? m->name : "");
	(void)str_copy(o->home, sizeof(o->home), m->home ? m->home : "");
	read_command(proc_fd, o->command);
}

static int look_at(void *arg, int fd, pid_t pid, const struct marks *m)
{
	struct search *s = arg;
	struct procfs_stat st = { 0 };
	enum proof_word word;
	struct stray *o;

	if (!m->instance || procfs_stat(pid, &st) < 0 || !procfs_stat_alive(&st))
		return 0;
	o = next(s);
	if (!o)
		return -ENOMEM;
	*o = (struct stray){ .pid = 0 };
	word = proof_of(s->proof, fd, &st, m, o->why);
	/* through the folder that was opened: still the same process */
	if (word == PROOF_SUPERVISED || faccessat(fd, "stat", F_OK, 0) < 0)
		return 0;
	o->proved = word == PROOF_ORPHAN;
	describe(s, o, fd, &st, m);
	s->n++;
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const struct stray *x = a, *y = b;

	return (x->age_ns < y->age_ns) - (x->age_ns > y->age_ns);
}

int strays_find(struct stray **ret, size_t *ret_n, struct fault *f)
{
	struct search s = { .now_boot_ns = clock_boot_ns() };
	int r;

	s.tick_ns = NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	s.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	r = proof_begin(&s.proof, f);
	if (r < 0)
		return r;
	r = marks_each(look_at, &s);
	proof_done(s.proof);
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

size_t strays_end(const struct stray *o, size_t n, unsigned timeout_ms)
{
	struct pidref *ref = calloc(n + 1, sizeof(*ref));
	uint64_t until = clock_boot_ns() + timeout_ms * NS_PER_MS;
	size_t left = 0;

	if (!ref)
		return n;
	for (size_t i = 0; i < n; i++)
		if (o[i].proved && pidref_open(o[i].pid, o[i].start_ticks, &ref[i]) == 0) {
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
