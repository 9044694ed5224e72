/* tests/unit/test_shm_segment.c - making, joining and refusing segments; replacing one; random
 * bytes in the place of one. */
#include <glob.h>
#include <sched.h>
#include <sys/mount.h>

#include "shm/events.h"
#include "shm/ring.h"
#include "shm/wake.h"
#include "shm_fixture.h"

static int attach(enum pt_access access, struct fault *f)
{
	struct pt *pt = NULL;
	int r;

	*f = (struct fault){ "" };
	r = pt_attach_as(&home, access, &pt, f);
	if (r == 0)
		pt_detach(pt);
	else
		ck_assert_ptr_null(pt); /* nothing is handed out on failure */
	return r;
}

#define refused(err, words) \
	do { \
		struct fault fault_; \
		ck_assert_int_eq(attach(PT_READER, &fault_), err); \
		ck_assert_msg( \
			strstr(fault_.text, words) != NULL, "the message is: %s", fault_.text); \
		ck_assert_ptr_nonnull(strstr(fault_.text, home.segment)); \
		ck_assert_int_eq(attach(PT_CLIENT, &fault_), err); \
	} while (0)

/* Write over a field of the header in the file. */
#define spoil(field, value) \
	do { \
		struct seg_header h_; \
		int fd_ = raw_open(); \
		ck_assert_int_eq(pread(fd_, &h_, sizeof(h_), 0), sizeof(h_)); \
		h_.field = (value); \
		ck_assert_int_eq(pwrite(fd_, &h_, sizeof(h_), 0), sizeof(h_)); \
		close(fd_); \
	} while (0)

START_TEST(capacities)
{
	static const uint32_t good[] = { 1, 2, 1024, 65536 }, bad[] = { 0, 65537, UINT32_MAX };
	struct pt *pt = NULL;
	struct fault f;

	for (unsigned i = 0; i < 4; i++) {
		struct pt_info info;
		struct pt *reader;
		struct stat st;

		pt = fresh(good[i]);
		reader = join(PT_READER);
		pt_get_info(reader, &info);
		ck_assert_uint_eq(info.capacity, good[i]);
		ck_assert_str_eq(info.home, home.path);
		ck_assert_uint_eq(strlen(info.boot_id), 36);
		ck_assert_int_eq(fstat(pt_fd(reader), &st), 0);
		ck_assert_uint_eq((uint64_t)st.st_size, info.total_bytes);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
		ck_assert_uint_eq(pt_used(reader) + pt_high(reader), 0);
		pt_detach(reader);
		pt_detach(pt);
	}
	pt = NULL;
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(pt_create(&home, bad[i], NULL, &pt, &f), -EINVAL);
		ck_assert_ptr_nonnull(strstr(f.text, "65536"));
	}
	ck_assert_ptr_null(pt);
}
END_TEST

START_TEST(fills_up)
{
	struct pt *pt = fresh(3), *spawner = join(PT_SPAWNER);
	uint32_t slot, gen;

	for (unsigned i = 0; i < 3; i++)
		add_row(spawner, (const char *[]){ "a", "b", "c" }[i], 0);
	ck_assert_int_eq(pt_free_slot(spawner, &slot, &gen), -ENOSPC);
	ck_assert_uint_eq(pt_used(pt), 3);
	pt_detach(spawner);
	pt_detach(pt);
}
END_TEST

START_TEST(absent)
{
	struct fault f;
	struct pt *pt = NULL;

	pt_unlink(&home);
	ck_assert_int_eq(attach(PT_READER, &f), -ENOENT);
	ck_assert_ptr_nonnull(strstr(f.text, home.path));
	ck_assert_int_eq(pt_unlink(&home), -ENOENT);
	ck_assert_int_eq(pt_attach("/nonexistent/home", &pt, &f), -ENOENT);
	pt_detach(NULL);
}
END_TEST

