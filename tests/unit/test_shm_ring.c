/* tests/unit/test_shm_ring.c - commands: order, answers, deadlines, dead clients, dead daemons, and
 * entries that make no sense. */
#include <pthread.h>

#include "shm/ring.h"
#include "shm_fixture.h"

static struct pt *guardian, *spawner, *client;

static void open_all(void)
{
	guardian = fresh(4);
	spawner = join(PT_SPAWNER);
	client = join(PT_CLIENT);
}

static void close_all(void)
{
	pt_detach(client);
	pt_detach(spawner);
	pt_detach(guardian);
}

static struct pt_request request(uint8_t kind, const char *name)
{
	struct pt_request r = { .kind = kind };

	str_copy(r.name, sizeof(r.name), name);
	return r;
}

static struct pt_ticket post(uint8_t kind, const char *name)
{
	struct pt_request r = request(kind, name);
	struct pt_ticket t = { 0 };

	ck_assert_int_eq(pt_post(client, &r, 1, 1000, &t), 1);
	return t;
}

static void answer(struct pt_ticket t, int code, const char *text)
{
	struct pt_answer a = { .code = code, .pid = 42, .detail = 1 };

	str_copy(a.text, sizeof(a.text), text);
	pt_command_done(spawner, t, &a);
}

static uint32_t state_at(uint32_t i)
{
	return atomic_load(&((struct seg_command *)seg_at(spawner, SEG_COMMANDS, i))->state);
}

START_TEST(in_order)
{
	struct pt_ticket t[3];
	struct pt_command cmd;
	struct pt_answer a;
	uint64_t after = 0;

	open_all();
	t[0] = post(PT_COMMAND_START, "one");
	t[1] = post(PT_COMMAND_STOP, "two");
	ck_assert_int_eq(pt_await(client, t[0], 0, &a), -ETIMEDOUT);
	answer(t[0], 0, "");
	ck_assert_int_eq(
		/* its entry is free: the third goes in front of the second */
		pt_await(client, t[0], 0, &a), 0);
	t[2] = post(PT_COMMAND_SIGNAL, "three");
	ck_assert_uint_lt(t[2].index, t[1].index);
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_int_eq(pt_command_next(spawner, after, &cmd), 0);
		ck_assert_uint_eq(cmd.ticket.number, t[i].number);
		ck_assert_uint_eq(cmd.ticket.index, t[i].index);
		ck_assert_int_eq(cmd.by_pid, getpid());
		ck_assert_uint_eq(cmd.by_uid, getuid());
		ck_assert_uint_eq(cmd.running, 0);
		after = cmd.ticket.number;
	}
	ck_assert_str_eq(cmd.req.name, "three");
	ck_assert_int_eq(pt_command_next(spawner, after, &cmd), -ENOENT);
	close_all();
}
END_TEST

START_TEST(by_role)
{
	struct pt_command cmd;
	struct pt_ticket t;

	open_all();
	t = post(PT_COMMAND_SHUTDOWN, "");
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), -ENOENT);
	ck_assert_int_eq(pt_command_next(guardian, 0, &cmd), 0);
	ck_assert_uint_eq(cmd.ticket.number, t.number);
	post(PT_COMMAND_START, "x");
	ck_assert_int_eq(pt_command_next(guardian, t.number, &cmd), -ENOENT);
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), 0);
	close_all();
}
END_TEST

START_TEST(answered)
{
	struct pt_ticket t;
	struct pt_answer a;

	open_all();
	t = post(PT_COMMAND_START, "one");
	pt_command_accept(spawner, t);
	ck_assert_uint_eq(state_at(t.index), SEG_RUNNING);
	answer(t, -EALREADY, "one runs already");
	answer(t, 0, "a second answer counts for nothing");
	ck_assert_int_eq(pt_await(client, t, UINT64_MAX, &a), 0);
	ck_assert_int_eq(a.code, -EALREADY);
	ck_assert_int_eq(a.pid, 42);
	ck_assert_uint_eq(a.detail, 1);
	ck_assert_str_eq(a.text, "one runs already");
	ck_assert_uint_eq(state_at(t.index), SEG_FREE);
	ck_assert_int_eq(pt_await(client, t, 0, &a), -ESTALE);
	ck_assert_int_eq(pt_await(client, (struct pt_ticket){ UINT32_MAX, 5 }, 0, &a), -ESTALE);
	pt_command_done(spawner, (struct pt_ticket){ PT_COMMANDS, 1 }, &a);
	pt_command_accept(spawner, (struct pt_ticket){ UINT32_MAX, 1 });
	pt_command_note(spawner, (struct pt_ticket){ UINT32_MAX, 1 }, 1);
	close_all();
}
END_TEST

