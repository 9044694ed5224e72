/* tend monitor - a table of all processes, once or continuously (the task text's monitor). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/paint.h"
#include "cli/printjson.h"
#include "client/phrase.h"
#include "client/changes.h"
#include "client/view.h"
#include "term/screen.h"
#include "term/term.h"
#include "words/columns.h"
#include "words/doc.h"

#define INTERVAL_MS	5000u
#define INTERVAL_MIN_MS 50u /* more pictures than anyone sees would take a processor */
#define INTERVAL_MAX_MS (24u * 3600 * 1000)
#define RULE_WIDTH	80
#define NAME_WIDTH	20
#define NAME_LEAST	12		 /* below that a column goes */
#define WIDE_WIDTH	114u		 /* columns that the table takes with TYPE, CPU and MEM */
#define REDRAW_NS	(40 * NS_PER_MS) /* however often something changes */

struct monitor {
	bool json, continuous, verbose;
	const char *filter;
	uint64_t interval_ns;
	bool wide;
	unsigned hidden; /* columns that a narrow terminal has no room for, as bits */
	int name_width;
};

enum { PID, STATUS, HEALTH, UPTIME, RESTARTS, COLUMNS };

static bool is_wanted(const struct monitor *m, const struct view_row *r)
{
	return !m->filter || strstr(r->row.ident.name, m->filter) != NULL;
}

/* ---- JSON */

static int show_json(const struct monitor *m, const struct view *v)
{
	struct view_row **rows = calloc(v->n + 1, sizeof(*rows));
	struct home h = HOME_INIT;
	struct json_out o = { 0 };
	size_t n = 0;

	if (m->verbose)
		(void)home_open(NULL, HOME_READ, &h, NULL);
	for (size_t i = 0; rows && i < v->n; i++)
		if (is_wanted(m, &v->row[i]))
			rows[n++] = &v->row[i];
	if (rows)
		doc_monitor(&o, v, rows, n, m->verbose ? &h : NULL);
	else
		o.error = -ENOMEM;
	free(rows);
	home_close(&h);
	return printjson(&o);
}

/* ---- text */

static int32_t pid_of(const struct view_row *r)
{
	return view_is_up(r) ? r->row.life.pid : 0;
}

static const int column_width[COLUMNS] = { 8, 10, 12, 10, 8 };

/* What a terminal of that width (0: none) has room for: the name is cut first, then columns go, the
 * state of things last. */
static void fit(struct monitor *m, unsigned width)
{
	static const unsigned dispensable[] = { RESTARTS, UPTIME, PID, HEALTH };
	int total = NAME_WIDTH + 1;

	m->hidden = 0;
	m->name_width = NAME_WIDTH;
	for (unsigned i = 0; i < COLUMNS; i++)
		total += column_width[i] + 1;
	if (width == 0 || m->verbose)
		return;
	for (unsigned i = 0; (int)width < total - NAME_WIDTH + NAME_LEAST &&
		i < sizeof(dispensable) / sizeof(dispensable[0]);
		i++) {
		m->hidden |= 1u << dispensable[i];
		total -= column_width[dispensable[i]] + 1;
	}
	if ((int)width < total)
		m->name_width = (int)width > total - NAME_WIDTH + NAME_LEAST / 2
			? (int)width - (total - NAME_WIDTH)
			: NAME_LEAST / 2;
}

static void cell(const char *text, int width, enum term_colour colour)
{
	const char *on = colour == TERM_PLAIN ? "" : term_colour(colour);

	printf("%s%-*s%s ", on, width, text, on[0] ? term_colour(TERM_PLAIN) : "");
}

static void column(
	const struct monitor *m, unsigned which, const char *text, enum term_colour colour)
{
	if (!(m->hidden & 1u << which))
		cell(text, column_width[which], colour);
}

static enum term_colour state_colour(const struct view_row *r)
{
	return view_is_up(r)					  ? TERM_GREEN
		: r->row.life.state == PT_STATE_FAILED || r->gone ? TERM_RED
								  : TERM_DIM;
}

/* Truncated to seconds, in Go's notation. */
static void uptime(const struct view *v, const struct view_row *r, char buf[static CLOCK_TEXT_MAX])
{
	unsigned long long s = view_uptime_ns(v, r) / NS_PER_SEC;

	if (!view_is_up(r))
		str_copy(buf, CLOCK_TEXT_MAX, "-");
	else if (s >= 3600)
		snprintf(buf, CLOCK_TEXT_MAX, "%lluh%llum%llus", s / 3600, s / 60 % 60, s % 60);
	else if (s >= 60)
		snprintf(buf, CLOCK_TEXT_MAX, "%llum%llus", s / 60, s % 60);
	else
		snprintf(buf, CLOCK_TEXT_MAX, "%llus", s);
}

