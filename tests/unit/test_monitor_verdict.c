/* tests/unit/test_monitor_verdict.c - every state, service and liveness; sentences; figures out of
 * /proc text. */
/* links: monitor/verdict.c monitor/sample.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/procfs.h"
#include "monitor/sample.h"
#include "monitor/verdict.h"
#include "tests/unit/run.h"

static const struct {
	enum pt_state state;
	enum pt_verdict none, alive, ended, ended_unwanted; /* of a service */
} expected[] = {
	{ PT_STATE_STOPPED, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN,
		PT_HEALTH_UNKNOWN },
	{ PT_STATE_STARTING, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN,
		PT_HEALTH_UNKNOWN },
	{ PT_STATE_RUNNING, PT_HEALTH_UNKNOWN, PT_HEALTH_HEALTHY, PT_HEALTH_FAILED,
		PT_HEALTH_UNKNOWN },
	{ PT_STATE_STOPPING, PT_HEALTH_UNKNOWN, PT_HEALTH_HEALTHY, PT_HEALTH_UNKNOWN,
		PT_HEALTH_UNKNOWN },
	{ PT_STATE_BACKOFF, PT_HEALTH_FAILED, PT_HEALTH_FAILED, PT_HEALTH_FAILED,
		PT_HEALTH_FAILED },
	{ PT_STATE_FAILED, PT_HEALTH_FAILED, PT_HEALTH_FAILED, PT_HEALTH_FAILED, PT_HEALTH_FAILED },
	{ PT_STATE_COMPLETED, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN, PT_HEALTH_UNKNOWN,
		PT_HEALTH_UNKNOWN },
};
_Static_assert(sizeof(expected) / sizeof(expected[0]) == PT_STATE_MAX, "a line for every state");

START_TEST(every_state)
{
	struct pt_life life = { .state = (uint8_t)expected[_i].state, .want = 1 };

	ck_assert_int_eq(life.state, _i);
	ck_assert_int_eq(verdict_of(&life, PT_SERVICE_SERVICE, VERDICT_NONE), expected[_i].none);
	ck_assert_int_eq(verdict_of(&life, PT_SERVICE_SERVICE, VERDICT_ALIVE), expected[_i].alive);
	ck_assert_int_eq(verdict_of(&life, PT_SERVICE_REGISTRY, VERDICT_ALIVE), expected[_i].alive);
	ck_assert_int_eq(verdict_of(&life, PT_SERVICE_SERVICE, VERDICT_ENDED), expected[_i].ended);
	enum pt_verdict agent = verdict_of(&life, PT_SERVICE_AGENT, VERDICT_ALIVE);
	ck_assert_int_eq(agent,
		expected[_i].alive == PT_HEALTH_HEALTHY ? PT_HEALTH_UNKNOWN : expected[_i].alive);
	life.want = 0;
	ck_assert_int_eq(
		verdict_of(&life, PT_SERVICE_SERVICE, VERDICT_ENDED), expected[_i].ended_unwanted);
}
END_TEST

START_TEST(state_out_of_range)
{
	struct pt_life life = { .state = 200, .want = 1 };

	ck_assert_int_eq(verdict_of(&life, PT_SERVICE_SERVICE, VERDICT_ALIVE), PT_HEALTH_UNKNOWN);
}
END_TEST

START_TEST(sentences)
{
	struct pt_life life = { .state = PT_STATE_FAILED,
		.exit_kind = PT_EXIT_KNOWN,
		.wait_status = W_EXITCODE(3, 0) };
	char text[VERDICT_ERROR_MAX];

	verdict_error(&life, text);
	ck_assert_str_eq(text, "it exited with status 3");
	life.wait_status = SIGKILL;
	verdict_error(&life, text);
	ck_assert_str_eq(text, "it was killed by SIGKILL");
	life.exit_kind = PT_EXIT_LOST;
	verdict_error(&life, text);
	ck_assert_str_eq(text, "it ended; how is not known");
	life.launch_errno = ENOENT;
	verdict_error(&life, text);
	ck_assert_str_eq(text, "its program could not be executed: No such file or directory");
	life.launch_errno = 4095;
	verdict_error(&life, text);
	ck_assert_str_eq(text, "its program could not be executed: unknown error");
	life.state = PT_STATE_RUNNING;
	verdict_error(&life, text);
	ck_assert_str_eq(text, "it ended and the spawner has not dealt with it yet");
}
END_TEST

