/* tests/unit/test_shm_events.c - the event rings: staging, publishing, being overtaken, and what a
 * writer killed in between leaves. */
#include <pthread.h>

#include "shm/events.h"
#include "shm_fixture.h"

static struct pt_event event(uint64_t value)
{
	struct pt_event ev = {
		.kind = PT_EVENT_STATE, .value = value, .gen = 1, .pid = (int32_t)value
	};

	snprintf(ev.name, sizeof(ev.name), "process-%llu", (unsigned long long)value);
	return ev;
}

START_TEST(stage_and_publish)
{
	struct pt *pt = fresh(4), *spawner = join(PT_SPAWNER);
	struct pt_event ev = event(5), got;
	uint64_t pos;

	ck_assert_uint_eq(pt_event_head(pt, ROLE_SPAWNER), 0);
	ck_assert_int_eq(pt_event_read(pt, ROLE_SPAWNER, 0, &got), -EAGAIN);
	pos = pt_event_stage(spawner, &ev);
	ck_assert_uint_eq(pos, 0);
	ck_assert_uint_gt(ev.real_ns, 0);
	ck_assert_uint_gt(ev.boot_ns, 0);
	ck_assert_int_eq(pt_event_read(pt, ROLE_SPAWNER, 0, &got), -EAGAIN);
	pt_event_publish(spawner, pos);
	pt_event_publish(spawner, pos); /* twice is once */
	ck_assert_uint_eq(pt_event_head(pt, ROLE_SPAWNER), 1);
	ck_assert_int_eq(pt_event_read(pt, ROLE_SPAWNER, 0, &got), 0);
	ck_assert_mem_eq(&got, &ev, sizeof(ev));
	ck_assert_int_eq(pt_event_read(pt, ROLE_MONITOR, 0, &got), -EAGAIN);
	ck_assert_int_eq(pt_event_read(pt, ROLE_MAX, 0, &got), -ERANGE);
	ck_assert_uint_eq(pt_event_head(pt, ROLE_MAX), 0);
	ck_assert_uint_eq(pt_event_tail(pt, ROLE_MAX), 0);
	pt_detach(spawner);
	pt_detach(pt);
}
END_TEST

START_TEST(overwritten)
{
	static const enum pt_access writers[] = { PT_GUARDIAN, PT_SPAWNER, PT_MONITOR, PT_LOGGER };
	static const uint32_t sizes[] = { SEG_EVENTS_GUARDIAN, SEG_EVENTS_SPAWNER,
		SEG_EVENTS_MONITOR, SEG_EVENTS_LOGGER };
	struct pt *guardian = fresh(4);
	struct pt_event got;

	for (unsigned w = 0; w < 4; w++) {
		struct pt *pt = join(writers[w]);
		unsigned role = writers[w];
		uint64_t n = sizes[w] + 10;

		for (uint64_t i = 0; i < n; i++) {
			struct pt_event ev = event(i);

			ck_assert_uint_eq(pt_event_tail(pt, role), i > sizes[w] ? i - sizes[w] : 0);
			pt_event_add(pt, &ev);
		}
		ck_assert_uint_eq(pt_event_head(pt, role), n);
		ck_assert_uint_eq(pt_event_tail(pt, role), 10);
		for (uint64_t i = 0; i < n; i++) {
			int r = pt_event_read(pt, role, i, &got);

			ck_assert_int_eq(r, i < 10 ? -ESTALE : 0);
			ck_assert(r < 0 || got.value == i);
		}
		pt_detach(pt);
	}
	pt_detach(guardian);
}
END_TEST

/* The writer dies behind the commit of the block and before it publishes: its successor sees from
 * the block that the event is to be told. */
