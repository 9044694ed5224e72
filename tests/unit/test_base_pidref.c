/*
 * tests/unit/test_base_pidref.c - base/pidref.c with real processes.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pidref.h"
#include "tests/unit/run.h"

static pid_t fork_pausing(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

START_TEST(life_of_a_ref)
{
	pid_t pid = fork_pausing();
	struct pidref r = PIDREF_NONE, other = PIDREF_NONE;
	struct pollfd p;
	siginfo_t si;

	ck_assert_int_eq(pidref_open(pid, 0, &r), 0);
	ck_assert_int_eq(r.pid, pid);
	ck_assert(r.start_ticks != 0);
	ck_assert_int_eq(fcntl(r.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(pidref_open(pid, r.start_ticks + 1, &other), -ESRCH);
	ck_assert_int_eq(other.fd, -1);
	ck_assert_int_eq(pidref_open(pid, r.start_ticks, &other), 0);
	pidref_done(&other);
	ck_assert_int_eq(other.fd, -1);
	ck_assert_int_eq(other.pid, 0);
	ck_assert(pid_alive(pid, 0));
	ck_assert(pid_alive(pid, r.start_ticks));
	ck_assert(!pid_alive(pid, r.start_ticks + 1));
	ck_assert_int_eq(pid_state(pid, r.start_ticks + 1), 0);

	p = (struct pollfd){ .fd = r.fd, .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(pidref_signal(&r, SIGKILL), 0);
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(pid_state(pid, r.start_ticks), 'Z');
	ck_assert(!pid_alive(pid, r.start_ticks));
	/* zombies can be referred to */
	ck_assert_int_eq(pidref_open(pid, r.start_ticks, &other), 0);
	pidref_done(&other);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(pidref_signal(&r, 0), -ESRCH);
	ck_assert_int_eq(pid_state(pid, r.start_ticks), 0);
	ck_assert_int_eq(pidref_open(pid, 0, &other), -ESRCH);
	pidref_done(&r);
	ck_assert_int_eq(pidref_signal(&r, SIGKILL), -ESRCH);
	pidref_done(&r); /* twice is fine */
}
END_TEST

START_TEST(nonsense)
{
	struct pidref r = PIDREF_NONE;

	ck_assert_int_eq(pidref_open(0, 0, &r), -EINVAL);
	ck_assert_int_eq(pidref_open(-1, 0, &r), -EINVAL);
	ck_assert_int_eq(pidref_open(0x7fffffff, 0, &r), -ESRCH);
	ck_assert(!pid_alive(0, 0));
	ck_assert(!pid_alive(-1, 0));
	ck_assert_int_eq(sys_pidfd_signal(-1, 0), -EBADF);
	ck_assert_int_eq(r.fd, -1);
}
END_TEST

static pthread_barrier_t barrier;
static pid_t thread_id;

static void *waits(void *arg)
{
	thread_id = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

START_TEST(thread_is_no_process)
{
	struct pidref r = PIDREF_NONE;
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert_int_eq(pthread_create(&t, NULL, waits, NULL), 0);
	pthread_barrier_wait(&barrier);
	ck_assert_int_eq(pidref_open(thread_id, 0, &r), -ESRCH);
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
}
END_TEST

static void *goes_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

START_TEST(first_thread_ended)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&t, NULL, goes_on, NULL))
			_exit(1);
		pthread_exit(NULL);
	}
	for (int i = 0; i < 10000 && pid_state(pid, 0) != 'Z'; i++)
		usleep(1000);
	ck_assert_int_eq(pid_state(pid, 0), 'Z');
	ck_assert(pid_alive(pid, 0)); /* its other thread runs */
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!pid_alive(pid, 0));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, life_of_a_ref);
	tcase_add_test(tc, nonsense);
	tcase_add_test(tc, thread_is_no_process);
	tcase_add_test(tc, first_thread_ended);
	return run_cases("base_pidref", tc, NULL);
}