START_TEST(by_environment)
{
	struct pt *pt = fresh(2), *reader = NULL;
	struct fault f = { "" };

	setenv("TEND_HOME", home.path, 1);
	ck_assert_msg(pt_attach(NULL, &reader, &f) == 0, "%s", f.text);
	pt_detach(reader);
	ck_assert_int_eq(pt_attach_fd(pt_fd(pt), PT_GUARDIAN, &reader, &f), 0);
	ck_assert_int_ne(pt_fd(pt), pt_fd(reader));
	pt_detach(reader);
	ck_assert_int_eq(pt_attach_fd(-1, PT_GUARDIAN, &reader, &f), -EBADF);
	ck_assert_int_eq(pt_attach_fd(0, PT_GUARDIAN, &reader, NULL) < 0, 1);
	pt_detach(pt);
}
END_TEST

static bool any_unfinished(const char *path)
{
	char pattern[200];
	glob_t found = { 0 };
	bool any;

	(void)snprintf(pattern, sizeof(pattern), "%s.new*", path);
	any = glob(pattern, 0, NULL, &found) == 0;
	globfree(&found);
	return any;
}

START_TEST(other_versions)
{
	pt_detach(fresh(4));
	spoil(abi, SEG_ABI + 1);
	refused(-EPROTO, "version 5");
	pt_detach(fresh(4));
	spoil(fingerprint, h_.fingerprint ^ 1);
	refused(-EPROTO, "another build");
	pt_detach(fresh(4));
	spoil(header_bytes, 100);
	refused(-EPROTO, "another build");
	pt_detach(fresh(4));
	spoil(magic, 0);
	refused(-EAGAIN, "still being made");
	spoil(magic, 12345);
	refused(-EBADMSG, "magic");
}
END_TEST

/* Which layout a table has can be told by who can't read it. */
START_TEST(layouts)
{
	struct pt_layout own = pt_layout_own(), found, other;

	pt_unlink(&home);
	ck_assert_int_eq(pt_layout_found(&home, &found), -ENOENT);
	pt_detach(fresh(4));
	ck_assert_int_eq(pt_layout_found(&home, &found), 0);
	ck_assert(pt_layout_same(own, found));
	other = own;
	other.abi++;
	ck_assert(!pt_layout_same(own, other));
	other = own;
	other.fingerprint ^= 1;
	ck_assert(!pt_layout_same(own, other));
	other.abi++;
	ck_assert(!pt_layout_same(own, other));
	spoil(abi, SEG_ABI + 1);
	ck_assert_int_eq(pt_layout_found(&home, &found), 0);
	ck_assert_uint_eq(found.abi, SEG_ABI + 1);
	ck_assert(!pt_layout_same(own, found));
	spoil(magic, 12345);
	ck_assert_int_eq(pt_layout_found(&home, &found), -EBADMSG);
}
END_TEST

START_TEST(damaged_headers)
{
	pt_detach(fresh(4));
	spoil(capacity, 0);
	refused(-EBADMSG, "capacity 0");
	spoil(capacity, 65537);
	refused(-EBADMSG, "capacity 65537");
	spoil(capacity, 5);
	refused(-EBADMSG, "regions");
	pt_detach(fresh(4));
	spoil(region[SEG_LOGS].offset, UINT64_MAX - 4095);
	refused(-EBADMSG, "regions");
	pt_detach(fresh(4));
	spoil(region[SEG_GENS].stride, 0);
	refused(-EBADMSG, "regions");
	pt_detach(fresh(4));
	spoil(total_bytes, h_.total_bytes + 4096);
	refused(-EBADMSG, "regions");
	pt_detach(fresh(4));
	spoil(boot_id[36], 'x');
	spoil(boot_id[37], 'x');
	spoil(boot_id[38], 'x');
	spoil(boot_id[39], 'x');
	refused(-EBADMSG, "string without an end");
	pt_detach(fresh(4));
	spoil(instance, h_.instance + 1);
	refused(-EBADMSG, "another home");
}
END_TEST

