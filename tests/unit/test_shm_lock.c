/* tests/unit/test_shm_lock.c - the robust lock: dead holders, stopped holders, bytes that are no
 * lock, and a client's signals. */
#include <sys/prctl.h>

#include "shm_fixture.h"

/* A child that takes the lock, says so, and then waits to be killed. */
static pid_t holder(enum pt_access access)
{
	int said[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		struct pt *pt = join(access);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pt_lock(pt, 1000) == 0 && write(said[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	ck_assert_int_eq(read(said[0], &byte, 1), 1);
	close(said[0]);
	close(said[1]);
	return pid;
}

START_TEST(plain)
{
	struct pt *a = fresh(4), *b = join(PT_CLIENT), *reader = join(PT_READER);

	ck_assert_int_eq(pt_lock_holder(b), 0);
	ck_assert_int_eq(pt_lock(a, 0), 0);
	ck_assert_int_eq(pt_lock_holder(b), getpid());
	ck_assert_int_eq(pt_lock(a, 50), -EDEADLK);
	pt_unlock(a);
	ck_assert_int_eq(pt_lock_holder(b), 0);
	ck_assert_int_eq(pt_lock(b, 50), 0);
	pt_unlock(b);
	ck_assert_int_eq(pt_lock(reader, 50), -EPERM);
	pt_detach(a);
	pt_detach(b);
	pt_detach(reader);
}
END_TEST

START_TEST(dead_holder)
{
	struct pt *pt = fresh(4);
	struct seg_command *c = seg_at(pt, SEG_COMMANDS, 3);

	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = holder(i & 1 ? PT_CLIENT : PT_SPAWNER);

		ck_assert_int_eq(pt_lock(pt, 0), -EBUSY);
		ck_assert_int_eq(pt_lock_holder(pt), pid);
		atomic_store(&c->state, SEG_FILLING);
		kill_and_reap(pid);
		ck_assert_int_eq(pt_lock(pt, 0), 0);
		ck_assert_uint_eq(atomic_load(&c->state), SEG_FREE);
		ck_assert_int_eq(pt_lock_holder(pt), getpid());
		pt_unlock(pt);
		ck_assert_int_eq(pt_lock(pt, 0), 0); /* consistent again */
		pt_unlock(pt);
	}
	pt_detach(pt);
}
END_TEST

/* The holder died behind the commit of a change and before (all of) it was applied. */
START_TEST(journal_redone)
{
	struct pt *pt = fresh(4);
	struct seg_shared *s = seg_shared(pt);
	uint64_t gen = pt->header.region[SEG_GENS].offset + 4;
	uint64_t used = pt->header.region[SEG_SHARED].offset + offsetof(struct seg_shared, used);
	uint64_t outside = pt->header.region[SEG_DAEMONS].offset;
	uint64_t lock = pt->header.region[SEG_SHARED].offset + offsetof(struct seg_shared, lock);
	const struct {
		uint64_t offset, value;
		uint32_t width;
	} e[] = { { gen, 1, 4 }, { used, 1, 4 }, { outside, 99, 8 }, { lock, 99, 4 },
		{ gen + 1, 99, 4 }, { gen, 99, 2 } };
	pid_t pid = holder(PT_SPAWNER);

	for (unsigned i = 0; i < 6; i++) {
		s->journal.e[i].offset = (uint32_t)e[i].offset;
		s->journal.e[i].value = e[i].value;
		s->journal.e[i].width = e[i].width;
	}
	atomic_store(&s->journal.n, 6);
	kill_and_reap(pid);
	ck_assert_int_eq(pt_lock(pt, 0), 0);
	ck_assert_uint_eq(pt_gen(pt, 1), 1);
	ck_assert_uint_eq(pt_used(pt), 1);
	ck_assert_uint_eq(*(uint64_t *)(void *)(pt->base + outside), 0);
	ck_assert_uint_eq(atomic_load(&s->journal.n), 0);
	pt_unlock(pt);
	ck_assert_int_eq(pt_lock(pt, 0), 0);
	pt_unlock(pt);
	pt_detach(pt);
}
END_TEST

/* Filled but not committed: never happened. */
START_TEST(journal_not_committed)
{
	struct pt *pt = fresh(4);
	struct seg_shared *s = seg_shared(pt);
	pid_t pid = holder(PT_SPAWNER);

	s->journal.e[0].offset = (uint32_t)pt->header.region[SEG_GENS].offset;
	s->journal.e[0].width = 4;
	s->journal.e[0].value = 1;
	kill_and_reap(pid);
	ck_assert_int_eq(pt_lock(pt, 0), 0);
	ck_assert_uint_eq(pt_gen(pt, 0), 0);
	pt_unlock(pt);
	pt_detach(pt);
}
END_TEST

START_TEST(stopped_holder)
{
	struct pt *pt = fresh(4);
	pid_t pid = holder(PT_CLIENT);
	uint64_t began, took;
	int status;

	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	began = clock_boot_ns();
	ck_assert_int_eq(pt_lock(pt, 200), -ETIMEDOUT);
	took = clock_boot_ns() - began;
	ck_assert_uint_ge(took, 190 * NS_PER_MS);
	ck_assert_uint_le(took, 1500 * NS_PER_MS);
	ck_assert_int_eq(pt_lock_holder(pt), pid);
	kill(pid, SIGCONT);
	ck_assert_int_eq(pt_lock(pt, 50), -ETIMEDOUT); /* it still holds it */
	kill_and_reap(pid);
	ck_assert_int_eq(pt_lock(pt, 50), 0);
	pt_unlock(pt);
	pt_detach(pt);
}
END_TEST

/* Stopped in the middle, continued, and then done: the lock comes without any recovery. */
START_TEST(continued_holder)
{
	struct pt *pt = fresh(4);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct pt *own = join(PT_SPAWNER);

		if (pt_lock(own, 1000) < 0)
			_exit(1);
		raise(SIGSTOP);
		pt_unlock(own);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(pt_lock(pt, 60), -ETIMEDOUT);
	kill(pid, SIGCONT);
	ck_assert_int_eq(pt_lock(pt, 5000), 0);
	ck_assert_int_eq(pt_lock_holder(pt), getpid());
	pt_unlock(pt);
	reap_good(pid);
	pt_detach(pt);
}
END_TEST

START_TEST(no_lock_at_all)
{
	struct pt *pt = fresh(4);
	pthread_mutex_t *m = &seg_shared(pt)->lock, kept = *m;
	uint64_t seed = test_seed();

	memset(m, 0, sizeof(*m));
	ck_assert_int_eq(pt_lock(pt, 50), -EBADMSG);
	memset(m, 0xff, sizeof(*m));
	ck_assert_int_eq(pt_lock(pt, 50), -EBADMSG);
	for (unsigned i = 0; i < 300;
		/* the right kind, and everything else random: any answer but a crash or a hang */
		i++) {
		int r;

		for (unsigned b = 0; b < sizeof(*m); b++)
			((unsigned char *)m)[b] = (unsigned char)random_next(&seed);
		m->__data.__kind = kept.__data.__kind;
		r = pt_lock(pt, 1);
		if (r == 0)
			pt_unlock(pt);
	}
	*m = kept;
	ck_assert_int_eq(pt_lock(pt, 50), 0);
	pt_unlock(pt);
	pt_detach(pt);
}
END_TEST

static volatile sig_atomic_t seen;

static void note(int signo)
{
	seen = signo;
}

START_TEST(client_signals)
{
	static const int held_back[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP,
		SIGTTIN, SIGTTOU };
	struct pt *pt = fresh(4), *client = join(PT_CLIENT);
	sigset_t before, after;

	for (unsigned i = 0; i < sizeof(held_back) / sizeof(held_back[0]); i++)
		signal(held_back[i], note);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	for (unsigned i = 0; i < sizeof(held_back) / sizeof(held_back[0]); i++) {
		seen = 0;
		ck_assert_int_eq(pt_lock(client, 50), 0);
		/* must not lose the mask of before */
		ck_assert_int_eq(pt_lock(client, 50), -EDEADLK);
		raise(held_back[i]);
		ck_assert_int_eq(seen, 0);
		pt_unlock(client);
		ck_assert_int_eq(seen, held_back[i]);
	}
	/* a daemon reads its signals from a descriptor: its mask is left alone */
	ck_assert_int_eq(pt_lock(pt, 50), 0);
	seen = 0;
	raise(SIGTERM);
	ck_assert_int_eq(seen, SIGTERM);
	ck_assert_int_eq(pt_lock(client, 20), -EDEADLK); /* same thread */
	pt_unlock(pt);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		ck_assert_int_eq(sigismember(&before, s), sigismember(&after, s));
	pt_detach(client);
	pt_detach(pt);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lock");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, plain);
	tcase_add_test(tc, dead_holder);
	tcase_add_test(tc, journal_redone);
	tcase_add_test(tc, journal_not_committed);
	tcase_add_test(tc, stopped_holder);
	tcase_add_test(tc, continued_holder);
	tcase_add_test(tc, no_lock_at_all);
	tcase_add_test(tc, client_signals);
	return run_case(tc, "shm_lock");
}