static void show_row(
	const struct monitor *m, const struct view *v, const struct view_row *r, unsigned width)
{
	char text[CLOCK_TEXT_MAX], name[NAME_MAX_BYTES + 4];
	bool cut;

	str_copy(name, sizeof(name), r->row.ident.name); /* ASCII */
	cut = width && (int)strlen(name) > m->name_width;
	if (cut)
		snprintf(name + m->name_width - 1, 4, "\xe2\x80\xa6");
	cell(name, m->name_width + (cut ? 2 : 0), TERM_PLAIN); /* three bytes, one column */
	snprintf(text, sizeof(text), "%d", pid_of(r));
	column(m, PID, pid_of(r) ? text : "-", TERM_PLAIN);
	column(m, STATUS, view_word(r), state_colour(r));
	column(m, HEALTH, pt_health_label(r->row.health.verdict), paint_colour(columns_health(r)));
	uptime(v, r, text);
	column(m, UPTIME, text, TERM_PLAIN);
	snprintf(text, sizeof(text), "%u", r->row.life.restarts);
	if (m->wide) {
		cell(text, 8, TERM_PLAIN);
		cell(pt_service_label(r->row.ident.service), 9, TERM_PLAIN);
		snprintf(text, sizeof(text), "%u.%u%%", r->row.health.cpu_permille / 10,
			r->row.health.cpu_permille % 10);
		cell(view_is_up(r) ? text : "-", 8, TERM_PLAIN);
		printf("%s", view_is_up(r) ? phrase_bytes(r->row.health.memory_bytes, text) : "-");
	} else if (!(m->hidden & 1u << RESTARTS)) {
		printf("%s", text);
	}
	screen_line();
}

static void rule(char c, unsigned width)
{
	unsigned n = width && width < RULE_WIDTH ? width : RULE_WIDTH;

	for (unsigned i = 0; i < n; i++)
		putchar(c);
	screen_line();
}

static void show_totals(const struct monitor *m, const struct view *v)
{
	unsigned n = 0, up = 0, healthy = 0, unhealthy = 0;

	for (size_t i = 0; i < v->n; i++) {
		uint8_t verdict = v->row[i].row.health.verdict;

		if (!is_wanted(m, &v->row[i]))
			continue;
		n++;
		up += view_is_up(&v->row[i]);
		healthy += view_is_up(&v->row[i]) && verdict == PT_HEALTH_HEALTHY;
		unhealthy += verdict == PT_HEALTH_UNHEALTHY || verdict == PT_HEALTH_FAILED;
	}
	printf("Total: %u, running: %u, healthy: %u, unhealthy: %u", n, up, healthy, unhealthy);
	screen_line();
	screen_line();
}

static void show_titles(const struct monitor *m)
{
	static const char *const title[COLUMNS] = { "PID", "STATUS", "HEALTH", "UPTIME",
		"RESTARTS" };

	cell("NAME", m->name_width, TERM_PLAIN);
	for (unsigned i = 0; i < RESTARTS; i++)
		column(m, i, title[i], TERM_PLAIN);
	if (!(m->hidden & 1u << RESTARTS))
		printf("%-8s", title[RESTARTS]);
	if (m->wide)
		printf(" %-9s %-8s %s", "TYPE", "CPU", "MEM");
	screen_line();
}

/* most: how many rows fit, 0 = all. */
static void show_table(struct monitor *m, const struct view *v, size_t most)
{
	unsigned width = term_width();
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < v->n; i++)
		left += is_wanted(m, &v->row[i]);
	if (left == 0) {
		printf("No managed processes found.");
		screen_line();
		return;
	}
	m->wide = m->verbose || width >= WIDE_WIDTH;
	if (m->verbose)
		show_totals(m, v);
	fit(m, width);
	show_titles(m);
	rule('-', width);
	for (size_t i = 0; i < v->n && (!most || shown < most); i++)
		if (is_wanted(m, &v->row[i])) {
			show_row(m, v, &v->row[i], width);
			shown++;
		}
	if (shown < left) {
		printf("... and %zu more; --filter NAME shows fewer", left - shown);
		screen_line();
	}
	if (v->n && !v->supervised) {
		printf("No daemon of tend runs: this is what was true last. \"tend start\" starts them.");
		screen_line();
	}
}