START_TEST(truncated)
{
	static const off_t lengths[] = { 0, 1, 7, 8, 100, 847, 848, 4095, 4096, 4097, 8192, 40000 };

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct pt *pt = fresh(4);
		int fd = raw_open();

		ck_assert_int_eq(ftruncate(fd, lengths[i]), 0);
		close(fd);
		refused(-EBADMSG, lengths[i] < 4096 ? "cut short" : "bytes instead of");
		ck_assert(!pt_is_intact(pt));
		pt_detach(pt);
	}
}
END_TEST

START_TEST(other_modes)
{
	char path[128];

	seg_path(&home, path);
	pt_detach(fresh(4));
	chmod(path, 0644);
	refused(-EPERM, "mode 644");
	chmod(path, 0600);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(path, 12345, (gid_t)-1), 0);
	refused(-EPERM, "user 12345");
}
END_TEST

/* Other things may lie under the name; opening them must neither follow nor wait. */
START_TEST(no_file)
{
	struct fault f;
	char path[128];

	seg_path(&home, path);
	pt_unlink(&home);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(attach(PT_READER, &f), -ELOOP);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(attach(PT_READER, &f), -EBADMSG);
	ck_assert_int_eq(attach(PT_CLIENT, &f), -EBADMSG);
	pt_detach(fresh(2)); /* takes its place */
	ck_assert_int_eq(attach(PT_READER, &f), 0);
	pt_unlink(&home);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(attach(PT_READER, &f), 0);
	/* can't be renamed over a folder */
	ck_assert_int_lt(pt_create(&home, 4, NULL, &(struct pt *){ NULL }, &f), 0);
	rmdir(path);
	ck_assert(!any_unfinished(path)); /* and leaves nothing behind */
}
END_TEST

static void fill_random(int fd, uint64_t bytes, uint64_t *seed)
{
	uint64_t block[512];

	for (uint64_t at = 0; at < bytes; at += sizeof(block)) {
		size_t n = bytes - at < sizeof(block) ? (size_t)(bytes - at) : sizeof(block);

		for (unsigned i = 0; i < 512; i++)
			block[i] = random_next(seed);
		ck_assert_int_eq(pwrite(fd, block, n, (off_t)at), (ssize_t)n);
	}
}

START_TEST(random_headers)
{
	uint64_t seed = test_seed();
	struct fault f;

	for (unsigned i = 0; i < 50; i++) {
		int fd;

		pt_detach(fresh(4));
		fd = raw_open();
		fill_random(fd, i & 1 ? sizeof(struct seg_header) : SEG_PAGE, &seed);
		close(fd);
		ck_assert_int_eq(attach(PT_READER, &f), -EBADMSG);
	}
	for (unsigned i = 0; i < 300; i++) { /* single bytes */
		struct pt *pt = fresh(4);
		uint64_t at = random_next(&seed) % sizeof(struct seg_header);
		unsigned char byte;
		int fd = raw_open(), r;

		ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= (unsigned char)(1 + random_next(&seed) % 255);
		ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
		close(fd);
		ck_assert(!pt_is_intact(pt));
		r = attach(PT_READER, &f);
		ck_assert_msg(r == 0 || r == -EBADMSG || r == -EPROTO, "byte %llu: %d %s",
			(unsigned long long)at, r, f.text);
		pt_detach(pt);
	}
}
END_TEST

