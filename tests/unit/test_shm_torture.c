/*
 * tests/unit/test_shm_torture.c - a writer killed between any two instructions of what it does
 * under the lock.
 *
 * A child is single-stepped with ptrace through: lock, ident, life, claim a row, unlock; post two
 * commands; lock, release a row, unlock. After k instructions it is killed, and whoever comes next
 * must find a table in which everything is whole.
 *
 * What others find depends on k only as far as the segment's bytes do. So a first run notes every k
 * at which a byte changed, and these are tried (spread evenly where they take longer than some
 * seconds), with as many of the others as there is time for. TEND_TORTURE=full tries every k.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "shm_fixture.h"

#define CAPACITY  8u
#define BUDGET_NS (5 * NS_PER_SEC) /* about, for each of the three */

static struct pt *guardian, *spawner, *client;

static uint64_t sum_of(const char *text)
{
	return str_hash(STR_HASH_SEED, text, strlen(text));
}

static void make_row(uint64_t n, uint32_t gen, struct pt_ident *id, struct pt_life *life)
{
	*id = (struct pt_ident){ .created_real_ns = n, .gen = gen };
	snprintf(id->name, sizeof(id->name), "row-%llu", (unsigned long long)n);
	id->spec_hash = sum_of(id->name);
	snprintf(id->command, sizeof(id->command), "%0190llu", (unsigned long long)n);
	*life = (struct pt_life){ .since_real_ns = n,
		.since_boot_ns = 3 * n,
		.start_ticks = 5 * n,
		.event_pos = 7 * n,
		.pid = (int32_t)(n % 30000) + 1,
		.gen = gen,
		.state = PT_STATE_RUNNING };
}

static void check_row(uint32_t slot)
{
	struct pt_ident id, want_id;
	struct pt_life life, want_life;

	ck_assert_int_eq(latch_load(seg_at(spawner, SEG_IDENTS, slot), &id, sizeof(id)), 0);
	ck_assert_int_eq(latch_load(seg_at(spawner, SEG_LIVES, slot), &life, sizeof(life)), 0);
	if (id.created_real_ns) {
		make_row(id.created_real_ns, id.gen, &want_id, &want_life);
		ck_assert_mem_eq(&id, &want_id, sizeof(id));
	}
	if (life.since_real_ns) {
		make_row(life.since_real_ns, life.gen, &want_id, &want_life);
		ck_assert_mem_eq(&life, &want_life, sizeof(life));
	}
}

static void check_rows(void)
{
	struct pt_row row;
	uint32_t used = 0;

	for (uint32_t i = 0; i < CAPACITY; i++) {
		uint32_t gen = pt_gen(spawner, i);

		check_row(i);
		if (!(gen & 1))
			continue;
		used++;
		ck_assert_uint_lt(i, pt_high(spawner));
		ck_assert_int_eq(pt_read(spawner, i, &row), 0);
		ck_assert_uint_eq(row.ident.gen, gen);
		ck_assert_uint_eq(row.life.gen, gen);
	}
	ck_assert_uint_eq(used, pt_used(spawner));
}

static void make_request(uint64_t n, struct pt_request *req)
{
	*req = (struct pt_request){
		.kind = PT_COMMAND_START, .flags = (uint8_t)n, .timeout_ms = (uint32_t)n
	};
	snprintf(req->name, sizeof(req->name), "command-%llu", (unsigned long long)n);
	snprintf(
		req->spec, sizeof(req->spec), "%016llx", (unsigned long long)sum_of(req->name) + n);
}

