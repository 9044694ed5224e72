/*
 * examples/watch_changes.c - print what happens to the processes of an instance of tend, as it
 * happens.
 *
 * 	cc -o watch_changes watch_changes.c $(pkg-config --cflags --libs tendshm) && TEND_HOME=...
 *  ./watch_changes
 *
 * It asks no daemon and polls nothing: it sleeps on the change counter of the process table, which
 * the kernel wakes it from, then reads the rows and compares them with what it saw before. States
 * that last for less than a look takes can be missed; the events (shm/events.h) keep them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tendshm.h>

struct seen {	      /* what was printed last, by slot */
	uint32_t gen; /* whose row it was; even = none */
	uint8_t state, verdict;
	int32_t pid;
	char name[PT_NAME_MAX];
};

static void print_row(const struct pt_row *row, const char *verdict)
{
	char when[CLOCK_TEXT_MAX];

	printf("%s %s: %s", clock_rfc3339(row->life.since_real_ns, when), row->ident.name,
		pt_state_label(row->life.state));
	if (row->life.pid > 0)
		printf(", pid %d", (int)row->life.pid);
	printf(" (%s), health %s\n", pt_reason_sentence(row->life.reason), verdict);
}

/* Print the rows that differ from what was seen, and remember them. */
static void look(const struct pt *pt, struct seen *seen, uint32_t slots)
{
	uint32_t high = pt_high(pt);

	for (uint32_t slot = 0; slot < slots; slot++) {
		struct seen *s = &seen[slot];
		struct pt_row row;

		if (slot >= high || pt_read(pt, slot, &row) < 0) {
			if (s->gen & 1)
				printf("%s: removed\n", s->name);
			s->gen = 0;
			continue;
		}
		if (s->gen == row.gen && s->state == row.life.state && s->pid == row.life.pid &&
			s->verdict == row.health.verdict)
			continue;
		print_row(&row, pt_health_label(row.health.verdict));
		*s = (struct seen){ .gen = row.gen,
			.state = row.life.state,
			.verdict = row.health.verdict,
			.pid = row.life.pid };
		memcpy(s->name, row.ident.name, sizeof(s->name));
	}
	fflush(stdout);
}

/* Is the instance being shut down, with nothing left that runs? The guardian's record is the first
 * of the daemons'. */
static int has_ended(const struct pt *pt)
{
	struct pt_daemon guardian;
	struct pt_life life;
	uint32_t high = pt_high(pt);

	if (pt_read_daemon(pt, 0, &guardian) < 0 || !(guardian.flags & PT_DAEMON_SHUTDOWN))
		return 0;
	for (uint32_t slot = 0; slot < high; slot++)
		if (pt_read_life(pt, slot, &life) == 0 &&
			!(pt_state_traits(life.state) & PT_TRAIT_REST))
			return 0;
	return 1;
}

/* Until the table is replaced by a new one (0) or the instance ends (1). */
static int watch(const struct pt *pt, struct seen *seen, uint32_t slots)
{
	while (!pt_replaced(pt)) {
		/* first this, then the rows: a change in between ends the sleep at once */
		uint32_t changes = pt_changes(pt);

		look(pt, seen, slots);
		if (has_ended(pt))
			return 1;
		(void)pt_wait_change(pt, changes, UINT64_MAX);
	}
	return 0;
}

int main(void)
{
	struct seen *seen = NULL;
	uint32_t slots = 0;
	struct fault why;
	int ended = 0;

	while (!ended) {
		struct pt *pt = NULL;
		struct pt_info info;

		if (pt_attach(NULL, &pt, &why) < 0) {
			fprintf(stderr, "watch_changes: %s\n", why.text);
			free(seen);
			return EXIT_FAILURE;
		}
		pt_get_info(pt, &info);
		if (!seen) {
			slots = info.capacity;
			seen = calloc(slots, sizeof(*seen));
		}
		if (!seen) {
			perror("watch_changes");
			pt_detach(pt);
			return EXIT_FAILURE;
		}
		ended = watch(pt, seen, slots < info.capacity ? slots : info.capacity);
		pt_detach(pt);
	}
	printf("the instance has ended\n");
	free(seen);
	return EXIT_SUCCESS;
}
