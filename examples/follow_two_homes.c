/*
 * examples/follow_two_homes.c - follow two instances of tend from one program with one poll():
 * prints what changes in the status of their processes and what they write, and restarts one when
 * told so on standard input.
 *
 *	make examples && build/plain/examples/follow_two_homes HOME HOME
 *	restart 1 web          (a line on standard input: the process web of the first home)
 *
 * It is built in tend's own tree: lib/client is not installed, since its functions may still
 * change. (What is installed for readers of the table alone: watch_changes.c.) Each thing that is
 * waited for is a descriptor: the change counter of a table (client/changes.h), logs
 * (client/logs.h), answers of the daemons (client/asks.h).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "client/asks.h"
#include "client/changes.h"
#include "client/instance.h"
#include "client/logs.h"
#include "client/view.h"

#define HOMES 2

struct followed {
	const char *path;
	unsigned number; /* for people */
	struct changes *changes;
	struct logs *logs; /* NULL: the home has none yet */
	struct asks *asks;
	struct instance in;
	struct view seen; /* what was printed last */
};

enum { CHANGES, LOGS, ASKS, DESCRIPTORS }; /* of one home */

static void print_row(const struct followed *h, const struct view_row *r)
{
	printf("%u %s: %s", h->number, r->row.ident.name, view_state(r));
	if (view_is_up(r) && r->row.life.pid > 0)
		printf(", pid %d", (int)r->row.life.pid);
	printf("\n");
}

static bool is_same(const struct view_row *a, const struct view_row *b)
{
	return strcmp(view_state(a), view_state(b)) == 0 && a->row.life.pid == b->row.life.pid;
}

/* Print what differs from what was seen, and remember it. */
static void show_changes(struct followed *h)
{
	struct view v;

	if (view_load(&h->in, &v) < 0)
		return;
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		const char *state = view_daemon_state(&v.daemon[role]);

		if (strcmp(state, view_daemon_state(&h->seen.daemon[role])) != 0)
			printf("%u tend-%s: %s\n", h->number, role_name(role), state);
	}
	for (size_t i = 0; i < v.n; i++) {
		const struct view_row *before = view_find(&h->seen, v.row[i].row.ident.name);

		if (!before || !is_same(before, &v.row[i]))
			print_row(h, &v.row[i]);
	}
	for (size_t i = 0; v.present && i < h->seen.n; i++)
		if (!view_find(&v, h->seen.row[i].row.ident.name))
			printf("%u %s: removed\n", h->number, h->seen.row[i].row.ident.name);
	view_done(&h->seen);
	h->seen = v;
}

/* A home that is followed before anything was started in it has no logs. */
static void open_logs(struct followed *h)
{
	const struct logs_query q = { .newest = LOGS_NONE, .follow = true };

	if (!h->logs)
		(void)logs_open(&h->in.home, NULL, 0, &q, &h->logs, NULL);
}

static void on_change(struct followed *h)
{
	if (changes_take(h->changes)) {
		instance_close(&h->in);
		h->in = (struct instance)INSTANCE_NONE;
		if (instance_open(&h->in, h->path, PT_READER, NULL) < 0)
			printf("%u: no table\n", h->number);
		open_logs(h);
	}
	show_changes(h);
}

static void on_log(struct followed *h)
{
	struct logs_entry e;

	while (logs_next(h->logs, &e, NULL) == 1) {
		char text[1024], line[256];

		(void)snprintf(line, sizeof(line), "%.*s", (int)e.len, e.text);
		(void)str_visible(text, sizeof(text), line);
		printf("%u %s%s| %s\n", h->number, e.name, e.err ? " (stderr)" : "", text);
	}
}

static void on_answer(struct followed *h)
{
	struct asked asked;

	while (asks_take(h->asks, &asked)) {
		const struct ask *a = asked.list;

		if (asked.error < 0)
			printf("%u: %s\n", h->number, asked.why.text);
		else if (a->answer.code < 0)
			printf("%u %s: %s\n", h->number, a->req.name, a->answer.text);
		else
			printf("%u %s: was restarted\n", h->number, a->req.name);
		asked_done(&asked);
	}
}

/* "restart NUMBER NAME". False: the end of the input. */
static bool on_input(struct followed homes[static HOMES])
{
	char line[256], name[NAME_MAX_BYTES];
	unsigned number;
	struct ask a;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "restart %u %63s", &number, name) != 2 || number < 1 || number > HOMES) {
		printf("expected \"restart 1 NAME\" or \"restart 2 NAME\"\n");
		return true;
	}
	ask_fill(&a, PT_COMMAND_RESTART, name, 0);
	if (asks_post(homes[number - 1].asks, &a, 1, NULL, NULL) < 0)
		printf("%u: cannot ask\n", number);
	return true;
}

static int open_home(struct followed *h, const char *path, unsigned number)
{
	struct fault f = { "" };

	*h = (struct followed){ .path = path, .number = number, .in = INSTANCE_NONE };
	if (changes_open(path, &h->changes, &f) == 0 && asks_open(path, &h->asks, &f) == 0)
		return 0;
	fprintf(stderr, "follow_two_homes: %s\n", f.text);
	return -1;
}

static void close_home(struct followed *h)
{
	changes_close(h->changes);
	logs_close(h->logs);
	asks_close(h->asks);
	view_done(&h->seen);
	instance_close(&h->in);
}

int main(int argc, char **argv)
{
	struct followed homes[HOMES] = { { .in = INSTANCE_NONE }, { .in = INSTANCE_NONE } };
	struct pollfd p[HOMES * DESCRIPTORS + 1];
	bool goes_on = argc == 1 + HOMES;

	if (!goes_on)
		fprintf(stderr, "usage: follow_two_homes HOME HOME\n");
	setvbuf(stdin, NULL, _IONBF, 0); /* else poll() would not see what is read ahead */
	for (unsigned i = 0; goes_on && i < HOMES; i++)
		goes_on = open_home(&homes[i], argv[i + 1], i + 1) == 0;
	while (goes_on) {
		for (unsigned i = 0; i < HOMES; i++) {
			struct followed *h = &homes[i];
			const int fd[DESCRIPTORS] = { [CHANGES] = changes_fd(h->changes),
				[LOGS] = h->logs ? logs_fd(h->logs) : -1,
				[ASKS] = asks_fd(h->asks) };

			for (unsigned k = 0; k < DESCRIPTORS; k++)
				p[i * DESCRIPTORS + k] = (struct pollfd){ .fd = fd[k],
					.events = POLLIN };
		}
		p[HOMES * DESCRIPTORS] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
		if (poll(p, HOMES * DESCRIPTORS + 1, -1) < 0 && errno != EINTR)
			break;
		for (unsigned i = 0; i < HOMES; i++) {
			if (p[i * DESCRIPTORS + CHANGES].revents)
				on_change(&homes[i]);
			if (p[i * DESCRIPTORS + LOGS].revents)
				on_log(&homes[i]);
			if (p[i * DESCRIPTORS + ASKS].revents)
				on_answer(&homes[i]);
		}
		if (p[HOMES * DESCRIPTORS].revents)
			goes_on = on_input(homes);
		fflush(stdout);
	}
	for (unsigned i = 0; i < HOMES; i++)
		close_home(&homes[i]);
	return argc == 1 + HOMES ? EXIT_SUCCESS : EXIT_FAILURE;
}
