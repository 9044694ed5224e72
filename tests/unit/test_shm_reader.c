/* tests/unit/test_shm_reader.c - examples/read_table.py, which knows shm/README.md only, reads the
 * same as the C library. */
#include "shm_fixture.h"

/* Run the script; returns its exit status, and its output in out. */
static int run(const char *option, char *out, size_t size)
{
	const char *python = getenv("PYTHON"), *top = getenv("TEND_TOP");
	char script[512];
	size_t len = 0;
	ssize_t n;
	int ends[2], status;
	pid_t pid;

	snprintf(script, sizeof(script), "%s/examples/read_table.py", top ? top : ".");
	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		setenv("TEND_HOME", home.path, 1);
		execlp(python ? python : "python3", "python3", script, option, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while ((n = read(ends[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = 0;
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What the C library reads, in the words of the script. */
static void expect(const struct pt *pt, char *out, size_t size)
{
	FILE *f = fmemopen(out, size, "w");
	const char *between = "";
	struct pt_row row;
	struct pt_daemon d;

	fprintf(f, "{\"processes\": [");
	for (uint32_t i = 0; i < pt_high(pt); i++) {
		if (pt_read(pt, i, &row) < 0)
			continue;
		fprintf(f,
			"%s{\"name\": \"%s\", \"state\": \"%s\", \"pid\": %d, \"health\": \"%s\", \"memory_bytes\": %llu, \"restarts\": %u}",
			between, row.ident.name, pt_state_label(row.life.state), row.life.pid,
			pt_health_label(row.health.verdict),
			(unsigned long long)row.health.memory_bytes, row.life.restarts);
		between = ", ";
	}
	fprintf(f, "], \"daemons\": {");
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		ck_assert_int_eq(pt_read_daemon(pt, role, &d), 0);
		fprintf(f, "%s\"%s\": {\"pid\": %d, \"restarts\": %u, \"since\": %llu}",
			role ? ", " : "", role_name(role), d.pid, d.restarts,
			(unsigned long long)(d.since_real_ns / NS_PER_SEC));
	}
	fprintf(f, "}}\n");
	fclose(f);
}

START_TEST(agrees)
{
	static char out[1 << 17], want[1 << 17];
	struct pt *guardian = fresh(300), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR);
	uint64_t seed = test_seed();

	for (uint32_t i = 0; i < 200; i++) {
		struct pt_health health = { .gen = i % 5 ? 1 : 7,
			.verdict = (uint8_t)(i % PT_HEALTH_MAX),
			.memory_bytes = random_next(&seed) };
		struct pt_life life;
		char name[32];

		snprintf(name, sizeof(name), "process_%u.x", i);
		ck_assert_uint_eq(add_row(spawner, name, (int32_t)i), i);
		ck_assert_int_eq(pt_read_life(spawner, i, &life), 0);
		life.state = (uint8_t)(i % PT_STATE_MAX);
		life.restarts = (uint32_t)random_next(&seed);
		pt_put_life(spawner, i, &life);
		pt_put_health(monitor, i, &health);
		if (i % 3 == 0)
			pt_put_health(monitor, i, &health); /* the other side */
		if (i % 7 == 0) {
			pt_lock(spawner, 100);
			pt_release(spawner, i);
			pt_unlock(spawner);
			add_row(spawner, "again", 0);
			pt_lock(spawner, 100);
			pt_release(spawner, i);
			pt_unlock(spawner);
			if (i % 2)
				add_row(spawner, name, 5);
			else
				add_row(spawner, "again", 0);
		}
	}
	for (unsigned role = 0; role < ROLE_MAX; role++)
		pt_put_daemon(guardian, role,
			&(struct pt_daemon){ .pid = (int32_t)role * 11,
				.restarts = role,
				.since_real_ns = clock_real_ns() });
	expect(guardian, want, sizeof(want));
	ck_assert_int_eq(run("--json", out, sizeof(out)), 0);
	ck_assert_str_eq(out, want);
	ck_assert_int_eq(run(NULL, out, sizeof(out)), 0);
	ck_assert_ptr_nonnull(strstr(out, "process_199.x"));
	ck_assert_ptr_nonnull(strstr(out, "logger"));
	pt_detach(monitor);
	pt_detach(spawner);
	pt_detach(guardian);
}
END_TEST

START_TEST(refuses)
{
	char out[4096];
	uint32_t abi = SEG_ABI + 1;
	int fd;

	pt_unlink(&home);
	ck_assert_int_eq(run("--json", out, sizeof(out)), 1);
	ck_assert_ptr_nonnull(strstr(out, "no instance of tend runs"));
	pt_detach(fresh(4));
	fd = raw_open();
	ck_assert_int_eq(pwrite(fd, &abi, 4, 8), 4);
	ck_assert_int_eq(run("--json", out, sizeof(out)), 1);
	ck_assert_ptr_nonnull(strstr(out, "layout version 6"));
	ck_assert_int_eq(pwrite(fd, &abi, 4, 0), 4);
	ck_assert_int_eq(run("--json", out, sizeof(out)), 1);
	ck_assert_ptr_nonnull(strstr(out, "no segment"));
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_assert_int_eq(run("--json", out, sizeof(out)), 1);
	ck_assert_ptr_null(strstr(out, "Traceback"));
	close(fd);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("reader");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, agrees);
	tcase_add_test(tc, refuses);
	return run_case(tc, "shm_reader");
}