static void check_commands(void)
{
	uint64_t next = atomic_load(&seg_shared(spawner)->next_ticket);
	struct pt_request want;

	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		const struct seg_command *c = seg_at(spawner, SEG_COMMANDS, i);
		uint32_t state = atomic_load(&c->state);

		ck_assert_uint_ne(state, SEG_FILLING);
		ck_assert_uint_lt(state, SEG_COMMAND_STATE_MAX);
		if (state != SEG_READY)
			continue;
		ck_assert_uint_lt(atomic_load(&c->ticket), next);
		make_request(c->req.timeout_ms, &want);
		ck_assert_mem_eq(&c->req, &want, sizeof(want));
		ck_assert_int_gt(c->pid, 0);
		ck_assert_uint_gt(c->start_ticks, 0);
		for (uint32_t k = 0; k < i; k++) {
			const struct seg_command *d = seg_at(spawner, SEG_COMMANDS, k);

			ck_assert(atomic_load(&d->state) != SEG_READY ||
				atomic_load(&d->ticket) != atomic_load(&c->ticket));
		}
	}
}

/* Answer and free what is posted, release what is claimed. */
static void tidy(void)
{
	struct pt_command cmd;
	struct pt_answer a = { 0 };

	while (pt_command_next(spawner, 0, &cmd) == 0) {
		pt_command_done(spawner, cmd.ticket, &a);
		ck_assert_int_eq(pt_await(spawner, cmd.ticket, 0, &a), 0);
	}
	ck_assert_int_eq(pt_lock(spawner, 0), 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		pt_release(spawner, i);
	pt_unlock(spawner);
	ck_assert_uint_eq(pt_used(spawner), 0);
}

/* The three things that are done, with data that was prepared before, so that the steps are those
 * that matter. */
static struct pt_ident next_id;
static struct pt_life next_life;
static struct pt_request next_request[2];

static void prepare(uint64_t n)
{
	make_row(n, 0, &next_id, &next_life);
	make_request(n, &next_request[0]);
	make_request(n + 1, &next_request[1]);
}

static void do_add(struct pt *pt)
{
	uint32_t slot;

	if (pt_lock(pt, 1000) < 0 || pt_free_slot(pt, &slot, &next_id.gen) < 0)
		_exit(9);
	next_life.gen = next_id.gen;
	pt_put_ident(pt, slot, &next_id);
	pt_put_life(pt, slot, &next_life);
	pt_claim(pt, slot);
	pt_unlock(pt);
}

static void do_post(struct pt *pt)
{
	struct pt_ticket t[2];

	if (pt_post(pt, next_request, 2, 1000, t) != 2)
		_exit(9);
}

static void do_remove(struct pt *pt)
{
	if (pt_lock(pt, 1000) < 0)
		_exit(9);
	pt_release(pt, 0);
	pt_unlock(pt);
}

typedef void (*deed)(struct pt *);

/* Posting begins with a look into /proc, which changes nothing and takes thousands of instructions:
 * go on in one piece until the signals are blocked. */
static void run_to_syscall(pid_t pid, long number)
{
	struct __ptrace_syscall_info info = { 0 };
	int status;

	do {
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSTOPPED(status));
		ck_assert_int_gt(
			ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info), 0);
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != (uint64_t)number);
}

/* Start a child that stops right before it does it. */
static pid_t traced(deed what, uint64_t n)
{
	pid_t pid;
	int status;

	prepare(n);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		what(what == do_post ? client : spawner);
		raise(SIGSTOP);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status)) {
		printf("no ptrace here: skipped\n");
		exit(0);
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
		(void *)(uintptr_t)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD));
	if (what == do_post) {
		run_to_syscall(pid, SYS_close);
		run_to_syscall(pid, SYS_rt_sigprocmask);
	}
	return pid;
}

#define MAX_STEPS 65536u

static bool one_step(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "the child ended by itself: 0x%x", (unsigned)status);
	return WSTOPSIG(status) == SIGTRAP; /* else the SIGSTOP behind the deed */
}

/* Let it do up to k instructions, kill it. */
static void step_and_kill(pid_t pid, uint64_t k)
{
	for (uint64_t done = 0; done < k && one_step(pid);)
		done++;
	kill_and_reap(pid);
}

