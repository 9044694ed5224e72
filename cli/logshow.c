/* cli/logshow.c - showing logs (cli/logshow.h). */
#include "cli/logshow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/out.h"
#include "cli/paint.h"
#include "cli/printjson.h"
#include "client/logname.h"
#include "client/logtime.h"
#include "logread/follow.h"
#include "term/term.h"

#define FLUSH_LINES 4096
/* of a line on a terminal: more than anybody reads there, and less than keeps it busy */
#define SHOWN_MAX (64u << 10)

static unsigned complaints;

unsigned logshow_complaints(void)
{
	return complaints;
}

static void complain(void *arg, const char *text)
{
	(void)arg;
	complaints++;
	out_warn("%s", text);
}

const struct log_complain *logshow_complain(void)
{
	static struct log_complain c = { .fn = complain };

	c.scratch = getenv("TMPDIR");
	return &c;
}

bool logshow_level(const char *text, enum log_level *ret)
{
	*ret = parse_level_word(text, strlen(text));
	if (*ret != LOG_LEVEL_NONE)
		return true;
	out_misuse("--level %s: not a level; there are DEBUG, INFO, WARNING, ERROR and CRITICAL",
		text);
	return false;
}

bool logshow_lines(const char *text, uint64_t *ret)
{
	int64_t n;

	if (str_int(text, 0, 1000000000, &n) < 0) {
		out_misuse("--lines %s: not a number of lines (0 = all)", text);
		return false;
	}
	*ret = (uint64_t)n;
	return true;
}

bool logshow_time(const char *what, const char *text, uint64_t *ret_ns)
{
	if (logtime_parse(text, clock_real_ns(), ret_ns) == 0)
		return true;
	out_misuse(
		"%s %s: not a time; write for example 10m, 2h, today, yesterday, 2026-11-24 10:00 or 2026-11-24T10:00:00Z",
		what, text);
	return false;
}

bool logshow_range(const struct log_query *q)
{
	if (!q->since_ns || !q->until_ns || q->since_ns <= q->until_ns)
		return true;
	out_misuse("--since lies after --until");
	return false;
}

struct kept { /* a line that waits to be printed: the newest come first */
	struct log_entry e;
	char *copy;
};

static bool keep(struct kept *k, const struct log_entry *e)
{
	k->copy = malloc(e->len + 1);
	if (!k->copy)
		return false;
	memcpy(k->copy, e->text, e->len);
	k->copy[e->len] = '\n';
	k->e = *e;
	k->e.text = k->copy;
	k->e.parsed.message = k->copy + (e->parsed.message - e->text);
	if (e->parsed.source)
		k->e.parsed.source = k->copy + (e->parsed.source - e->text);
	return true;
}

static int width_of(const struct logplaces *p)
{
	size_t width = 0;

	for (size_t i = 0; i < p->n; i++) {
		char name[256];
		size_t len = strlen(logname_process(logplaces_label(&p->list[i]), name));

		width = len > width ? len : width;
	}
	return (int)(width > 30 ? 30 : width);
}

/* A last line without its end is left to who follows. */
static bool later(const struct logshow *s, const struct log_entry *e)
{
	return s->follow && e->grows;
}

/* A terminal that stays empty leaves its user in doubt. */
static void say_nothing(const struct logshow *s)
{
	if (s->query.min_level > LOG_LEVEL_DEBUG)
		out_warn("nothing to show of %s and above; --level DEBUG shows all",
			parse_level_label(s->query.min_level));
	else
		out_warn("nothing to show");
}

struct logline logshow_writer(enum logline_form form, int width)
{
	bool tty = term_is_tty(STDOUT_FILENO);

	return (struct logline){ .to = stdout,
		.form = form == LOGLINE_RAW && tty ? LOGLINE_PLAIN : form,
		.width = width,
		.most = tty ? SHOWN_MAX : 0,
		.paint = paint };
}

static void write_line(struct logline *l, const struct log_entry *e)
{
	int r = logline_write(l, e);

	if (r < 0)
		(void)printjson_failed(r);
}

