/*
 * spawner/handover.c - one line for each thing, "row NAME key=number ..." or "event NAME key=number
 * ...", after a line with the boot id and one with the instance's (spawner/handover.h). Keys that a
 * build does not know are left out by it; what a line does not have is 0. The numbers of states,
 * reasons and kinds are the same in every build: those lists are only ever appended to.
 */
#define _GNU_SOURCE 1
#include "spawner/handover.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "config/desired.h"
#include "config/spec.h"
#include "spawner/rows.h"

#define HANDOVER_MAX (128u * 1024 * 1024) /* 65,536 rows of 700 bytes, and the events, twice */
/* of 2 ms each: a client holds the lock of the new table and is stopped */
#define BUSY_TRIES 50

struct field {
	const char *name;
	uint16_t at, bytes;
};

#define LIFE(member) \
	{ \
#member, offsetof(struct pt_life, member), sizeof(((struct pt_life *)0)->member) \
	}
static const struct field life_fields[] = {
	LIFE(since_real_ns),
	LIFE(since_boot_ns),
	LIFE(next_boot_ns),
	LIFE(start_real_ns),
	LIFE(start_boot_ns),
	LIFE(exit_real_ns),
	LIFE(exit_boot_ns),
	LIFE(start_ticks),
	LIFE(window_boot_ns),
	LIFE(pid),
	LIFE(wait_status),
	LIFE(launch_errno),
	LIFE(life),
	LIFE(restarts),
	LIFE(window_count),
	LIFE(streak),
	LIFE(stop_timeout_ms),
	LIFE(state),
	LIFE(want),
	LIFE(again),
	LIFE(reason),
	LIFE(exit_kind),
	LIFE(killed),
	LIFE(launch_stage),
	LIFE(desired),
	LIFE(pipe_left),
	LIFE(pipe_left_err),
};

#define EVENT(member) \
	{ \
#member, offsetof(struct pt_event, member), sizeof(((struct pt_event *)0)->member) \
	}
static const struct field event_fields[] = {
	EVENT(real_ns),
	EVENT(boot_ns),
	EVENT(value),
	EVENT(pid),
	EVENT(wait_status),
	EVENT(by_pid),
	EVENT(by_uid),
	EVENT(kind),
	EVENT(from),
	EVENT(to),
	EVENT(reason),
	EVENT(exit_kind),
	EVENT(stage),
};

static const struct field ident_fields[] = { { "created_real_ns",
	offsetof(struct pt_ident, created_real_ns), 8 } };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t load(const void *base, const struct field *f)
{
	const char *at = (const char *)base + f->at;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (f->bytes) {
	case 8:
		return memcpy(&u64, at, 8), u64;
	case 4:
		return memcpy(&u32, at, 4), u32;
	case 2:
		return memcpy(&u16, at, 2), u16;
	default:
		return *(const uint8_t *)at;
	}
}

static void store(void *base, const struct field *f, uint64_t value)
{
	char *at = (char *)base + f->at;
	uint32_t u32 = (uint32_t)value;
	uint16_t u16 = (uint16_t)value;

	switch (f->bytes) {
	case 8:
		memcpy(at, &value, 8);
		break;
	case 4:
		memcpy(at, &u32, 4);
		break;
	case 2:
		memcpy(at, &u16, 2);
		break;
	default:
		*(uint8_t *)at = (uint8_t)value;
	}
}

static void print(FILE *out, const void *base, const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = load(base, &f[i]);

		if (value)
			fprintf(out, " %s=%llu", f[i].name, (unsigned long long)value);
	}
}

static void take(void *base, const struct field *f, size_t n, const char *key, int64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].name, key) == 0 &&
			(f[i].bytes == 8 || (uint64_t)value >> (8 * f[i].bytes) == 0))
			store(base, &f[i], (uint64_t)value);
}

static int by_order(const void *a, const void *b)
{
	const struct proc *x = *(struct proc *const *)a, *y = *(struct proc *const *)b;

	return (x->ident->order > y->ident->order) - (x->ident->order < y->ident->order);
}