START_TEST(failures_in_a_row)
{
	ck_assert_uint_eq(verdict_failures(0, PT_HEALTH_HEALTHY, PT_HEALTH_FAILED), 1);
	ck_assert_uint_eq(verdict_failures(1, PT_HEALTH_FAILED, PT_HEALTH_FAILED), 1);
	ck_assert_uint_eq(verdict_failures(1, PT_HEALTH_FAILED, PT_HEALTH_HEALTHY), 1);
	ck_assert_uint_eq(verdict_failures(1, PT_HEALTH_UNKNOWN, PT_HEALTH_FAILED), 2);
	ck_assert_uint_eq(
		verdict_failures(UINT32_MAX, PT_HEALTH_UNKNOWN, PT_HEALTH_FAILED), UINT32_MAX);
}
END_TEST

START_TEST(permille)
{
	ck_assert_uint_eq(sample_permille(0, 500, 1000), 500);
	ck_assert_uint_eq(sample_permille(1000, 3000, 1000), 2000);
	ck_assert_uint_eq(sample_permille(500, 400, 1000), 0);
	ck_assert_uint_eq(sample_permille(0, 500, 0), 0);
	ck_assert_uint_eq(sample_permille(0, UINT64_MAX, 1), UINT32_MAX);
	ck_assert_uint_eq(sample_permille(0, 1, 1500), 1);
}
END_TEST

START_TEST(io_text)
{
	static const char good[] =
		"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 50\nwrite_bytes: 60\ncancelled_write_bytes: 7\n";
	static const char *const bad[] = {
		"",
		"read_bytes: 1\n",
		"write_bytes: 1\n",
		"read_bytes: x\nwrite_bytes: 1\n",
		"read_bytes: 1\ncancelled_write_bytes: 1\n",
		"read_bytes: 99999999999999999999999\nwrite_bytes: 1\n",
		"read_bytes: -1\nwrite_bytes: 1\n",
		"read_bytes: 1x\nwrite_bytes: 1\n",
	};
	uint64_t in = 1, out = 2;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(sample_parse_io(bad[i], &in, &out) == -EINVAL, "taken: %s", bad[i]);
	ck_assert_uint_eq(in, 1);
	ck_assert_uint_eq(out, 2);
	ck_assert_int_eq(sample_parse_io(good, &in, &out), 0);
	ck_assert_uint_eq(in, 50);
	ck_assert_uint_eq(out, 60);
}
END_TEST

/* A child with a child of its own: both count; once they are gone, or with another start time,
 * there is nothing. */
START_TEST(a_tree)
{
	struct sample_walk *w;
	struct sample s = { 0 };
	struct procfs_stat st;
	int ready[2];
	char c;

	ck_assert_int_eq(sample_walk_new(&w), 0);
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (fork() > 0)
			ck_assert_int_eq(write(ready[1], "", 1), 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(procfs_stat(pid, &st), 0);
	ck_assert_int_eq(sample_tree(w, pid, st.start_ticks, &s), 0);
	ck_assert_uint_eq(s.processes, 2);
	ck_assert_uint_ge(s.threads, 2); /* sanitizers add some */
	ck_assert_uint_gt(s.memory_bytes, 4096);
	ck_assert_uint_ge(s.files, 4);
	ck_assert_int_eq(sample_tree(w, pid, st.start_ticks + 1, &s), -ESRCH);
	ck_assert_uint_eq(s.processes, 2);
	struct pidvec below = { 0 };
	ck_assert_int_eq(procfs_descendants(pid, &below), 0);
	for (size_t i = 0; i < below.n; i++)
		ck_assert_int_eq(kill(below.pid[i], SIGKILL), 0);
	free(below.pid);
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	/* a zombie uses nothing */
	ck_assert_int_eq(sample_tree(w, pid, st.start_ticks, &s), -ESRCH);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(sample_tree(w, pid, st.start_ticks, &s), -ESRCH);
	sample_walk_free(w);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pure");

	tcase_add_loop_test(t, every_state, 0, PT_STATE_MAX);
	tcase_add_test(t, state_out_of_range);
	tcase_add_test(t, sentences);
	tcase_add_test(t, failures_in_a_row);
	tcase_add_test(t, permille);
	tcase_add_test(t, io_text);
	tcase_add_test(t, a_tree);
	return run_cases("monitor_verdict", t, NULL);
}