/* The answer wakes a client that sleeps in another process. */
START_TEST(waking)
{
	uint64_t began, took;
	struct pt_command cmd;
	pid_t pid;

	open_all();
	pid = fork();
	if (pid == 0) {
		struct pt_ticket t = post(PT_COMMAND_STOP, "one");
		struct pt_answer a;

		_exit(pt_await(client, t, 20 * NS_PER_SEC, &a) == 0 && a.code == -5 ? 0 : 1);
	}
	while (pt_command_next(spawner, 0, &cmd) < 0)
		usleep(1000);
	usleep(50000);
	began = clock_boot_ns();
	answer(cmd.ticket, -5, "");
	reap_good(pid);
	took = clock_boot_ns() - began;
	ck_assert_uint_lt(took, 5 * NS_PER_SEC);
	close_all();
}
END_TEST

START_TEST(timing_out)
{
	struct pt_ticket t;
	struct pt_answer a;
	uint64_t began, took;

	open_all();
	t = post(PT_COMMAND_STOP, "one");
	began = clock_boot_ns();
	ck_assert_int_eq(pt_await(client, t, 100 * NS_PER_MS, &a), -ETIMEDOUT);
	took = clock_boot_ns() - began;
	ck_assert_uint_ge(took, 99 * NS_PER_MS);
	ck_assert_uint_lt(took, 2 * NS_PER_SEC);
	answer(t, 0, "late");
	ck_assert_int_eq(pt_await(client, t, 0, &a), 0); /* asking again is fine */
	ck_assert_str_eq(a.text, "late");
	close_all();
}
END_TEST

static void on_alarm(int signo)
{
	(void)signo;
}

START_TEST(interrupted)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct pt_ticket t;
	struct pt_answer a;

	open_all();
	t = post(PT_COMMAND_STOP, "one");
	sigaction(SIGALRM, &sa, NULL);
	ualarm(50000, 0);
	ck_assert_int_eq(pt_await(client, t, 10 * NS_PER_SEC, &a), -EINTR);
	close_all();
}
END_TEST

START_TEST(full_ring)
{
	struct pt_request req[PT_COMMANDS + 10];
	struct pt_ticket t[PT_COMMANDS + 10];
	struct pt_answer a;

	open_all();
	for (unsigned i = 0; i < PT_COMMANDS + 10; i++)
		req[i] = request(PT_COMMAND_START, "many");
	ck_assert_int_eq(pt_post(client, req, PT_COMMANDS + 10, 1000, t), PT_COMMANDS);
	ck_assert_int_eq(pt_post(client, req, 1, 1000, t + PT_COMMANDS), -EAGAIN);
	answer(t[17], 0, "");
	ck_assert_int_eq(pt_post(client, req, 1, 1000, t + PT_COMMANDS),
		-EAGAIN); /* answered, but its client lives and may still ask */
	ck_assert_int_eq(pt_await(client, t[17], 0, &a), 0);
	ck_assert_int_eq(pt_post(client, req, 1, 1000, t + PT_COMMANDS), 1);
	ck_assert_uint_eq(t[PT_COMMANDS].index, t[17].index);
	close_all();
}
END_TEST

/* Clients that are stopped don't take their answers. Their entries are taken back once these have
 * lain there, and only where none is free. */
START_TEST(unread)
{
	struct pt_request req[PT_COMMANDS];
	struct pt_ticket t[PT_COMMANDS], more;
	pid_t who[PT_UNREAD_NAMED];
	struct pt_answer a;

	open_all();
	memset(req, 0, sizeof(req));
	for (unsigned i = 0; i < PT_COMMANDS; i++)
		strcpy(req[i].name, "x");
	ck_assert_int_eq(pt_post(client, req, PT_COMMANDS, 1000, t), PT_COMMANDS);
	for (unsigned i = 0; i < PT_COMMANDS; i++)
		answer(t[i], 0, "");
	ck_assert_int_eq(pt_post(client, req, 1, 1000, &more), -EAGAIN);
	ck_assert_uint_eq(pt_unread(client, who), 0);
	for (unsigned i = 0; i < 7; i++) {
		struct seg_command *c = seg_at(client, SEG_COMMANDS, t[i].index);

		atomic_store(&c->done_boot_s, atomic_load(&c->done_boot_s) - PT_ANSWER_KEEP_S);
	}
	ck_assert_uint_eq(pt_unread(client, who), 7);
	ck_assert_int_eq(who[0], getpid());
	ck_assert_int_eq(who[1], 0);
	ck_assert_int_eq(pt_post(client, req, 1, 1000, &more), 1);
	ck_assert_uint_eq(pt_unread(client, who), 0);
	ck_assert_int_eq(pt_await(client, t[6], 0, &a), -ESTALE);
	ck_assert_int_eq(pt_await(client, t[7], 0, &a), 0);
	close_all();
}
END_TEST

