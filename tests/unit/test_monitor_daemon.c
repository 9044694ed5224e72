/* tests/unit/test_monitor_daemon.c - tend-monitor alone, on a hand-made segment. */
/* links: tests/unit/instance.c */
#define _GNU_SOURCE 1
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "shm/events.h"
#include "shm/owner.h"
#include "tests/unit/instance.h"
#include "tests/unit/run.h"

static struct instance in;

static void setup(void)
{
	ck_assert_int_eq(setenv("TEND_MONITOR_INTERVAL_MS", "200", 1), 0);
	instance_make(&in, 16);
}

static void teardown(void)
{
	instance_remove(&in);
}

enum child { IDLE, BUSY, PARENT };

static pid_t start_child(enum child kind)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind == PARENT && fork() == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (volatile unsigned i = 0;; i++)
		if (kind != BUSY)
			pause();
}

static struct pt_health block(uint32_t slot)
{
	struct pt_row row;

	ck_assert_int_eq(pt_read(in.spawner, slot, &row), 0);
	return row.health;
}

static unsigned health_events(struct pt_event *last)
{
	unsigned n = 0;

	for (uint64_t i = pt_event_tail(in.spawner, ROLE_MONITOR);
		i < pt_event_head(in.spawner, ROLE_MONITOR); i++, n++)
		ck_assert_int_eq(pt_event_read(in.spawner, ROLE_MONITOR, i, last), 0);
	return n;
}

static void reap(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(samples_appear)
{
	uint32_t idle = instance_add(&in, "idle", PT_SERVICE_SERVICE);
	uint32_t busy = instance_add(&in, "busy", PT_SERVICE_AGENT);
	pid_t monitor = instance_daemon(&in, ROLE_MONITOR, true);
	pid_t one = start_child(PARENT), two = start_child(BUSY);

	instance_running(&in, idle, one);
	instance_running(&in, busy, two);
	INSTANCE_AWAIT(block(idle).verdict == PT_HEALTH_HEALTHY);
	ck_assert_uint_eq(block(idle).life, 1);
	ck_assert_uint_gt(block(idle).last_seen_real_ns, 0);
	INSTANCE_AWAIT(block(idle).sampled_boot_ns != 0 && block(busy).sampled_boot_ns != 0);
	ck_assert_uint_eq(block(idle).processes, 2);
	ck_assert_uint_ge(block(idle).threads, 2); /* sanitizers add some */
	ck_assert_uint_gt(block(idle).memory_bytes, 0);
	ck_assert_uint_gt(block(idle).files, 0);
	INSTANCE_AWAIT(block(busy).cpu_permille > 100);
	ck_assert_uint_gt(block(busy).cpu_ns, 10 * NS_PER_MS);
	ck_assert_uint_lt(block(idle).cpu_permille, 100);
	/* an agent says by its registration how it does */
	ck_assert_int_eq(block(busy).verdict, PT_HEALTH_UNKNOWN);
	reap(one);
	reap(two);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

START_TEST(a_death_is_seen)
{
	struct pt_event ev;
	struct pt_life life;
	uint32_t slot = instance_add(&in, "mortal", PT_SERVICE_SERVICE);
	pid_t monitor = instance_daemon(&in, ROLE_MONITOR, true);
	pid_t pid = start_child(IDLE);

	instance_running(&in, slot, pid);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_HEALTHY);
	INSTANCE_AWAIT(block(slot).processes == 1);
	uint32_t changes = pt_changes(in.spawner);
	/* a zombie until the end of the test: it counts as dead */
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_FAILED);
	ck_assert_str_eq(block(slot).error, "it ended and the spawner has not dealt with it yet");
	ck_assert_uint_eq(block(slot).failures, 1);
	ck_assert_uint_eq(block(slot).processes, 0);
	ck_assert_uint_eq(block(slot).memory_bytes, 0);
	ck_assert_uint_ne(pt_changes(in.spawner), changes);
	ck_assert_uint_eq(health_events(&ev), 2);
	ck_assert_int_eq(ev.kind, PT_EVENT_HEALTH);
	ck_assert_int_eq(ev.from, PT_HEALTH_HEALTHY);
	ck_assert_int_eq(ev.to, PT_HEALTH_FAILED);
	ck_assert_str_eq(ev.name, "mortal");

	/* The spawner says what it was, without ringing; then it stops it for good. */
	ck_assert_int_eq(pt_read_life(in.spawner, slot, &life), 0);
	life.state = PT_STATE_BACKOFF;
	life.pid = 0;
	life.exit_kind = PT_EXIT_KNOWN;
	life.wait_status = SIGKILL;
	ck_assert_int_eq(pt_put_life(in.spawner, slot, &life), 0);
	INSTANCE_AWAIT(strcmp(block(slot).error, "it was killed by SIGKILL") == 0);
	ck_assert_uint_eq(block(slot).failures, 1);
	life.state = PT_STATE_STOPPED;
	life.want = 0;
	instance_life(&in, slot, &life);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_UNKNOWN);
	reap(pid);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

