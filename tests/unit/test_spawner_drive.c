/* tests/unit/test_spawner_drive.c - one event after the other: what an action raises waits until
 * the event in progress is done with, and is settled before whoever brought that goes on. The
 * actions are this file's own; table and machine are the real ones. */
/* links: spawner/drive.c spawner/proc.c spawner/queue.c spawner/machine.c spawner/policy.c */
#include "base/say.h"
#include "shm/owner.h"
#include "shm_fixture.h"
#include "spawner/drive.h"
#include "spawner/shutdown.h"
#include "spawner/stop.h"

static struct spawner sp;
static struct proc *a;
static char order[256]; /* of what was called, one word each */
static int launch_result;
static bool tree_is_gone;

static void note(const char *word)
{
	size_t len = strlen(order);

	snprintf(order + len, sizeof(order) - len, "%s%s:%s", len ? " " : "", word,
		pt_state_label(a->life.state));
}

/* --- the actions */

int launch(struct proc *p, struct fault *f)
{
	note("launch");
	if (launch_result == 0)
		p->life.pid = 77;
	p->life.launch_errno = -launch_result;
	return launch_result ? fault_set(f, launch_result, "it does not start") : 0;
}

void stop_begin(struct proc *p, uint32_t timeout_ms)
{
	struct cause why = { .reason = PT_REASON_OPERATOR };

	note(timeout_ms ? "ask" : "kill");
	if (!tree_is_gone)
		return;
	p->life.pid = 0;
	proc_event(p, p->life.again ? EV_GONE_AGAIN : EV_GONE_DOWN, &why);
	note("asked"); /* still where it was */
}

void stop_kill(struct proc *p)
{
	p->life.next_boot_ns = clock_boot_ns() + NS_PER_SEC;
	note("kill");
}

/* As stop.c does, of which nobody can tell who calls it. */
void stop_look_again(struct proc *p)
{
	note("look");
	if (!tree_is_gone)
		return;
	p->life.pid = 0;
	proc_raise(p, EV_GONE_DOWN, &(struct cause){ .reason = PT_REASON_OPERATOR });
	note("looked");
}

void stop_resume(struct proc *p)
{
	stop_look_again(p);
}

void answer_waiters(struct proc *p)
{
	note(p->launch_fault ? p->launch_fault : "answer");
}

void spawner_all_rest(struct spawner *of)
{
	(void)of;
	note("rest");
}

/* --- */

static void expect(const char *words, enum pt_state state)
{
	struct pt_row row;

	ck_assert_str_eq(order, words);
	ck_assert_int_eq(pt_read_blocks(sp.pt, a->slot, PT_BLOCK_EXIT, &row), 0);
	ck_assert_uint_eq(row.life.state, state);
	ck_assert_ptr_null(machine_check(&row.life));
	order[0] = 0;
}

static void event(enum machine_event ev, uint32_t timeout_ms)
{
	proc_event(
		a, ev, &(struct cause){ .reason = PT_REASON_OPERATOR, .timeout_ms = timeout_ms });
}

static void begin(void)
{
	struct pt_ident ident = { .name = "a", .policy = PT_POLICY_NO };
	struct proc **slot;
	pid_t *pid;

	pt_detach(fresh(4));
	slot = calloc(4, sizeof(struct proc *));
	pid = calloc(4, sizeof(*pid));
	sp = (struct spawner){ .on_deadline = drive_deadline,
		.on_leftover = drive_leftover,
		.pt = join(PT_SPAWNER),
		.slot = slot,
		.pid = pid,
		.capacity = 4 };
	ck_assert_int_eq(loop_new(&sp.loop), 0);
	ck_assert_int_eq(pt_free_slot(sp.pt, &(uint32_t){ 0 }, &ident.gen), 0);
	a = proc_new(&sp, 0, &ident);
	ck_assert_ptr_nonnull(a);
	pt_put_ident(sp.pt, 0, &ident);
	pt_put_life(sp.pt, 0, &a->life);
	pt_claim(sp.pt, 0);
	launch_result = 0;
	tree_is_gone = false;
	order[0] = 0;
}

static void end(void)
{
	if (a)
		proc_free(a);
	loop_free(sp.loop);
	pt_detach(sp.pt);
	free(sp.slot);
	free(sp.pid);
}

START_TEST(a_start_is_two_events)
{
	event(EV_START, 0);
	expect("launch:starting answer:running", PT_STATE_RUNNING);
	event(EV_START, 0);
	expect("answer:running", PT_STATE_RUNNING);
}
END_TEST

START_TEST(a_launch_that_fails_is_told_by_its_sentence)
{
	launch_result = -ENOENT;
	event(EV_START, 0);
	expect("launch:starting it does not start:failed", PT_STATE_FAILED);
	ck_assert_ptr_null(a->launch_fault);
	event(EV_STOP, 0);
	expect("answer:stopped", PT_STATE_STOPPED);
}
END_TEST