/* What nobody has begun can be withdrawn, and then nobody begins it. */
START_TEST(withdrawn)
{
	struct pt_command cmd;
	struct pt_answer a;
	struct pt_ticket t;

	open_all();
	t = post(PT_COMMAND_SIGNAL, "one");
	ck_assert_int_eq(pt_withdraw(client, t), 0);
	ck_assert_int_eq(pt_withdraw(client, t), -ESTALE);
	ck_assert(!pt_command_accept(spawner, t));
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), -ENOENT);
	t = post(PT_COMMAND_SIGNAL, "one");
	ck_assert(pt_command_accept(spawner, t));
	ck_assert(!pt_command_accept(spawner, t));
	ck_assert_int_eq(pt_withdraw(client, t), -EBUSY);
	answer(t, 0, "");
	ck_assert_int_eq(pt_withdraw(client, t), -EBUSY);
	ck_assert_int_eq(pt_await(client, t, 0, &a), 0);
	ck_assert_int_eq(pt_withdraw(client, (struct pt_ticket){ UINT32_MAX, 1 }), -ESTALE);
	close_all();
}
END_TEST

/* What dead clients posted is carried out, and then makes room. */
START_TEST(dead_clients)
{
	struct pt_command cmd;
	unsigned carried_out = 0;
	struct pt_ticket t;
	pid_t pid;

	open_all();
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < PT_COMMANDS; i++)
			post(PT_COMMAND_START, "orphaned");
		_exit(0);
	}
	reap_good(pid);
	ck_assert_int_eq(
		pt_post(client, &(struct pt_request){ .kind = PT_COMMAND_STOP }, 1, 1000, &t),
		-EAGAIN);
	while (pt_command_next(spawner, 0, &cmd) == 0) {
		ck_assert_int_eq(cmd.by_pid, pid);
		answer(cmd.ticket, 0, "");
		carried_out++;
	}
	ck_assert_uint_eq(carried_out, PT_COMMANDS);
	t = post(PT_COMMAND_STOP, "after");
	ck_assert_uint_eq(t.number, PT_COMMANDS + 1);
	for (uint32_t i = 0; i < PT_COMMANDS; i++)
		ck_assert_uint_eq(state_at(i), i == t.index ? SEG_READY : SEG_FREE);
	close_all();
}
END_TEST

/* The daemon dies between accepting and answering: the next one finds the command, and how far it
 * got. */
START_TEST(dead_daemon)
{
	struct pt_command cmd;
	struct pt_ticket t;
	struct pt_answer a;
	pid_t pid;

	open_all();
	t = post(PT_COMMAND_RESTART, "one");
	pid = fork();
	if (pid == 0) {
		struct pt *own = join(PT_SPAWNER);

		if (pt_command_next(own, 0, &cmd) < 0)
			_exit(1);
		pt_command_accept(own, cmd.ticket);
		pt_command_note(own, cmd.ticket, 3);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	pt_detach(spawner);
	spawner = join(PT_SPAWNER);
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), 0);
	ck_assert_uint_eq(cmd.ticket.number, t.number);
	ck_assert_uint_eq(cmd.running, 1);
	ck_assert_uint_eq(cmd.progress, 3);
	answer(cmd.ticket, 0, "");
	ck_assert_int_eq(pt_await(client, t, 0, &a), 0);
	(void)post(PT_COMMAND_STOP, "two"); /* the same entry: nothing is left of the first */
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), 0);
	ck_assert_uint_eq(cmd.progress, 0);
	ck_assert_uint_eq(cmd.running, 0);
	close_all();
}
END_TEST

/* A poster that died right behind READY: recovery must not make an answered command ready again. */
START_TEST(carried_out_once)
{
	struct pt_command cmd;
	struct pt_ticket t;
	pid_t pid;
	int status;

	open_all();
	t = post(PT_COMMAND_START, "one");
	answer(t, 0, "");
	ck_assert_uint_eq(atomic_load(&seg_shared(client)->journal.n), 0);
	for (unsigned i = 0; i < SEG_JOURNAL_MAX;
		i++) /* posting leaves nothing in the journal that names the entry's state */
		ck_assert_uint_ne(seg_shared(client)->journal.e[i].value, SEG_READY);
	pid = fork();
	if (pid == 0) {
		if (pt_lock(client, 1000) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(pt_lock(client, 0), 0);
	pt_unlock(client);
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), -ENOENT);
	ck_assert_uint_eq(state_at(t.index), SEG_DONE);
	close_all();
}
END_TEST

