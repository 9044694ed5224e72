/*
 * tests/unit/test_base_loop.c - base/loop.c: batches, removals within them, timers, turns.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/unit/run.h"

static struct loop *l;

static void make_loop(void)
{
	ck_assert_int_eq(loop_new(&l), 0);
}

static void drop_loop(void)
{
	loop_free(l);
	loop_free(NULL);
}

static int ready_fd(void)
{
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void stop_with_7(void *arg, uint32_t events)
{
	*(uint32_t *)arg = events;
	loop_stop(l, 7);
}

static void count(void *arg)
{
	++*(int *)arg;
}

static void count_and_stop(void *arg)
{
	++*(int *)arg;
	loop_stop(l, 0);
}

START_TEST(reports_and_stops)
{
	struct loop_watch *w = NULL;
	uint32_t events = 0;
	int fd = ready_fd(), batches = 0;

	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, stop_with_7, &events, &w), 0);
	loop_after_batch(l, count, &batches);
	ck_assert_int_eq(loop_run(l), 7);
	ck_assert_uint_eq(events, EPOLLIN);
	ck_assert_int_eq(batches, 1);
	ck_assert_int_eq(loop_watch_events(l, w, EPOLLOUT), 0);
	ck_assert_int_eq(loop_run(l), 7); /* it runs again */
	ck_assert_uint_eq(events, EPOLLOUT);
	loop_stop(l, 9); /* before it runs */
	ck_assert_int_eq(loop_run(l), 9);
	ck_assert_int_eq(batches, 2);
	loop_unwatch(l, w);
	loop_unwatch(l, NULL);
	close(fd);
	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, stop_with_7, &events, &w), -EBADF);
}
END_TEST

/* Whichever of two ready descriptors is reported first removes the other. */
static struct loop_watch *pair[2];
static int pair_fd[2], pair_calls;

static void remove_other(void *arg, uint32_t events)
{
	size_t other = arg == &pair[0];

	(void)events;
	pair_calls++;
	loop_unwatch(l, pair[other]);
	close(pair_fd[other]);
	pair_fd[other] = -1;
	loop_stop(l, 0);
}

START_TEST(removal_within_a_batch)
{
	for (size_t i = 0; i < 2; i++) {
		pair_fd[i] = ready_fd();
		ck_assert_int_eq(
			loop_watch(l, pair_fd[i], EPOLLIN, remove_other, &pair[i], &pair[i]), 0);
	}
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(pair_calls, 1);
	ck_assert(pair_fd[0] < 0 || pair_fd[1] < 0);
}
END_TEST

/* As above, but the number of the removed descriptor is in use again, by one that is not ready. */
static int reused_calls;

static void count_events(void *arg, uint32_t events)
{
	(void)events;
	++*(int *)arg;
}

static void reuse_other(void *arg, uint32_t events)
{
	size_t other = arg == &pair[0];
	int old = pair_fd[other];

	remove_other(arg, events);
	int fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(fd, old);
	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, count_events, &reused_calls, &pair[other]), 0);
}

START_TEST(reuse_within_a_batch)
{
	for (size_t i = 0; i < 2; i++) {
		pair_fd[i] = ready_fd();
		ck_assert_int_eq(
			loop_watch(l, pair_fd[i], EPOLLIN, reuse_other, &pair[i], &pair[i]), 0);
	}
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(pair_calls, 1);
	ck_assert_int_eq(reused_calls, 0);
}
END_TEST

static void ask_for_nothing(void *arg, uint32_t events)
{
	(void)events;
	pair_calls++;
	ck_assert_int_eq(loop_watch_events(l, pair[arg == &pair[0]], 0), 0);
	loop_stop(l, 0);
}

static void remove_self(void *arg, uint32_t events)
{
	(void)events;
	loop_unwatch(l, *(struct loop_watch **)arg);
	pair_calls++;
	loop_stop(l, 0);
}