/* Has anything changed that the deeds may write? Keeps what it saw. */
static bool changed(unsigned char *seen)
{
	const struct seg_region *r = spawner->header.region;
	const uint64_t range[2][2] = {
		{ r[SEG_SHARED].offset, r[SEG_DAEMONS].offset },
		{ r[SEG_IDENTS].offset, r[SEG_PIDS].offset },
	};
	bool any = false;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t from = range[i][0], bytes = range[i][1] - from;

		if (memcmp(seen + from, spawner->base + from, bytes) == 0)
			continue;
		memcpy(seen + from, spawner->base + from, bytes);
		any = true;
	}
	return any;
}

/* Step through all of it; notes after which instructions the segment looked different. Returns how
 * many there are. */
static uint64_t survey(pid_t pid, uint64_t *at, unsigned *ret_n)
{
	unsigned char *seen = calloc(1, spawner->bytes);
	uint64_t total = 0;
	unsigned n = 0;

	(void)changed(seen);
	while (total < MAX_STEPS && one_step(pid)) {
		total++;
		if (changed(seen))
			at[n++] = total;
	}
	kill_and_reap(pid);
	free(seen);
	*ret_n = n;
	return total;
}

static void check_all(void)
{
	/* a new attachment, like that of the daemon that comes after */
	struct pt *next = join(PT_SPAWNER);

	ck_assert_int_eq(pt_lock(next, 2000), 0);
	check_rows();
	check_commands();
	ck_assert_uint_eq(atomic_load(&seg_shared(next)->journal.n), 0);
	pt_unlock(next);
	pt_detach(next);
}

static void die_at(deed what, uint64_t k)
{
	prepare(k + 5);
	do_add(spawner);
	step_and_kill(traced(what, k + 2000), k);
	check_all();
	tidy();
}

static void torture(deed what, const char *name)
{
	const char *mode = getenv("TEND_TORTURE");
	bool full = mode && strcmp(mode, "full") == 0;
#ifdef __SANITIZE_THREAD__
	printf("ThreadSanitizer's own work can't be told from ours step by step: skipped\n");
	return;
#endif
	static uint64_t at[MAX_STEPS];
	uint64_t seed = test_seed(), began, total, stride, deaths = 0;
	unsigned n;

	guardian = fresh(CAPACITY);
	spawner = join(PT_SPAWNER);
	client = join(PT_CLIENT);
	prepare(77);
	do_add(spawner);
	total = survey(traced(what, 1000), at, &n);
	check_all();
	tidy();
	ck_assert_uint_gt(total, 100);
	ck_assert_uint_gt(n, 5);
	began = clock_boot_ns();
	die_at(what, total / 2);
	stride = full ? 1 : n * (clock_boot_ns() - began) / BUDGET_NS + 1;
	for (uint64_t i = random_next(&seed) % stride; i < n; i += stride, deaths++)
		die_at(what, at[i]);
	for (uint64_t k = 0; full && k <= total; k++, deaths++)
		die_at(what, k);
	while (!full && clock_boot_ns() - began < BUDGET_NS) {
		die_at(what, random_next(&seed) % (total + 1));
		deaths++;
	}
	printf("%s: %llu instructions, %u changes, %llu deaths (every %lluth change)\n", name,
		(unsigned long long)total, n, (unsigned long long)deaths,
		(unsigned long long)stride);
	pt_detach(client);
	pt_detach(spawner);
	pt_detach(guardian);
}

START_TEST(adding)
{
	torture(do_add, "add a row");
}
END_TEST

START_TEST(posting)
{
	torture(do_post, "post two commands");
}
END_TEST

START_TEST(removing)
{
	torture(do_remove, "remove a row");
}
END_TEST

int main(void)
{
	const char *mode = getenv("TEND_TORTURE");
	TCase *tc = tcase_create("torture");

	tcase_set_timeout(tc, mode && strcmp(mode, "full") == 0 ? 3600 : 100);
	tcase_add_test(tc, adding);
	tcase_add_test(tc, posting);
	tcase_add_test(tc, removing);
	return run_case(tc, "shm_torture");
}
