/* tests/unit/test_http_conns.c - who is ended when room is needed: connections without a
 * network. */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/conns.h"
#include "tests/unit/run.h"

static struct conns all;
static int other[200]; /* the clients' ends */
static size_t n_other;

static void set_up(void)
{
	conns_init(&all);
	all.max = 10;
	n_other = 0;
}

static void tear_down(void)
{
	while (all.first) {
		close(all.first->fd);
		conns_remove(&all, all.first);
	}
	for (size_t i = 0; i < n_other; i++)
		close(other[i]);
	ck_assert_uint_eq(all.n, 0);
	ck_assert_uint_eq(all.live, 0);
	ck_assert_uint_eq(all.bodies, 0);
	ck_assert_uint_eq(all.answers, 0);
}

static struct addr address(uint32_t v4)
{
	struct addr a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(v4) };

	memcpy(&a.sa, &in, sizeof(in));
	return a;
}

static struct conn *come(uint32_t v4, uint64_t now)
{
	struct addr peer = address(v4);
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	other[n_other++] = pair[1];
	return conns_add(&all, NULL, pair[0], &peer, now);
}

/* What a client sees of it. */
static bool is_shut(size_t i)
{
	char c;

	return recv(other[i], &c, 1, MSG_DONTWAIT) == 0;
}

START_TEST(the_oldest_makes_room)
{
	struct conn *c[12];

	for (size_t i = 0; i < 10; i++)
		c[i] = come(INADDR_LOOPBACK, i);
	conns_rest(&all, c[0], 10); /* it did its business */
	c[10] = come(INADDR_LOOPBACK, 11);
	ck_assert(!c[0]->ended && c[1]->ended && !c[2]->ended && !c[10]->ended);
	ck_assert(is_shut(1) && !is_shut(0));
	c[11] = come(INADDR_LOOPBACK, 12);
	ck_assert(c[2]->ended && !c[0]->ended && !c[11]->ended);
	ck_assert_uint_eq(all.live, 10);
	ck_assert_uint_eq(all.n, 12);
	conns_wait(&all, c[3]); /* its request is all there: only we keep it waiting */
	(void)come(INADDR_LOOPBACK, 13);
	ck_assert(!c[3]->ended && c[4]->ended);
	for (struct conn *old = all.first; old; old = old->after)
		if (!old->ended && !old->waits)
			conns_wait(&all, old);
	(void)come(INADDR_LOOPBACK, 14);
	ck_assert(c[3]->ended && !c[5]->ended);
}
END_TEST

START_TEST(another_machine_gets_a_share)
{
	struct conn *first, *far;

	all.max = 150;
	first = come(0xc0000201, 0);
	for (size_t i = 1; i < CONNS_OF_ONE; i++)
		(void)come(0xc0000201, i);
	far = come(0xc0000202, 100);
	ck_assert(!first->ended);
	(void)come(0xc0000201, 101);
	ck_assert(first->ended && !far->ended);
	ck_assert_uint_eq(all.live, CONNS_OF_ONE + 1);
}
END_TEST

START_TEST(no_request_takes_for_ever)
{
	const uint64_t limit = CONNS_REQUEST_S * NS_PER_SEC;
	struct conn *a = come(INADDR_LOOPBACK, 1000), *b = come(INADDR_LOOPBACK, 2000);

	ck_assert_uint_eq(conns_sweep(&all, 1000), 1000 + limit);
	ck_assert(conns_body_room(&all, a, 10)); /* a byte from time to time does not help */
	ck_assert_uint_eq(conns_sweep(&all, 1000 + limit), 2000 + limit);
	ck_assert(a->ended && !b->ended);
	ck_assert_uint_eq(all.bodies, 0);
	conns_rest(&all, b, 3000);
	ck_assert_uint_eq(conns_sweep(&all, 2000 + limit), 3000 + limit);
	ck_assert(!b->ended);
	ck_assert_uint_eq(conns_sweep(&all, 3000 + limit), 0);
}
END_TEST

/* Bodies and answers that are not read: the oldest that holds some makes room, never the one that
 * needs it, nor who holds nothing. */
START_TEST(what_they_hold)
{
	struct conn *idle = come(INADDR_LOOPBACK, 0), *a = come(INADDR_LOOPBACK, 1),
		    *b = come(INADDR_LOOPBACK, 2), *c = come(INADDR_LOOPBACK, 3);

	ck_assert(conns_body_room(&all, a, CONNS_BODIES_MAX / 2) &&
		conns_body_room(&all, b, CONNS_BODIES_MAX / 2));
	ck_assert(conns_body_room(&all, c, 1));
	ck_assert(a->ended && !b->ended && !c->ended && !idle->ended);
	ck_assert(!conns_body_room(&all, c, CONNS_BODIES_MAX + 1));
	conns_answer(&all, b, CONNS_ANSWERS_MAX);
	conns_answer(&all, idle, 1);
	ck_assert(b->ended && !idle->ended && !c->ended);
	conns_rest(&all, idle, 5);
	ck_assert_uint_eq(all.answers, CONNS_ANSWERS_MAX); /* until it is closed */
}
END_TEST

START_TEST(turns)
{
	struct conn *a = come(INADDR_LOOPBACK, 0), *b = come(INADDR_LOOPBACK, 1),
		    *c = come(INADDR_LOOPBACK, 2);

	ck_assert_ptr_null(conns_next(&all));
	conns_wait(&all, b);
	conns_wait(&all, a);
	conns_wait(&all, c);
	ck_assert_ptr_eq(conns_next(&all), b);
	ck_assert(b->has_turn && !b->waits);
	close(c->fd);
	conns_remove(&all, c);
	ck_assert_ptr_eq(conns_next(&all), a);
	ck_assert_ptr_null(conns_next(&all));
	conns_wait(&all, a);
	conns_wait(&all, b);
	conns_end(&all, b); /* it need not wait for the others: it is to be closed */
	ck_assert_ptr_eq(conns_next(&all), b);
	ck_assert_ptr_eq(conns_next(&all), a);
	conns_wait(&all, a);
	conns_end(&all, a);
	ck_assert_ptr_eq(conns_next(&all), a);
	ck_assert_ptr_null(conns_next(&all));
	conns_wait(&all, a);
	ck_assert_ptr_eq(conns_next(&all), a);
}
END_TEST

/* ---- who may ask */

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, the_oldest_makes_room);
	tcase_add_test(t, another_machine_gets_a_share);
	tcase_add_test(t, no_request_takes_for_ever);
	tcase_add_test(t, what_they_hold);
	tcase_add_test(t, turns);
	return run_cases("http/conns", t, NULL);
}
