/* Asking the daemons of two homes from one program, which does not wait. */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/role.h"
#include "client/asks.h"
#include "shm/owner.h"
#include "tests/unit/run.h"

/* The test is guardian and spawner itself. */
struct made {
	char dir[64];
	struct home home;
	struct pt *guardian, *spawner;
	int lock; /* of the guardian: nobody starts another */
};

static void make(struct made *m)
{
	struct fault f = { "" };

	(void)snprintf(m->dir, sizeof(m->dir), "/tmp/tend-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(m->dir));
	ck_assert_msg(home_open(m->dir, HOME_CREATE, &m->home, &f) == 0, "%s", f.text);
	ck_assert_int_eq(pt_create(&m->home, 8, NULL, &m->guardian, &f), 0);
	ck_assert_int_eq(pt_attach_as(&m->home, PT_SPAWNER, &m->spawner, &f), 0);
	ck_assert_int_eq(role_lock(m->home.run_fd, ROLE_GUARDIAN, &m->lock), 0);
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *where)
{
	(void)sb, (void)type, (void)where;
	return remove(path);
}

static void unmake(struct made *m)
{
	(void)pt_unlink(&m->home);
	pt_detach(m->spawner);
	pt_detach(m->guardian);
	close(m->lock);
	home_close(&m->home);
	(void)nftw(m->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct asks *open_asks(const char *home)
{
	struct asks *s = NULL;
	struct fault f = { "" };

	ck_assert_msg(asks_open(home, &s, &f) == 0, "%s", f.text);
	return s;
}

static void post(struct asks *s, const char *name, void *arg)
{
	struct ask a;
	struct fault f = { "" };

	ask_fill(&a, PT_COMMAND_STOP, name, 0);
	ck_assert_msg(asks_post(s, &a, 1, arg, &f) == 0, "%s", f.text);
}

/* As the spawner does. */
static void answer(struct made *m, const char *name, int32_t pid)
{
	struct pt_answer a = { .pid = pid };
	struct pt_command c;
	unsigned tries = 0;

	while (pt_command_next(m->spawner, 0, &c) < 0 && tries++ < 10000)
		instance_nap(1);
	ck_assert_str_eq(c.req.name, name);
	ck_assert(pt_command_accept(m->spawner, c.ticket));
	pt_command_done(m->spawner, c.ticket, &a);
}

static bool ready(const struct asks *s, int ms)
{
	struct pollfd p = { .fd = asks_fd(s), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static struct asked take(struct asks *s)
{
	struct asked asked;

	ck_assert(ready(s, 10000));
	ck_assert(asks_take(s, &asked));
	return asked;
}

START_TEST(answers_of_two_homes_come_as_they_are_given)
{
	struct made here, there;
	struct asks *a, *b;
	struct asked asked;
	int first, second;

	make(&here);
	make(&there);
	a = open_asks(here.dir);
	b = open_asks(there.dir);
	post(a, "web", &first);
	post(b, "db", &second);
	ck_assert(!asks_take(a, &asked));
	answer(&there, "db", 7);
	asked = take(b);
	ck_assert_ptr_eq(asked.arg, &second);
	ck_assert_int_eq(asked.error, 0);
	ck_assert_uint_eq(asked.n, 1);
	ck_assert_int_eq(asked.list[0].answer.pid, 7);
	asked_done(&asked);
	ck_assert(!ready(a, 0));
	answer(&here, "web", 8);
	asked = take(a);
	ck_assert_ptr_eq(asked.arg, &first);
	ck_assert_int_eq(asked.list[0].answer.pid, 8);
	asked_done(&asked);
	ck_assert(!ready(a, 0));
	ck_assert(!asks_take(a, &asked));
	asks_close(a);
	asks_close(b);
	unmake(&here);
	unmake(&there);
}
END_TEST

/* One that takes long holds up no other. */
START_TEST(a_later_one_may_be_answered_first)
{
	struct made m;
	struct pt_command slow, quick;
	struct pt_answer done = { .code = 0 };
	struct asks *s;
	struct asked asked;
	int first, second;
	unsigned tries = 0;

	make(&m);
	s = open_asks(m.dir);
	post(s, "slow", &first);
	while (pt_command_next(m.spawner, 0, &slow) < 0 && tries++ < 10000)
		instance_nap(1);
	ck_assert(pt_command_accept(m.spawner, slow.ticket));
	post(s, "quick", &second);
	while (pt_command_next(m.spawner, slow.ticket.number, &quick) < 0 && tries++ < 10000)
		instance_nap(1);
	ck_assert(pt_command_accept(m.spawner, quick.ticket));
	pt_command_done(m.spawner, quick.ticket, &done);
	asked = take(s);
	ck_assert_ptr_eq(asked.arg, &second);
	asked_done(&asked);
	pt_command_done(m.spawner, slow.ticket, &done);
	asked = take(s);
	ck_assert_ptr_eq(asked.arg, &first);
	asked_done(&asked);
	asks_close(s);
	unmake(&m);
}
END_TEST

START_TEST(no_instance_is_an_answer_too)
{
	struct asks *s = open_asks("/nowhere/at/all");
	struct asked asked;

	post(s, "web", NULL);
	asked = take(s);
	ck_assert_int_eq(asked.error, -ENOENT);
	ck_assert_str_ne(asked.why.text, "");
	asked_done(&asked);
	asks_close(s);
}
END_TEST

START_TEST(an_end_waits_for_no_answer)
{
	struct made m;
	struct asks *s;

	make(&m);
	s = open_asks(m.dir);
	post(s, "taken", NULL);
	answer(&m, "taken", 0);
	ck_assert(ready(s, 10000));
	post(s, "never answered", NULL);
	asks_close(s);
	asks_close(NULL);
	unmake(&m);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("asks");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, answers_of_two_homes_come_as_they_are_given);
	tcase_add_test(t, a_later_one_may_be_answered_first);
	tcase_add_test(t, no_instance_is_an_answer_too);
	tcase_add_test(t, an_end_waits_for_no_answer);
	return run_cases("client asks", t, NULL);
}