static void read_everything(struct pt *pt)
{
	struct pt_row row;
	struct pt_life life;
	struct pt_daemon d;
	struct pt_event ev;
	struct pt_info info;

	pt_get_info(pt, &info);
	ck_assert_uint_le(pt_high(pt), info.capacity);
	ck_assert_uint_le(pt_used(pt), info.capacity);
	for (uint32_t i = 0; i < info.capacity + 2; i++) {
		if (pt_read(pt, i, &row) == 0)
			ck_assert_uint_lt(row.life.state, PT_STATE_MAX);
		(void)pt_read_life(pt, i, &life);
		(void)pt_life_version(pt, i);
		(void)pt_pid_read(pt, i);
	}
	ck_assert_int_lt(pt_find(pt, "nothing", &row), 0);
	for (unsigned role = 0; role <= ROLE_MAX; role++) {
		uint64_t head = pt_event_head(pt, role);

		(void)pt_read_daemon(pt, role, &d);
		for (uint64_t pos = pt_event_tail(pt, role); pos < head; pos++)
			(void)pt_event_read(pt, role, pos, &ev);
	}
	(void)pt_replaced(pt);
	(void)pt_wait_change(pt, pt_changes(pt), NS_PER_MS);
}

/* Random bytes everywhere behind a good header: every reader and writer gives some answer. */
START_TEST(random_contents)
{
	uint64_t seed = test_seed();

	for (unsigned i = 0; i < 10; i++) {
		struct pt *pt = fresh(8), *spawner, *client;
		struct pt_command cmd;
		struct pt_request req = { .kind = PT_COMMAND_STOP, .name = "one" };
		struct pt_ticket t;
		struct seg_header kept = pt->header;
		int fd = raw_open();
		uint32_t slot, gen;

		fill_random(fd, pt->bytes, &seed);
		ck_assert_int_eq(pwrite(fd, &kept, sizeof(kept), 0), sizeof(kept));
		close(fd);
		spawner = join(PT_SPAWNER);
		client = join(PT_CLIENT);
		read_everything(pt);
		ck_assert_int_eq(pt_lock(spawner, 10), -EBADMSG);
		ck_assert_int_lt(pt_post(client, &req, 1, 10, &t), 0);
		for (uint64_t after = 0; pt_command_next(spawner, after, &cmd) == 0;
			after = cmd.ticket.number)
			pt_command_done(spawner, cmd.ticket, &(struct pt_answer){ 0 });
		if (pt_free_slot(spawner, &slot, &gen) == 0)
			pt_claim(spawner, slot);
		pt_release(spawner, 1);
		seg_journal_apply(spawner);
		pt_changed(spawner);
		read_everything(pt);
		pt_detach(client);
		pt_detach(spawner);
		pt_detach(pt);
	}
}
END_TEST

START_TEST(current)
{
	struct pt *old = fresh(4), *new;

	ck_assert(pt_is_current(old, &home));
	ck_assert(pt_is_intact(old));
	pt_unlink(&home);
	ck_assert(!pt_is_current(old, &home));
	ck_assert(pt_is_intact(old)); /* still of use to who has it */
	new = fresh(4);
	ck_assert(!pt_is_current(old, &home));
	ck_assert(pt_is_current(new, &home));
	pt_detach(new);
	pt_detach(old);
}
END_TEST