static int print_rows(struct spawner *sp, FILE *out)
{
	struct proc **p = calloc(sp->capacity + 1, sizeof(struct proc *));
	size_t n = 0;

	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < sp->capacity; i++)
		if (sp->slot[i] && !sp->slot[i]->added)
			p[n++] = sp->slot[i];
	qsort(p, n, sizeof(struct proc *), by_order);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "row %s", p[i]->ident->name);
		print(out, p[i]->ident, ident_fields, COUNT(ident_fields));
		print(out, &p[i]->life, life_fields, COUNT(life_fields));
		fputc('\n', out);
	}
	free(p);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct pt_event *x = a, *y = b;

	return x->boot_ns != y->boot_ns ? (x->boot_ns > y->boot_ns) - (x->boot_ns < y->boot_ns)
					: (x->seq > y->seq) - (x->seq < y->seq);
}

/* Of all four rings, the oldest first: the new spawner has one ring to put them into, and readers
 * merge the rings anyway. */
static int print_events(const struct spawner *sp, FILE *out)
{
	struct pt_event *ev;
	size_t most = 1, n = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++)
		most += (size_t)(pt_event_head(sp->pt, role) - pt_event_tail(sp->pt, role));
	ev = calloc(most, sizeof(*ev));
	if (!ev)
		return -ENOMEM;
	for (unsigned role = 0; role < ROLE_MAX; role++)
		for (uint64_t pos = pt_event_tail(sp->pt, role);
			pos < pt_event_head(sp->pt, role) && n < most; pos++)
			n += pt_event_read(sp->pt, role, pos, &ev[n]) == 0;
	qsort(ev, n, sizeof(*ev), by_time);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "event %s", ev[i].name[0] ? ev[i].name : "-");
		print(out, &ev[i], event_fields, COUNT(event_fields));
		fputc('\n', out);
	}
	free(ev);
	return 0;
}

/* The guardian's notes are in this table only, so none may be left unread; and what became of a
 * child that we can still reap is ours to tell. */
static void judge_all(struct spawner *sp)
{
	exits_reap(sp);
	for (uint32_t i = 0; i < sp->capacity; i++) {
		struct proc *p = sp->slot[i];

		if (p && !p->child && p->ref.pid && !pid_alive(p->ref.pid, p->ref.start_ticks))
			exits_look_at(p);
	}
}

void handover_write(struct spawner *sp)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int r;

	judge_all(sp);
	out = open_memstream(&text, &len);
	if (!out) {
		say(SAY_WARNING, "cannot write run/%s: %s", HOME_HANDOVER_FILE, strerror(errno));
		return;
	}
	fprintf(out, "boot %s\ninstance %016llx\n", sp->boot_id,
		(unsigned long long)sp->start.home.id);
	r = print_rows(sp, out);
	if (r == 0)
		r = print_events(sp, out);
	fputs("end\n", out);
	if (io_text_done(out, &text) < 0 && r == 0)
		r = -ENOMEM;
	if (r == 0)
		r = io_replace(sp->start.home.run_fd, HOME_HANDOVER_FILE, text, len, IO_NO_SYNC);
	if (r < 0)
		say(SAY_WARNING, "cannot write run/%s: %s", HOME_HANDOVER_FILE, strerror(-r));
	free(text);
}

static bool makes_sense(struct pt_life *l)
{
	if (l->reason >= PT_REASON_MAX)
		l->reason = PT_REASON_NONE; /* of a newer build */
	if (l->launch_stage >= PT_STAGE_MAX)
		l->launch_stage = PT_STAGE_NONE;
	return l->state < PT_STATE_MAX && l->exit_kind <= PT_EXIT_LOST && l->pid >= 0 &&
		machine_check(l) == NULL;
}

/* Split "key=number" words off *rest; false at the end of the line. */
static bool next_word(char **rest, const char **key, int64_t *value)
{
	char *word, *equals;

	while ((word = strtok_r(NULL, " ", rest))) {
		equals = strchr(word, '=');
		if (!equals)
			continue;
		*equals = 0;
		if (str_int(equals + 1, 0, INT64_MAX, value) < 0)
			continue;
		*key = word;
		return true;
	}
	return false;
}