START_TEST(what_an_action_raises_waits_for_its_end)
{
	event(EV_START, 0);
	order[0] = 0;
	tree_is_gone = true;
	event(EV_STOP, 1000);
	expect("ask:stopping asked:stopping answer:stopped", PT_STATE_STOPPED);
	ck_assert_uint_eq(a->timer.at_boot_ns, 0);
}
END_TEST

START_TEST(a_restart_is_settled_in_one_call)
{
	event(EV_START, 0);
	order[0] = 0;
	tree_is_gone = true;
	event(EV_RESTART, 1000);
	expect("ask:stopping asked:stopping answer:starting launch:starting answer:running",
		PT_STATE_RUNNING);
}
END_TEST

START_TEST(a_stop_takes_its_time)
{
	event(EV_START, 0);
	order[0] = 0;
	event(EV_STOP, 1000);
	expect("ask:stopping", PT_STATE_STOPPING);
	ck_assert_uint_eq(a->timer.at_boot_ns, a->life.next_boot_ns);
	drive_deadline(a); /* before its time: stop.c wanted to look again */
	expect("look:stopping", PT_STATE_STOPPING);
	a->life.next_boot_ns = 1;
	drive_deadline(a);
	expect("kill:stopping", PT_STATE_STOPPING);
	tree_is_gone = true;
	drive_leftover(a, 0);
	expect("look:stopping looked:stopping answer:stopped", PT_STATE_STOPPED);
}
END_TEST

START_TEST(a_shutdown_asks_after_each_transition)
{
	event(EV_START, 0);
	order[0] = 0;
	sp.shutting = tree_is_gone = true;
	event(EV_STOP, 1000);
	expect("ask:stopping asked:stopping rest:stopping answer:stopped rest:stopped",
		PT_STATE_STOPPED);
}
END_TEST

START_TEST(nobody_gets_the_event_of_one_that_is_forgotten)
{
	struct pt_ident ident = { .name = "b", .gen = 0 };

	proc_raise(a, EV_START, &(struct cause){ .reason = PT_REASON_OPERATOR });
	ident.gen = a->gen + 2;
	proc_free(a);
	a = NULL;
	proc_settle(&sp);
	a = proc_new(&sp, 0, &ident);
	ck_assert_ptr_nonnull(a);
	sp.queue.n = 0;
	queue_put(
		&sp.queue, &(struct queued){ .slot = 0, .gen = ident.gen - 2, .event = EV_START });
	proc_settle(&sp);
	ck_assert_str_eq(order, "");
	ck_assert_uint_eq(sp.queue.n, 0);
	ck_assert_uint_eq(a->life.state, PT_STATE_STOPPED);
}
END_TEST

/* A running process has a pid: this one lost it on the way. */
START_TEST(a_state_that_does_not_hold_is_noticed)
{
	event(EV_START, 0);
	a->life.pid = 0;
#ifdef TEND_CHECKED
	event(EV_START, 0); /* does not return */
	_exit(0);
#else
	event(EV_START, 0);
	ck_assert_uint_eq(a->life.state, PT_STATE_RUNNING);
#endif
}
END_TEST

START_TEST(first_come_first_served)
{
	struct queue q = { .n = 0 };
	struct queued e;
	uint32_t next = 0;

	ck_assert(!queue_take(&q, &e));
	for (uint32_t i = 0; i < 3 * QUEUE_MAX; i++) {
		queue_put(&q, &(struct queued){ .slot = i, .event = EV_STOP });
		if (q.n == QUEUE_MAX || i % 3 == 0) {
			ck_assert(queue_take(&q, &e));
			ck_assert_uint_eq(e.slot, next++);
		}
	}
	while (queue_take(&q, &e))
		ck_assert_uint_eq(e.slot, next++);
	ck_assert_uint_eq(next, 3 * QUEUE_MAX);
}
END_TEST

START_TEST(a_full_queue_is_a_bug)
{
	struct queue q = { .n = QUEUE_MAX };

	queue_put(&q, &(struct queued){ .slot = 1 });
}
END_TEST

int main(void)
{
	TCase *drive = tcase_create("drive"), *queue = tcase_create("queue");

	say_init("test");
	tcase_add_unchecked_fixture(drive, home_setup, home_teardown);
	tcase_add_checked_fixture(drive, begin, end);
	tcase_add_test(drive, a_start_is_two_events);
	tcase_add_test(drive, a_launch_that_fails_is_told_by_its_sentence);
	tcase_add_test(drive, what_an_action_raises_waits_for_its_end);
	tcase_add_test(drive, a_restart_is_settled_in_one_call);
	tcase_add_test(drive, a_stop_takes_its_time);
	tcase_add_test(drive, a_shutdown_asks_after_each_transition);
	tcase_add_test(drive, nobody_gets_the_event_of_one_that_is_forgotten);
#ifdef TEND_CHECKED
	tcase_add_test_raise_signal(drive, a_state_that_does_not_hold_is_noticed, SIGABRT);
#else
	tcase_add_test(drive, a_state_that_does_not_hold_is_noticed);
#endif
	tcase_add_test(queue, first_come_first_served);
	tcase_add_test_raise_signal(queue, a_full_queue_is_a_bug, SIGABRT);
	return run_cases("spawner/drive", drive, queue, NULL);
}