START_TEST(replaced)
{
	struct pt *old = fresh(8), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR),
		  *new = NULL;
	struct pt_health health = { .gen = 1, .verdict = PT_HEALTH_DEGRADED, .error = "slow" };
	struct pt_daemon d = { .pid = 99, .restarts = 3 };
	struct pt_event ev = { .kind = PT_EVENT_STATE, .name = "b", .value = 5 }, got;
	struct pt_row row, row2;
	struct fault f = { "" };
	uint32_t changed = pt_changes(old);

	add_row(spawner, "a", 11);
	add_row(spawner, "b", 0);
	add_row(spawner, "c", 33);
	*pt_pid_cell(spawner, 2) = 33;
	pt_lock(spawner, 100);
	pt_release(spawner, 1);
	pt_unlock(spawner);
	pt_put_health(monitor, 0, &health);
	pt_put_daemon(old, ROLE_SPAWNER, &d);
	d.flags = PT_DAEMON_REPLACED;
	pt_put_daemon(old, ROLE_GUARDIAN, &d);
	pt_event_add(spawner, &ev);
	ck_assert(pt_replaced(spawner));
	ck_assert_msg(pt_create(&home, 16, old, &new, &f) == 0, "%s", f.text);
	ck_assert(!pt_replaced(new)); /* the flag speaks of the old one */
	ck_assert_uint_eq(pt_used(new), 2);
	ck_assert_uint_eq(pt_high(new), 3);
	for (uint32_t i = 0; i < 3; i += 2) {
		ck_assert_int_eq(pt_read(old, i, &row), 0);
		ck_assert_int_eq(pt_read(new, i, &row2), 0);
		ck_assert_mem_eq(&row, &row2, sizeof(row));
	}
	ck_assert_int_eq(pt_read(new, 1, &row), -ENOENT);
	ck_assert_uint_eq(pt_gen(new, 1), 2); /* not given out again */
	ck_assert_int_eq(pt_pid_read(new, 2), 33);
	ck_assert_int_eq(pt_read_daemon(new, ROLE_SPAWNER, &d), 0);
	ck_assert_int_eq(d.pid, 99);
	ck_assert_int_eq(pt_event_read(new, ROLE_SPAWNER, 0, &got), 0);
	ck_assert_str_eq(got.name, "b");
	ck_assert_uint_eq(pt_event_head(new, ROLE_SPAWNER), 1);
	(void)changed;
	pt_detach(new);
	pt_detach(monitor);
	pt_detach(spawner);
	pt_detach(old);
}
END_TEST

/* From a larger table into a smaller, and from one that holds nonsense. */
START_TEST(replaced_by_less)
{
	struct pt *old = fresh(8), *spawner = join(PT_SPAWNER), *new = NULL;
	struct pt_row row;
	struct fault f;
	char name[8];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		add_row(spawner, name, 0);
	}
	memset(seg_at(spawner, SEG_IDENTS, 1), 0xff, LATCH_BYTES(sizeof(struct pt_ident)));
	ck_assert_int_eq(pt_read(old, 1, &row), -EBADMSG);
	ck_assert_int_eq(pt_create(&home, 4, old, &new, &f), 0);
	ck_assert_uint_eq(pt_used(new), 3);
	ck_assert_uint_eq(pt_high(new), 4);
	ck_assert_int_eq(pt_find(new, "p0", &row), 0);
	ck_assert_int_eq(pt_read(new, 1, &row), -ENOENT);
	ck_assert_int_eq(pt_find(new, "p3", &row), 0);
	ck_assert_int_eq(pt_find(new, "p4", &row), -ENOENT);
	pt_detach(new);
	pt_detach(spawner);
	pt_detach(old);
}
END_TEST

/* What a guardian that was killed while it made a segment left behind does not stay. */
START_TEST(leftover)
{
	char path[160];
	int fd;

	seg_path(&home, path);
	strcat(path, ".new-0123456789abcdef");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	pt_detach(fresh(2));
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

/* In a mount namespace of its own, where that is allowed: a full /dev/shm, and none. */
START_TEST(no_room)
{
	struct pt *pt = NULL;
	struct fault f;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", SEG_DIR, "tmpfs", 0, "size=64k") < 0) {
		printf("no mounts here: skipped\n");
		return;
	}
	ck_assert_int_eq(pt_create(&home, 1024, NULL, &pt, &f), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(f.text, "reserve"));
	ck_assert_ptr_null(pt);
	ck_assert_int_eq(attach(PT_READER, &f), -ENOENT);
	if (mount("tmpfs", SEG_DIR, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0)
		ck_assert_int_eq(pt_create(&home, 1, NULL, &pt, &f), -EROFS);
	umount2(SEG_DIR, MNT_DETACH);
	if (mount("tmpfs", "/dev", "tmpfs", 0, NULL) == 0) {
		ck_assert_int_eq(pt_create(&home, 1, NULL, &pt, &f), -ENOENT);
		ck_assert_ptr_nonnull(strstr(f.text, "there is no /dev/shm"));
	}
}
END_TEST

/* Another pid namespace may look, but not write: the lock knows its owner by a thread id. */
START_TEST(other_namespace)
{
	pid_t pid;

	pt_detach(fresh(2));
	pid = fork();
	if (pid == 0) {
		struct fault f;
		int status;

		if (unshare(CLONE_NEWPID) < 0) {
			printf("no pid namespaces here: skipped\n");
			_exit(0);
		}
		pid = fork(); /* only its children are in the new one */
		if (pid > 0)
			_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status)
					? WEXITSTATUS(status)
					: 9);
		_exit(attach(PT_READER, &f) != 0		   ? 1
				: attach(PT_CLIENT, &f) != -EXDEV  ? 2
				: attach(PT_SPAWNER, &f) != -EXDEV ? 3
								   : 0);
	}
	reap_good(pid);
}
END_TEST