/* Told to stop, or out of work: an end like that is no failure, not for a moment. */
START_TEST(an_end_on_purpose_is_no_failure)
{
	struct pt_event ev;
	struct pt_life life;
	uint32_t slot = instance_add(&in, "worker", PT_SERVICE_SERVICE);
	pid_t monitor = instance_daemon(&in, ROLE_MONITOR, true);
	pid_t pid = start_child(IDLE);

	instance_running(&in, slot, pid);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_HEALTHY);
	reap(pid);
	ck_assert_int_eq(pt_read_life(in.spawner, slot, &life), 0);
	life.state = PT_STATE_COMPLETED;
	life.pid = 0;
	ck_assert_int_eq(pt_put_life(in.spawner, slot, &life), 0);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_UNKNOWN);
	instance_pause_ms(300);
	ck_assert_uint_eq(health_events(&ev), 2);
	ck_assert_uint_eq(block(slot).failures, 0);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

START_TEST(a_new_monitor_resumes)
{
	struct pt_event ev;
	uint32_t slot = instance_add(&in, "busy", PT_SERVICE_SERVICE);
	pid_t pid = start_child(BUSY), monitor = instance_daemon(&in, ROLE_MONITOR, true);

	instance_running(&in, slot, pid);
	INSTANCE_AWAIT(block(slot).sampled_boot_ns != 0);
	for (unsigned i = 0; i < 10; i++) {
		(void)instance_end(monitor, SIGKILL);
		struct pt_health before = block(slot);
		monitor = instance_daemon(&in, ROLE_MONITOR, true);
		INSTANCE_AWAIT(block(slot).sampled_boot_ns > before.sampled_boot_ns);
		struct pt_health after = block(slot);
		ck_assert_uint_ge(after.cpu_ns, before.cpu_ns);
		ck_assert_uint_eq(after.since_real_ns, before.since_real_ns);
		ck_assert_int_eq(after.verdict, PT_HEALTH_HEALTHY);
	}
	ck_assert_uint_eq(health_events(&ev), 1);
	INSTANCE_AWAIT(block(slot).cpu_permille > 100);
	reap(pid);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

/* The pid in the table was given to someone else meanwhile: no figures of a stranger. */
START_TEST(a_stranger_is_not_sampled)
{
	struct pt_life life;
	uint32_t slot = instance_add(&in, "reused", PT_SERVICE_SERVICE);
	pid_t pid = start_child(IDLE);

	instance_running(&in, slot, pid);
	ck_assert_int_eq(pt_read_life(in.spawner, slot, &life), 0);
	life.start_ticks--;
	instance_life(&in, slot, &life);
	pid_t monitor = instance_daemon(&in, ROLE_MONITOR, true);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_FAILED);
	instance_pause_ms(500);
	ck_assert_uint_eq(block(slot).sampled_boot_ns, 0);
	reap(pid);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

START_TEST(follows_a_new_segment)
{
	uint32_t slot = instance_add(&in, "same", PT_SERVICE_SERVICE);
	pid_t pid = start_child(IDLE), monitor = instance_daemon(&in, ROLE_MONITOR, true);

	instance_running(&in, slot, pid);
	INSTANCE_AWAIT(block(slot).sampled_boot_ns != 0);
	instance_replace(&in, 32, ROLE_MONITOR);
	uint64_t then = clock_boot_ns();
	INSTANCE_AWAIT(block(slot).sampled_boot_ns > then);
	ck_assert_int_eq(block(slot).verdict, PT_HEALTH_HEALTHY);
	reap(pid);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

static const char *ran(pid_t pid, char text[static 128])
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	ck_assert_int_gt(io_read_small(AT_FDCWD, path, text, 128), 0);
	return text;
}

START_TEST(idle_without_processes)
{
	char before[128], after[128];
	struct pt_life life;
	uint32_t slot = instance_add(&in, "resting", PT_SERVICE_SERVICE);
	pid_t pid = start_child(IDLE), monitor = instance_daemon(&in, ROLE_MONITOR, true);

	instance_running(&in, slot, pid);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_HEALTHY);
	reap(pid);
	ck_assert_int_eq(pt_read_life(in.spawner, slot, &life), 0);
	life.state = PT_STATE_STOPPED;
	life.pid = 0;
	life.want = 0;
	instance_life(&in, slot, &life);
	INSTANCE_AWAIT(block(slot).verdict == PT_HEALTH_UNKNOWN);
	instance_pause_ms(400);
	ran(monitor, before);
	instance_pause_ms(600);
	ck_assert_str_eq(ran(monitor, after), before);
	ck_assert_int_eq(instance_end(monitor, SIGTERM), 0);
}
END_TEST

START_TEST(only_one_monitor)
{
	pid_t first = instance_daemon(&in, ROLE_MONITOR, true);
	pid_t second = instance_daemon(&in, ROLE_MONITOR, false);
	int status;

	ck_assert_int_eq(waitpid(second, &status, 0), second);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	ck_assert_int_eq(instance_end(first, SIGTERM), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("daemon");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, samples_appear);
	tcase_add_test(t, a_death_is_seen);
	tcase_add_test(t, an_end_on_purpose_is_no_failure);
	tcase_add_test(t, a_new_monitor_resumes);
	tcase_add_test(t, a_stranger_is_not_sampled);
	tcase_add_test(t, follows_a_new_segment);
	tcase_add_test(t, idle_without_processes);
	tcase_add_test(t, only_one_monitor);
	return run_cases("monitor_daemon", t, NULL);
}