START_TEST(changes_within_a_batch)
{
	for (size_t i = 0; i < 2; i++) {
		pair_fd[i] = ready_fd();
		ck_assert_int_eq(
			loop_watch(l, pair_fd[i], EPOLLIN, ask_for_nothing, &pair[i], &pair[i]), 0);
	}
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(pair_calls, 1);
	for (size_t i = 0; i < 2; i++) {
		loop_unwatch(l, pair[i]);
		ck_assert_int_eq(
			loop_watch(l, pair_fd[i], EPOLLIN, remove_self, &pair[i], &pair[i]), 0);
	}
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(pair_calls, 3);
}
END_TEST

#define TIMERS 500

static uint64_t fired_at[TIMERS + 1];
static size_t fired;
static struct loop_timer timers[TIMERS];

static void note(void *arg)
{
	struct loop_timer *t = arg;

	ck_assert_uint_eq(t->at_boot_ns, 0);
	fired_at[fired++] = (uint64_t)(t - timers);
}

START_TEST(timers_fire_in_order)
{
	uint64_t now = clock_boot_ns(), at[TIMERS], last = 0;
	struct loop_timer end = { 0 };
	unsigned seed = 1;
	size_t cleared = 0;
	int stops = 0;

	loop_timer_init(&end, count_and_stop, &stops);
	ck_assert_int_eq(loop_timer_set(l, &end, now + 30 * NS_PER_MS), 0);
	for (size_t i = 0; i < TIMERS; i++) {
		/* 10 ms around now */
		at[i] = now - 10 * NS_PER_MS + (unsigned)rand_r(&seed) % 20000u * 1000u;
		loop_timer_init(&timers[i], note, &timers[i]);
		ck_assert_int_eq(loop_timer_set(l, &timers[i], (uint64_t)rand_r(&seed) + 1), 0);
	}
	for (size_t i = 0; i < TIMERS; i++) { /* moved up and down; some taken out */
		if (i % 7 == 0) {
			loop_timer_clear(l, &timers[i]);
			loop_timer_clear(l, &timers[i]);
			cleared++;
		} else {
			ck_assert_int_eq(loop_timer_set(l, &timers[i], at[i]), 0);
		}
	}
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_uint_eq(fired, TIMERS - cleared);
	for (size_t i = 0; i < fired; i++) {
		ck_assert(fired_at[i] % 7 != 0);
		ck_assert(at[fired_at[i]] >= last);
		last = at[fired_at[i]];
	}
	ck_assert(clock_boot_ns() >= now + 30 * NS_PER_MS);
}
END_TEST

/* A timer that always re-arms itself in the past, and one that it sets as well: neither fires twice
 * in a turn, and the descriptor is not kept waiting. */
static struct loop_timer eager, partner;
static int eager_calls, partner_calls, turns, fd_calls;

static void rearm(void *arg)
{
	++*(int *)arg;
	ck_assert_int_eq(loop_timer_set(l, &partner, 1), 0);
	ck_assert_int_eq(loop_timer_set(l, &eager, 1), 0);
	ck_assert_int_eq(loop_timer_set(l, &eager, clock_boot_ns() + 3600 * NS_PER_SEC), 0);
	ck_assert_int_eq(loop_timer_set(l, &eager, 1), 0);
	loop_timer_clear(l, &partner);
	ck_assert_int_eq(loop_timer_set(l, &partner, 1), 0);
}

static void end_of_turn(void *arg)
{
	(void)arg;
	turns++;
	ck_assert_int_le(eager_calls, turns);
	ck_assert_int_le(partner_calls, turns);
	if (turns == 20)
		loop_stop(l, 0);
}

START_TEST(once_a_turn)
{
	struct loop_watch *w;
	int fd = ready_fd();

	loop_timer_init(&eager, rearm, &eager_calls);
	loop_timer_init(&partner, rearm, &partner_calls);
	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, count_events, &fd_calls, &w), 0);
	ck_assert_int_eq(loop_timer_set(l, &eager, 1), 0);
	loop_after_batch(l, end_of_turn, NULL);
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(turns, 20);
	ck_assert_int_ge(fd_calls, 19);
	ck_assert_int_ge(eager_calls, 19);
	ck_assert_int_ge(partner_calls, 19);
	close(fd);
}
END_TEST