START_TEST(unpublished)
{
	struct pt *guardian = fresh(4), *spawner = join(PT_SPAWNER);
	uint32_t slot = add_row(spawner, "one", 0);
	struct pt_event ev = event(1), got;
	struct pt_life life;
	pid_t pid;

	pt_event_add(spawner, &ev);
	pid = fork();
	if (pid == 0) {
		struct pt *own = join(PT_SPAWNER);

		ev = event(2);
		if (pt_read_life(own, slot, &life) < 0)
			_exit(1);
		life.event_pos = pt_event_stage(own, &ev);
		life.state = PT_STATE_FAILED;
		pt_put_life(own, slot, &life);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	pt_detach(spawner);
	spawner = join(PT_SPAWNER);
	ck_assert_uint_eq(pt_event_head(spawner, ROLE_SPAWNER), 1);
	ck_assert_int_eq(pt_read_life(spawner, slot, &life), 0);
	ck_assert_uint_eq(life.event_pos, pt_event_head(spawner, ROLE_SPAWNER));
	pt_event_publish(spawner, life.event_pos);
	ck_assert_int_eq(pt_event_read(guardian, ROLE_SPAWNER, 1, &got), 0);
	ck_assert_uint_eq(got.value, 2);
	pt_detach(spawner);
	pt_detach(guardian);
}
END_TEST

/* Staged and never published: the next event takes its place. */
START_TEST(staged_again)
{
	struct pt *guardian = fresh(4), *spawner = join(PT_SPAWNER);
	struct pt_event a = event(1), b = event(2), got;

	pt_event_stage(spawner, &a);
	ck_assert_uint_eq(pt_event_stage(spawner, &b), 0);
	pt_event_publish(spawner, 0);
	ck_assert_int_eq(pt_event_read(guardian, ROLE_SPAWNER, 0, &got), 0);
	ck_assert_uint_eq(got.value, 2);
	pt_detach(spawner);
	pt_detach(guardian);
}
END_TEST

START_TEST(others_have_none)
{
	struct pt *guardian = fresh(4), *client = join(PT_CLIENT), *reader = join(PT_READER);
	struct pt_event ev = event(1);

	ck_assert_uint_eq(pt_event_stage(client, &ev), UINT64_MAX);
	ck_assert_uint_eq(pt_event_stage(reader, &ev), UINT64_MAX);
	pt_event_add(client, &ev);
	pt_event_add(reader, &ev);
	for (unsigned role = 0; role < ROLE_MAX; role++)
		ck_assert_uint_eq(pt_event_head(guardian, role), 0);
	pt_detach(reader);
	pt_detach(client);
	pt_detach(guardian);
}
END_TEST

/* What a daemon told in the old segment while the new one was made is told in the new one, once,
 * and at the same place. */
START_TEST(carried)
{
	struct pt *old = fresh(4), *writer = join(PT_SPAWNER), *now, *mine;
	struct pt_event ev, got;
	struct fault f;

	for (uint64_t i = 0; i < 3; i++) {
		ev = event(i);
		pt_event_add(writer, &ev);
	}
	ck_assert_int_eq(pt_create(&home, 4, old, &now, &f), 0);
	for (uint64_t i = 3; i < 5; i++) {
		ev = event(i);
		pt_event_add(writer, &ev);
	}
	mine = join(PT_SPAWNER);
	ck_assert_uint_eq(pt_event_head(mine, ROLE_SPAWNER), 3);
	pt_event_carry(mine, writer);
	pt_event_carry(mine, writer);
	ck_assert_uint_eq(pt_event_head(mine, ROLE_SPAWNER), 5);
	for (uint64_t i = 0; i < 5; i++) {
		ck_assert_int_eq(pt_event_read(mine, ROLE_SPAWNER, i, &got), 0);
		ck_assert_uint_eq(got.value, i);
	}
	pt_detach(old);
	pt_detach(writer);
	pt_detach(now);
	pt_detach(mine);
}
END_TEST

START_TEST(damaged)
{
	struct pt *pt = fresh(4);
	struct seg_ring *ring = seg_at(pt, SEG_GUARDIAN_EVENTS, 0);
	struct pt_event ev = event(1), got, *raw = seg_at(pt, SEG_GUARDIAN_EVENTS, 1);

	pt_event_add(pt, &ev);
	memset(raw->name, 'x', sizeof(raw->name));
	ck_assert_int_eq(pt_event_read(pt, ROLE_GUARDIAN, 0, &got), -EBADMSG);
	for (uint64_t head = UINT64_MAX; head > 1; head /= 3) {
		atomic_store(&ring->head, head);
		ck_assert_uint_le(head - pt_event_tail(pt, ROLE_GUARDIAN), SEG_EVENTS_GUARDIAN);
		for (uint64_t pos = pt_event_tail(pt, ROLE_GUARDIAN); pos < head; pos++)
			ck_assert_int_lt(pt_event_read(pt, ROLE_GUARDIAN, pos, &got), 0);
	}
	pt_detach(pt);
}
END_TEST

#define BUSY_EVENTS 100000u

static void *writing_thread(void *arg)
{
	struct pt *pt = arg;

	for (uint64_t i = 0; i < BUSY_EVENTS; i++) {
		struct pt_event ev = event(i);

		pt_event_add(pt, &ev);
	}
	return NULL;
}

/* A reader that is overtaken again and again sees whole events or -ESTALE. Clean under
 * ThreadSanitizer, too. */
START_TEST(at_the_same_time)
{
	/* the same addresses, else ThreadSanitizer sees no connection */
	struct pt *pt = fresh(4), *reader = pt;
	struct pt_event got, want;
	uint64_t pos = 0, read = 0;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, writing_thread, pt), 0);
	while (pos < BUSY_EVENTS) {
		int r = pt_event_read(reader, ROLE_GUARDIAN, pos, &got);

		if (r == -EAGAIN)
			continue;
		if (r == -ESTALE) {
			uint64_t tail = pt_event_tail(reader, ROLE_GUARDIAN);

			pos = tail > pos ? tail : pos + 1;
			continue;
		}
		ck_assert_int_eq(r, 0);
		want = event(pos);
		ck_assert_uint_eq(got.value, pos);
		ck_assert_str_eq(got.name, want.name);
		pos++;
		read++;
	}
	pthread_join(t, NULL);
	ck_assert_uint_gt(read, 0);
	pt_detach(pt);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("events");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, stage_and_publish);
	tcase_add_test(tc, overwritten);
	tcase_add_test(tc, unpublished);
	tcase_add_test(tc, staged_again);
	tcase_add_test(tc, others_have_none);
	tcase_add_test(tc, carried);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, at_the_same_time);
	return run_case(tc, "shm_events");
}