START_TEST(doorbells)
{
	int bell, kept = -1;
	char byte;

	ck_assert_int_eq(bell_ring(&home, ROLE_LOGGER), -ENXIO);
	bell = bell_open(&home, ROLE_LOGGER);
	ck_assert_int_ge(bell, 0);
	ck_assert_int_eq(read(bell, &byte, 1), -1);
	for (unsigned i = 0; i < 100000; i++) /* more than fit */
		ck_assert_int_eq(bell_ring_kept(&home, ROLE_LOGGER, &kept), 0);
	bell_drain(bell);
	ck_assert_int_eq(read(bell, &byte, 1), -1);
	ck_assert_int_eq(bell_ring(&home, ROLE_LOGGER), 0);
	ck_assert_int_eq(read(bell, &byte, 1), 1);
	signal(SIGPIPE, SIG_IGN);
	close(bell);
	ck_assert_int_eq(bell_ring(&home, ROLE_LOGGER), -ENXIO);
	ck_assert_int_eq(bell_ring_kept(&home, ROLE_LOGGER, &kept), -ENXIO);
	/* made anew: the kept descriptor leads nowhere */
	ck_assert_int_eq(unlinkat(home.run_fd, "bell.logger", 0), 0);
	ck_assert_int_eq(bell_ring_kept(&home, ROLE_LOGGER, &kept), -ENXIO);
	bell = bell_open(&home, ROLE_LOGGER);
	ck_assert_int_eq(bell_ring_kept(&home, ROLE_LOGGER, &kept), 0);
	ck_assert_int_eq(read(bell, &byte, 1), 1);
	close(bell);
	close(kept);
	ck_assert_int_eq(unlinkat(home.run_fd, "bell.logger", 0), 0);
	close(openat(home.run_fd, "bell.logger", O_CREAT | O_WRONLY, 0600)); /* no FIFO: replaced */
	bell = bell_open(&home, ROLE_LOGGER);
	ck_assert_int_eq(bell_ring(&home, ROLE_LOGGER), 0);
	ck_assert_int_eq(read(bell, &byte, 1), 1);
	close(bell);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("segment");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, capacities);
	tcase_add_test(tc, fills_up);
	tcase_add_test(tc, absent);
	tcase_add_test(tc, by_environment);
	tcase_add_test(tc, other_versions);
	tcase_add_test(tc, layouts);
	tcase_add_test(tc, damaged_headers);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, other_modes);
	tcase_add_test(tc, no_file);
	tcase_add_test(tc, random_headers);
	tcase_add_test(tc, random_contents);
	tcase_add_test(tc, current);
	tcase_add_test(tc, replaced);
	tcase_add_test(tc, replaced_by_less);
	tcase_add_test(tc, leftover);
	tcase_add_test(tc, doorbells);
	const char *forks = getenv("CK_FORK");

	if (!forks || strcmp(forks, "no") != 0) { /* these change the process for good */
		tcase_add_test(tc, no_room);
		tcase_add_test(tc, other_namespace);
	}
	return run_case(tc, "shm_segment");
}