START_TEST(damaged)
{
	struct pt_command cmd;
	struct pt_answer a;

	open_all();
	for (unsigned how = 0; how < 6; how++) {
		struct pt_ticket t = post(PT_COMMAND_START, "one");
		struct seg_command *c = seg_at(spawner, SEG_COMMANDS, t.index);

		switch (how) {
		case 0:
			c->req.kind = PT_COMMAND_MAX;
			break;
		case 1:
			memset(c->req.name, 'x', sizeof(c->req.name));
			break;
		case 2:
			memset(c->req.spec, 'x', sizeof(c->req.spec));
			break;
		case 3:
			strcpy(c->req.spec, "../etc/passwd");
			break;
		case 4:
			strcpy(c->req.name, "a/b");
			break;
		default:
			memset(&c->req, 0xff, sizeof(c->req));
		}
		ck_assert_int_eq(pt_command_next(guardian, 0, &cmd), -ENOENT);
		ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), -ENOENT);
		ck_assert_int_eq(pt_await(client, t, 0, &a), 0);
		ck_assert_int_eq(a.code, -EBADMSG);
		ck_assert_uint_gt(strlen(a.text), 0);
	}
	for (uint32_t i = 0; i < PT_COMMANDS; i++) { /* states that are none are left alone */
		struct seg_command *c = seg_at(spawner, SEG_COMMANDS, i);

		atomic_store(&c->state, 5 + i);
		ck_assert_int_eq(
			pt_await(client, (struct pt_ticket){ i, atomic_load(&c->ticket) }, 0, &a),
			-ESTALE);
	}
	ck_assert_int_eq(pt_command_next(spawner, 0, &cmd), -ENOENT);
	ck_assert_int_eq(pt_post(client, &(struct pt_request){ .kind = PT_COMMAND_STOP }, 1, 100,
				 &(struct pt_ticket){ 0 }),
		-EAGAIN);
	close_all();
}
END_TEST

START_TEST(unterminated_answer)
{
	struct pt_answer a, shown;
	struct pt_ticket t;

	open_all();
	t = post(PT_COMMAND_START, "one");
	memset(&a, 'x', sizeof(a));
	pt_command_done(spawner, t, &a);
	ck_assert_int_eq(pt_await(client, t, 0, &shown), 0);
	ck_assert_uint_eq(strlen(shown.text), PT_ANSWER_MAX - 1);
	close_all();
}
END_TEST

#define BUSY_COMMANDS 2000u

static void *serve(void *arg)
{
	struct pt *own = arg;
	struct pt_command cmd;
	uint64_t after = 0;


	for (unsigned left = BUSY_COMMANDS; left > 0;) {
		if (pt_command_next(own, after, &cmd) < 0)
			continue;
		ck_assert_uint_gt(cmd.ticket.number, after);
		after = cmd.ticket.number;
		pt_command_accept(own, cmd.ticket);
		pt_command_done(own, cmd.ticket,
			&(struct pt_answer){ .code = 0, .detail = cmd.req.timeout_ms });
		left--;
	}
	return NULL;
}

/* A client and a daemon at work at the same time; clean under ThreadSanitizer, too. */
START_TEST(at_the_same_time)
{
	struct pt own;
	pthread_t t;

	open_all();
	own = *client; /* the same addresses, else ThreadSanitizer sees no connection */
	own.access = PT_SPAWNER;
	ck_assert_int_eq(pthread_create(&t, NULL, serve, &own), 0);
	for (unsigned i = 0; i < BUSY_COMMANDS; i++) {
		struct pt_request r = request(PT_COMMAND_SIGNAL, "one");
		struct pt_ticket ticket;
		struct pt_answer a;

		r.timeout_ms = i;
		ck_assert_int_eq(pt_post(client, &r, 1, 1000, &ticket), 1);
		ck_assert_int_eq(pt_await(client, ticket, 10 * NS_PER_SEC, &a), 0);
		ck_assert_uint_eq(a.detail, i);
	}
	pthread_join(t, NULL);
	close_all();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ring");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, by_role);
	tcase_add_test(tc, answered);
	tcase_add_test(tc, unread);
	tcase_add_test(tc, withdrawn);
	tcase_add_test(tc, waking);
	tcase_add_test(tc, timing_out);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, full_ring);
	tcase_add_test(tc, dead_clients);
	tcase_add_test(tc, dead_daemon);
	tcase_add_test(tc, carried_out_once);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, unterminated_answer);
	tcase_add_test(tc, at_the_same_time);
	return run_case(tc, "shm_ring");
}