static void set_past_timer(void *arg, uint32_t events)
{
	(void)events;
	ck_assert_int_eq(loop_timer_set(l, arg, 1), 0);
	loop_stop(l, 0);
}

START_TEST(past_fires_in_this_turn)
{
	struct loop_timer t = { 0 };
	struct loop_watch *w;
	int fd = ready_fd(), calls = 0;

	loop_timer_init(&t, count, &calls);
	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, set_past_timer, &t, &w), 0);
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(loop_timer_set(l, &t, UINT64_MAX), 0);
	ck_assert_int_eq(loop_timer_set(l, &t, 0), 0); /* 0 is never */
	ck_assert_uint_eq(t.at_boot_ns, 0);
	close(fd);
}
END_TEST

/* The same deadline once more, after it has passed, must wake the loop once more. */
static struct loop_timer again;
static uint64_t again_at;
static int again_calls;

static void set_again(void *arg)
{
	(void)arg;
	if (++again_calls == 3)
		loop_stop(l, 0);
	else
		ck_assert_int_eq(loop_timer_set(l, &again, again_at), 0);
}

START_TEST(same_deadline_again)
{
	again_at = clock_boot_ns() + 5 * NS_PER_MS;
	loop_timer_init(&again, set_again, NULL);
	ck_assert_int_eq(loop_timer_set(l, &again, again_at), 0);
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_int_eq(again_calls, 3);
}
END_TEST

static void free_it(void *arg)
{
	free(arg);
	loop_stop(l, 0);
}

START_TEST(timer_may_free_itself)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	loop_timer_init(t, free_it, t);
	ck_assert_int_eq(loop_timer_set(l, t, 1), 0);
	ck_assert_int_eq(loop_run(l), 0);
}
END_TEST

/* No turns but the one that the alarm's signal causes, even though a timer was set and cleared. */
START_TEST(idle_does_not_wake)
{
	int sig = SIGALRM, batches = 0, calls = 0, fd = loop_signalfd(&sig, 1);
	struct loop_timer t = { 0 };
	struct loop_watch *w;
	uint32_t events;
	struct signalfd_siginfo si;

	ck_assert_int_ge(fd, 0);
	loop_timer_init(&t, count, &calls);
	ck_assert_int_eq(loop_timer_set(l, &t, clock_boot_ns() + 20 * NS_PER_MS), 0);
	loop_timer_clear(l, &t);
	loop_after_batch(l, count, &batches);
	ck_assert_int_eq(loop_watch(l, fd, EPOLLIN, stop_with_7, &events, &w), 0);
	ualarm(100000, 0);
	ck_assert_int_eq(loop_run(l), 7);
	ck_assert_int_eq(batches, 1);
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq((int)read(fd, &si, sizeof(si)), (int)sizeof(si));
	ck_assert_uint_eq(si.ssi_signo, SIGALRM);
	ck_assert_int_eq((int)read(fd, &si, sizeof(si)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
	sig = 4711;
	ck_assert_int_eq(loop_signalfd(&sig, 1), -EINVAL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_checked_fixture(tc, make_loop, drop_loop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, reports_and_stops);
	tcase_add_test(tc, removal_within_a_batch);
	tcase_add_test(tc, reuse_within_a_batch);
	tcase_add_test(tc, changes_within_a_batch);
	tcase_add_test(tc, timers_fire_in_order);
	tcase_add_test(tc, once_a_turn);
	tcase_add_test(tc, past_fires_in_this_turn);
	tcase_add_test(tc, same_deadline_again);
	tcase_add_test(tc, timer_may_free_itself);
	tcase_add_test(tc, idle_does_not_wake);
	return run_cases("base_loop", tc, NULL);
}
