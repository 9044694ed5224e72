/* client/eventlog.c - merging the event rings (client/eventlog.h). */
#include "client/eventlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void eventlog_oldest(struct eventlog *log, const struct pt *pt)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		log->pos[role] = pt_event_tail(pt, role);
}

void eventlog_newest(struct eventlog *log, const struct pt *pt)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		log->pos[role] = pt_event_head(pt, role);
}

static int by_time(const void *a, const void *b)
{
	const struct pt_event *x = a, *y = b;

	if (x->boot_ns != y->boot_ns)
		return x->boot_ns < y->boot_ns ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* A new table may begin its rings anew; a slow reader may have been overtaken. */
static void clamp(uint64_t *pos, uint64_t tail, uint64_t head)
{
	if (*pos < tail || *pos > head)
		*pos = tail;
}

int eventlog_read(struct eventlog *log, const struct pt *pt, struct pt_event **ret, size_t *ret_n)
{
	uint64_t head[ROLE_MAX];
	struct pt_event *ev;
	size_t most = 0, n = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		head[role] = pt_event_head(pt, role);
		clamp(&log->pos[role], pt_event_tail(pt, role), head[role]);
		most += (size_t)(head[role] - log->pos[role]);
	}
	ev = calloc(most + 1, sizeof(*ev));
	if (!ev)
		return -ENOMEM;
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		for (; log->pos[role] < head[role]; log->pos[role]++)
			if (pt_event_read(pt, role, log->pos[role], &ev[n]) == 0)
				n++;
	}
	qsort(ev, n, sizeof(*ev), by_time);
	*ret = ev;
	*ret_n = n;
	return 0;
}

/* Daemons bear names that processes may have as well. */
static bool is_about(const struct pt_event *e, const char *name)
{
	return e->kind != PT_EVENT_DAEMON && strncmp(e->name, name, sizeof(e->name)) == 0;
}

int eventlog_about(const struct pt *pt, const char *name, struct pt_event **ret, size_t *ret_n)
{
	struct eventlog log;
	struct pt_event *ev;
	size_t n, about = 0;
	int r;

	eventlog_oldest(&log, pt);
	r = eventlog_read(&log, pt, &ev, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (is_about(&ev[i], name))
			ev[about++] = ev[i];
	*ret = ev;
	*ret_n = about;
	return 0;
}