static int restore(struct spawner *sp, const char *name, const struct pt_life *life,
	uint64_t created_real_ns, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	struct proc *p = NULL;
	struct pt_ident ident;
	int r, tries = BUSY_TRIES;

	spec_file_name(name, file);
	r = row_load_ident(sp, file, name, &ident, f);
	if (r < 0)
		return r;
	ident.created_real_ns = created_real_ns;
	do {
		sp->lock_stuck = false;
		r = row_restore(sp, &ident, life, &p);
	} while (r == -EBUSY && tries-- > 0);
	if (r == 0)
		p->spec_dirty = true;
	return r;
}

static void take_row(struct spawner *sp, const char *name, char *rest, unsigned *n)
{
	struct pt_ident ident = { .gen = 0 };
	/* whatever told of this state is in the history */
	struct pt_life life = { .event_pos = UINT64_MAX };
	struct desired_entry e = { .order = sp->next_order };
	struct fault f = { "" };
	const char *key;
	int64_t value;
	int r;

	if (name_check(name, NULL) < 0 || proc_find(sp, name))
		return;
	while (next_word(&rest, &key, &value)) {
		take(&ident, ident_fields, COUNT(ident_fields), key, value);
		take(&life, life_fields, COUNT(life_fields), key, value);
	}
	if (!makes_sense(&life)) {
		say(SAY_WARNING,
			"what was handed over about %s makes no sense here; taking it from %s",
			name, DESIRED_FILE);
		return;
	}
	r = restore(sp, name, &life, ident.created_real_ns, &f);
	if (r == 0) {
		(*n)++;
		return;
	}
	say(SAY_WARNING, "%s can't be taken over: %s; its entry in %s is kept", name,
		f.text[0] ? f.text : strerror(-r), DESIRED_FILE);
	str_copy(e.name, sizeof(e.name), name);
	e.up = life.desired;
	e.pid = life.pid;
	e.start_ticks = life.start_ticks;
	(void)desired_keep(&sp->foreign_entries, &e);
}

static void take_event(struct spawner *sp, uint64_t pos, const char *name, char *rest)
{
	struct pt_event ev = { .seq = pos + 1 };
	const struct proc *p = proc_find(sp, name);
	const char *key;
	int64_t value;

	while (next_word(&rest, &key, &value))
		take(&ev, event_fields, COUNT(event_fields), key, value);
	if (name[0] != '-')
		str_copy(ev.name, sizeof(ev.name), name);
	ev.slot = p ? p->slot : 0;
	ev.gen = p ? p->gen : 0;
	pt_event_restore(sp->pt, pos, &ev);
}

/* A home that was copied has the file of the one that it was copied from. A build before this line
 * was there wrote none. */
static bool is_of_another(const struct spawner *sp, const char *kind, const char *name)
{
	char own[20];

	snprintf(own, sizeof(own), "%016llx", (unsigned long long)sp->start.home.id);
	return name && strcmp(kind, "instance") == 0 && strcmp(name, own) != 0;
}

static bool take_all(struct spawner *sp, char *text, unsigned *n)
{
	uint64_t events = 0;
	bool history = pt_event_head(sp->pt, ROLE_SPAWNER) == 0;
	char *lines, *rest, *line = strtok_r(text, "\n", &lines);

	if (!line || strncmp(line, "boot ", 5) != 0 || strcmp(line + 5, sp->boot_id) != 0)
		return false;
	while ((line = strtok_r(NULL, "\n", &lines))) {
		const char *kind = strtok_r(line, " ", &rest);
		const char *name = kind ? strtok_r(NULL, " ", &rest) : NULL;

		if (is_of_another(sp, kind, name))
			return false;
		if (name && strcmp(kind, "row") == 0)
			take_row(sp, name, rest, n);
		else if (name && strcmp(kind, "event") == 0 && history)
			take_event(sp, events++, name, rest);
	}
	if (events) /* all at once: a spawner killed before this begins anew */
		pt_event_publish(sp->pt, events - 1);
	return true;
}

bool handover_take(struct spawner *sp, unsigned *n)
{
	char *text = NULL;
	bool taken;

	if (io_read_file(sp->start.home.run_fd, HOME_HANDOVER_FILE, HANDOVER_MAX, &text, NULL) < 0)
		return false;
	taken = take_all(sp, text, n);
	free(text);
	return taken;
}

void handover_forget(struct spawner *sp)
{
	(void)io_remove(sp->start.home.run_fd, HOME_HANDOVER_FILE, 0);
}