static int show_newest(const struct logshow *s, struct merge *m, struct logline *l,
	uint64_t *ret_shown, struct fault *f)
{
	struct kept *kept = NULL;
	struct log_entry e;
	size_t n = 0, room = 0;
	int r = 0;

	while (n < s->lines && term_caught() == 0 && (r = merge_read(m, &e, f)) == 1) {
		if (later(s, &e))
			continue;
		if (n == room) {
			struct kept *more = realloc(kept, (room * 2 + 64) * sizeof(*more));

			if (!more) {
				r = fault_set(f, -ENOMEM, "out of memory");
				break;
			}
			kept = more;
			room = room * 2 + 64;
		}
		if (!keep(&kept[n], &e)) {
			r = fault_set(f, -ENOMEM, "out of memory");
			break;
		}
		n++;
	}
	*ret_shown = n;
	for (size_t i = n; i-- > 0;) {
		write_line(l, &kept[i].e);
		free(kept[i].copy);
	}
	free(kept);
	return r < 0 ? r : 0;
}

static int show_all(const struct logshow *s, struct merge *m, struct logline *l,
	uint64_t *ret_shown, struct fault *f)
{
	struct log_entry e;
	int r = 0;

	while (term_caught() == 0 && (r = merge_read(m, &e, f)) == 1) {
		if (later(s, &e))
			continue;
		write_line(l, &e);
		if (++*ret_shown % FLUSH_LINES == 0 && !out_flush())
			return 0;
	}
	return r;
}

static bool show_new(void *arg, const struct log_entry *e)
{
	write_line(arg, e);
	return term_caught() == 0;
}

static int add_new(struct follow *w, struct logplaces *p, struct fault *f)
{
	int r = 0;

	logplaces_refresh(p);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		if (!follow_has(w, &p->list[i]))
			r = follow_add(w, &p->list[i], NULL, f);
	return r;
}

static int follow_on(const struct logshow *s, struct logplaces *p, struct merge *m,
	struct logline *l, struct fault *f)
{
	struct follow *w = NULL;
	bool names;
	int r = follow_open(&s->query, logshow_complain(), show_new, l, &w, f);

	if (!s->every) /* those that come into being are not looked for */
		logplaces_expect_errors(p);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = follow_add(w, &p->list[i], merge_stream(m, i), f);
	for (unsigned i = 0; r == 0 && s->every && i < LOGPLACES_FOLDERS; i++)
		if (p->folder[i] >= 0)
			r = follow_watch(w, p->folder[i], f);
	if (r == 0 && s->every) /* what came between the listing and the watch */
		r = add_new(w, p, f);
	while (r == 0 && term_caught() == 0) {
		r = follow_drain(w);
		if (r || !out_flush() || term_caught())
			break;
		r = term_wait(follow_fd(w));
		if (r == -EINTR || r == -EPIPE) {
			r = 0;
			break;
		}
		if (r < 0 || (r = follow_changes(w, &names)) < 0)
			fault_errno(f, r, "following");
		else if (names && s->every)
			r = add_new(w, p, f);
	}
	follow_close(w);
	return r < 0 ? r : 0;
}

int logshow(const struct logshow *s, struct logplaces *p)
{
	enum stream_way way = s->lines ? STREAM_BACKWARD : STREAM_FORWARD;
	struct logline l = logshow_writer(s->form, width_of(p));
	struct merge *m = NULL;
	struct fault f = { "" };
	uint64_t shown = 0;
	int r;

	(void)io_raise_nofile();
	if (s->follow)
		term_catch();
	logline_head(&l);
	r = merge_open(p->list, p->n, way, &s->query, logshow_complain(), &m, &f);
	if (r == 0)
		r = s->lines ? show_newest(s, m, &l, &shown, &f) : show_all(s, m, &l, &shown, &f);
	if (r == 0 && shown == 0 && p->n > 0 && !s->follow && term_is_tty(STDOUT_FILENO))
		say_nothing(s);
	if (r == 0 && s->follow && out_flush())
		r = follow_on(s, p, m, &l, &f);
	merge_close(m);
	if (r < 0)
		return out_fail("%s", f.text);
	return s->whole && complaints ? EXIT_FAIL : EXIT_OK;
}
