/* http/conns.c - see http/conns.h. */
#include "http/conns.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"

#define OTHER_FDS 64u /* database, event loop, listening sockets, and those that are being closed */

void conns_init(struct conns *l)
{
	struct rlimit rl;

	*l = (struct conns){ .max = CONNS_MAX };
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY &&
		rl.rlim_cur < 2 * CONNS_MAX + OTHER_FDS)
		l->max = rl.rlim_cur > 2 * OTHER_FDS ? (rl.rlim_cur - OTHER_FDS) / 2 : 16;
}

/* ---- the list */

static void append(struct conns *l, struct conn *c, uint64_t now)
{
	c->since_boot_ns = now;
	c->before = l->last;
	c->after = NULL;
	*(l->last ? &l->last->after : &l->first) = c;
	l->last = c;
}

static void take_out(struct conns *l, struct conn *c)
{
	*(c->before ? &c->before->after : &l->first) = c->after;
	*(c->after ? &c->after->before : &l->last) = c->before;
}

static void drop_body(struct conns *l, struct conn *c)
{
	l->bodies -= c->cap;
	free(c->body);
	c->body = NULL;
	c->len = c->cap = 0;
}

static void leave_queue(struct conns *l, const struct conn *c)
{
	struct conn **at = &l->waits_first, *before = NULL;

	while (*at && *at != c) {
		before = *at;
		at = &before->behind;
	}
	if (!*at)
		return;
	*at = c->behind;
	if (l->waits_last == c)
		l->waits_last = before;
}

void conns_end(struct conns *l, struct conn *c)
{
	if (c->ended)
		return;
	c->ended = true;
	l->live--;
	c->refused = 503; /* what still comes of its body is not kept */
	drop_body(l, c);
	if (c->waits) { /* in front of all, for it is quickly done */
		leave_queue(l, c);
		c->behind = l->waits_first;
		l->waits_first = c;
		if (!l->waits_last)
			l->waits_last = c;
	}
	(void)shutdown(c->fd, SHUT_RDWR);
}

/* Those of one other machine don't take the room of all. */
static void make_room_from(struct conns *l, const struct addr *peer)
{
	struct conn *oldest = NULL;
	size_t n = 0;

	if (addr_is_loopback(peer))
		return;
	for (struct conn *c = l->first; c; c = c->after)
		if (!c->ended && addr_same_host(&c->peer, peer)) {
			n++;
			oldest = oldest ? oldest : c;
		}
	if (n >= CONNS_OF_ONE)
		conns_end(l, oldest);
}

struct conn *conns_add(
	struct conns *l, struct MHD_Connection *mhd, int fd, const struct addr *peer, uint64_t now)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	make_room_from(l, peer);
	for (struct conn *old = l->first; old && l->live >= l->max; old = old->after)
		if (!old->waits) /* who has asked and waits for us does not hold anything up */
			conns_end(l, old);
	for (struct conn *old = l->first; old && l->live >= l->max; old = old->after)
		conns_end(l, old);
	c->mhd = mhd;
	c->fd = fd;
	c->peer = *peer;
	append(l, c, now);
	l->n++;
	l->live++;
	return c;
}

void conns_remove(struct conns *l, struct conn *c)
{
	if (c->waits)
		leave_queue(l, c);
	drop_body(l, c);
	l->answers -= c->answer;
	l->n--;
	l->live -= !c->ended;
	take_out(l, c);
	free(c);
}

void conns_rest(struct conns *l, struct conn *c, uint64_t now)
{
	drop_body(l, c);
	l->answers -= c->answer;
	c->answer = 0;
	c->has_turn = false;
	if (c->ended)
		return;
	c->refused = 0;
	take_out(l, c);
	append(l, c, now);
}

uint64_t conns_sweep(struct conns *l, uint64_t now)
{
	for (struct conn *c = l->first; c; c = c->after) {
		uint64_t until = c->since_boot_ns + CONNS_REQUEST_S * NS_PER_SEC;

		if (until > now)
			return until;
		conns_end(l, c);
	}
	return 0;
}

/* ---- what they hold */

static bool free_bodies(struct conns *l, const struct conn *except, size_t need)
{
	for (struct conn *c = l->first; c && l->bodies + need > CONNS_BODIES_MAX; c = c->after)
		if (c != except && c->cap && !c->waits)
			conns_end(l, c);
	return l->bodies + need <= CONNS_BODIES_MAX;
}

bool conns_body_room(struct conns *l, struct conn *c, size_t more)
{
	size_t cap = c->cap ? c->cap : 1024;
	char *bigger;

	while (cap < c->len + more)
		cap *= 2;
	if (cap == c->cap)
		return true;
	bigger = free_bodies(l, c, cap - c->cap) ? realloc(c->body, cap) : NULL;
	if (!bigger)
		return false;
	l->bodies += cap - c->cap;
	c->body = bigger;
	c->cap = cap;
	return true;
}

void conns_answer(struct conns *l, struct conn *c, size_t bytes)
{
	size_t held = l->answers;

	c->answer = bytes;
	l->answers += bytes;
	for (struct conn *old = l->first; old && held + bytes > CONNS_ANSWERS_MAX; old = old->after)
		if (old != c && old->answer) {
			held -= old->answer; /* as soon as it is closed */
			conns_end(l, old);
		}
}

/* ---- turns */

void conns_wait(struct conns *l, struct conn *c)
{
	c->waits = true;
	c->behind = NULL;
	*(l->waits_last ? &l->waits_last->behind : &l->waits_first) = c;
	l->waits_last = c;
}

struct conn *conns_next(struct conns *l)
{
	struct conn *c = l->waits_first;

	if (!c)
		return NULL;
	l->waits_first = c->behind;
	if (!l->waits_first)
		l->waits_last = NULL;
	c->waits = false;
	c->has_turn = true;
	return c;
}