static void show_title(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[40];

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("MCP Mesh Process Monitor - %s", text);
	screen_line();
}

static int show(struct monitor *m, bool tty)
{
	struct view v = { 0 };
	struct fault f = { "" };
	char span[CLOCK_TEXT_MAX];
	/* lines that are not rows */
	unsigned height = tty ? term_height() : 0, around = m->verbose ? 10 : 8;
	int status = EXIT_OK;

	if (view_take(NULL, &v, &f) < 0) {
		status = out_fail("%s", f.text);
	} else if (m->json) {
		status = show_json(m, &v);
	} else {
		screen_home();
		if (m->continuous) {
			show_title();
			rule('=', term_width());
		}
		show_table(m, &v, !tty ? 0 : height > around ? height - around : 1);
		if (m->continuous) {
			screen_line();
			printf("Refreshing every %s. Press %sCtrl+C to exit.",
				clock_span(m->interval_ns, span), tty ? "q or " : "");
			screen_line();
		}
		screen_done();
	}
	view_done(&v);
	return status;
}

static enum screen_event wait_for(uint64_t until_boot_ns, struct changes *changes)
{
	enum screen_event what = screen_wait(until_boot_ns, changes ? changes_fd(changes) : -1);

	if (what == SCREEN_CHANGE)
		(void)changes_take(changes); /* each picture attaches anew */
	return what;
}

static int go_on(struct monitor *m)
{
	bool tty = !m->json && term_is_tty(STDOUT_FILENO);
	uint64_t tick = clock_boot_ns();
	struct changes *changes = NULL;
	struct fault f = { "" };
	int status;

	if (tty && changes_open(NULL, &changes, &f) < 0)
		return out_fail("%s", f.text);
	status = screen_begin(tty);
	if (status < 0) {
		changes_close(changes);
		return out_fail("cannot take signals: %s", strerror(-status));
	}
	for (;;) {
		enum screen_event what;
		uint64_t drawn;

		status = show(m, tty);
		if (status != EXIT_OK || !out_flush())
			break;
		drawn = clock_boot_ns();
		if (drawn >= tick)
			tick = drawn + m->interval_ns;
		what = wait_for(tick, changes);
		if (what == SCREEN_CHANGE) { /* several changes at once are one picture */
			while ((drawn + REDRAW_NS > clock_boot_ns()) && what != SCREEN_QUIT)
				what = wait_for(drawn + REDRAW_NS, changes);
		}
		if (what == SCREEN_QUIT)
			break;
	}
	screen_end();
	changes_close(changes);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "interval", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' }, { "continuous", no_argument, NULL, 'c' },
		{ "verbose", no_argument, NULL, 'v' }, { "filter", required_argument, NULL, 'f' },
		{ 0 } };
	struct monitor m = { .interval_ns = INTERVAL_MS * NS_PER_MS };
	uint64_t ms;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		m.json = m.json || opt == 'j';
		m.continuous = m.continuous || opt == 'c';
		m.verbose = m.verbose || opt == 'v';
		if (opt == 'f')
			m.filter = optarg;
		if (opt != 'i')
			continue;
		if (!opts_duration("--interval", optarg, INTERVAL_MAX_MS, &ms))
			return EXIT_MISUSE;
		if (ms < INTERVAL_MIN_MS)
			return out_misuse(
				"--interval %s: expected at least %u ms", optarg, INTERVAL_MIN_MS);
		m.interval_ns = ms * NS_PER_MS;
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	return m.continuous ? go_on(&m) : show(&m, false);
}

const struct command cmd_monitor = {
	.name = "monitor",
	.summary = "all processes and their health, once or continuously",
	.usage = "[--continuous] [--interval SECONDS] [--filter NAME]\n"
		 "[--verbose] [--json]",
	.help = "  --continuous        stay, and show every change at once; q or Ctrl-C ends it.\n"
		"                      Not on a terminal: one block each interval\n"
		"  --interval SECONDS  between two pictures if nothing changes (default 5, at\n"
		"                      least 0.05)\n"
		"  --filter NAME       only processes whose name contains this\n"
		"  --verbose           totals, and the columns TYPE, CPU and MEM also where they\n"
		"                      are not sure to fit; with --json more keys\n"
		"  --json              one JSON object, keyed by name\n"
		"\n"
		"Examples:\n"
		"  tend monitor --continuous\n"
		"  tend monitor --json --filter web\n",
	.run = run,
};
