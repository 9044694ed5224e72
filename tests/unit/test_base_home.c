/*
 * tests/unit/test_base_home.c - base/home.c: which folder, what is made in it, what is refused.
 */
#define _GNU_SOURCE 1
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/home.h"
#include "base/str.h"
#include "tests/unit/run.h"

static char base[32];
static struct fault f;

static void make_base(void)
{
	char cmp[PATH_MAX];

	(void)snprintf(base, sizeof(base), "/tmp/tend-home-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	ck_assert_int_eq(chdir(base), 0);
	ck_assert_ptr_nonnull(realpath(base, cmp));
	ck_assert_str_eq(cmp, base);
	unsetenv("TEND_HOME");
	ck_assert_int_eq(setenv("HOME", base, 1), 0);
	f.text[0] = '\0';
}

static void drop(const char *path)
{
	static const char *const subs[] = { "run", "logs", "specs" };
	char p[PATH_MAX];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(p, sizeof(p), "%s/%s", path, subs[i]);
		if (rmdir(p) < 0)
			(void)unlink(p);
	}
	(void)rmdir(path);
	(void)unlink(path);
}

static void drop_base(void)
{
	ck_assert_int_eq(chdir(base), 0);
	drop("h");
	drop("link");
	drop(".mcp_mesh");
	drop("a/b/c");
	(void)rmdir("a/b");
	(void)rmdir("a");
	ck_assert_int_eq(rmdir(base), 0);
}

static void is_0700(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
}

START_TEST(makes_and_reads)
{
	struct home h = HOME_INIT, again = HOME_INIT;
	char path[64], segment[64];

	umask(0);
	ck_assert_int_eq(home_open("h", HOME_READ, &h, &f), -ENOENT);
	ck_assert_ptr_nonnull(strstr(f.text, "h"));
	ck_assert_int_eq(h.fd, -1);
	ck_assert_int_eq(home_open("h", HOME_CREATE, &h, &f), 0);
	(void)snprintf(path, sizeof(path), "%s/h", base);
	ck_assert_str_eq(h.path, path);
	ck_assert(h.id == str_hash(STR_HASH_SEED, path, strlen(path)));
	(void)snprintf(segment, sizeof(segment), "/tend-%u-%016llx", (unsigned)geteuid(),
		(unsigned long long)h.id);
	ck_assert_str_eq(h.segment, segment);
	is_0700("h");
	is_0700("h/run");
	is_0700("h/logs");
	is_0700("h/specs");
	ck_assert_int_eq(fcntl(h.run_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ge(h.logs_fd, 0);
	ck_assert_int_ge(h.specs_fd, 0);
	/* another way to the same home is the same instance */
	ck_assert_int_eq(symlink("h", "link"), 0);
	ck_assert_int_eq(home_open("link/", HOME_READ, &again, NULL), 0);
	ck_assert(again.id == h.id);
	home_close(&again);
	ck_assert_int_eq(home_open("h", HOME_CREATE, &again, NULL), 0);
	home_close(&again);
	ck_assert_int_eq(again.fd, -1);
	home_close(&h);
	ck_assert_int_eq(rmdir("h/run"), 0);
	ck_assert_int_eq(home_open("h", HOME_READ, &h, NULL), 0);
	ck_assert_int_eq(h.run_fd, -1);
	ck_assert_int_ge(h.logs_fd, 0);
	home_close(&h);
}
END_TEST

START_TEST(which_folder)
{
	struct home h = HOME_INIT;
	char path[64], text[PATH_MAX + 10];

	ck_assert_int_eq(setenv("TEND_HOME", "", 1), 0); /* as if it were not set */
	ck_assert_int_eq(home_open(NULL, HOME_CREATE, &h, &f), 0);
	(void)snprintf(path, sizeof(path), "%s/.mcp_mesh", base);
	ck_assert_str_eq(h.path, path);
	home_close(&h);
	/* relative, and with parents to make */
	ck_assert_int_eq(setenv("TEND_HOME", "a/b//c/", 1), 0);
	ck_assert_int_eq(home_open(NULL, HOME_CREATE, &h, &f), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b/c", base);
	ck_assert_str_eq(h.path, path);
	home_close(&h);
	ck_assert_int_eq(home_open("", HOME_CREATE, &h, &f), -EINVAL);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(home_open(text, HOME_CREATE, &h, &f), -ENAMETOOLONG);
	ck_assert_int_eq(setenv("TEND_HOME", text, 1), 0);
	ck_assert_int_eq(home_open(NULL, HOME_READ, &h, &f), -ENAMETOOLONG);
	unsetenv("TEND_HOME");
	ck_assert_int_eq(setenv("HOME", text, 1), 0);
	ck_assert_int_eq(home_open(NULL, HOME_READ, &h, &f), -ENAMETOOLONG);
	unsetenv("HOME"); /* the user database knows; whether that home exists is another matter */
	int r = home_open(NULL, HOME_READ, &h, &f);
	ck_assert(r == 0 || r == -ENOENT || r == -EPERM || r == -EACCES);
	if (r == 0)
		home_close(&h);
}
END_TEST

START_TEST(refuses)
{
	struct home h = HOME_INIT;
	int fd = open("h", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	ck_assert_int_eq(home_open("h", HOME_CREATE, &h, &f), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(f.text, "/h"));
	ck_assert_int_eq(home_open("h/x", HOME_CREATE, &h, &f), -ENOTDIR);
	ck_assert_int_eq(unlink("h"), 0);
	umask(0);
	ck_assert_int_eq(mkdir("h", 0777), 0);
	for (unsigned m = 0; m < 2; m++) {
		ck_assert_int_eq(chmod("h", m ? 0702 : 0720), 0);
		ck_assert_int_eq(home_open("h", HOME_READ, &h, &f), -EPERM);
		ck_assert_int_eq(home_open("h", HOME_CREATE, &h, &f), -EPERM);
		ck_assert_ptr_nonnull(strstr(f.text, "chmod go-w /tmp/tend-home-"));
		ck_assert_ptr_null(strchr(f.text, '\n'));
	}
	ck_assert_int_eq(access("h/run", F_OK), -1); /* nothing was made in it */
	ck_assert_int_eq(chmod("h", 0755), 0); /* being read by others is the owner's choice */
	ck_assert_int_eq(symlink("/tmp", "h/run"), 0);
	ck_assert_int_lt(home_open("h", HOME_CREATE, &h, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "h/run"));
	ck_assert_int_eq(unlink("h/run"), 0);
	ck_assert_int_eq(mkdir("h/run", 0770), 0);
	ck_assert_int_eq(home_open("h", HOME_READ, &h, &f), -EPERM);
	ck_assert_ptr_nonnull(strstr(f.text, "h/run"));
	ck_assert_int_eq(h.fd, -1);
}
END_TEST

START_TEST(refuses_the_home_of_another)
{
	struct home h = HOME_INIT;

	ck_assert_int_eq(mkdir("h", 0700), 0);
	const char *path = geteuid() ? "/" : "h"; /* only root can give a folder away */
	ck_assert(geteuid() || chown("h", 65534, 65534) == 0);
	ck_assert_int_eq(home_open(path, HOME_READ, &h, &f), -EPERM);
	ck_assert_ptr_nonnull(strstr(f.text, "TEND_HOME"));
}
END_TEST

static void refused_as_read_only(const char *path, const char *named)
{
	struct home h = HOME_INIT;

	ck_assert_int_eq(home_open(path, HOME_CREATE, &h, &f), -EROFS);
	ck_assert_msg(
		strstr(f.text, "Read-only file system") && strstr(f.text, named), "%s", f.text);
}

/* A read-only mount needs a mount namespace of one's own, which not every machine gives: then this
 * tests nothing. */
START_TEST(read_only)
{
	struct home h = HOME_INIT;

	ck_assert_int_eq(home_open("h", HOME_CREATE, &h, &f), 0);
	home_close(&h);
	if (geteuid() || unshare(CLONE_NEWNS) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount(base, base, NULL, MS_BIND, NULL) ||
		mount(NULL, base, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return;
	ck_assert_int_eq(chdir(base), 0);
	refused_as_read_only("h", "/h/run"); /* complete, so that no mkdir() fails */
	refused_as_read_only("a/b", "a");
	ck_assert_int_eq(home_open("h", HOME_READ, &h, &f), 0); /* looking is fine */
	home_close(&h);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(umount2(base, MNT_DETACH), 0);
	ck_assert_int_eq(rmdir(strcat(strcpy((char[64]){ 0 }, base), "/h/specs")), 0);
	ck_assert_int_eq(mount(base, base, NULL, MS_BIND, NULL), 0);
	ck_assert_int_eq(mount(NULL, base, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	ck_assert_int_eq(chdir(base), 0);
	ck_assert_int_eq(rmdir("h/run"), -1);
	refused_as_read_only("h", "/h/");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(umount2(base, MNT_DETACH), 0);
}
END_TEST

START_TEST(programs)
{
	char self[PATH_MAX], found[PATH_MAX] = "untouched";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt((int)n, 0);
	self[n] = '\0';
	ck_assert_int_eq(home_program(strrchr(self, '/') + 1, found, &f), 0);
	ck_assert_str_eq(found, self);
	strcpy(found, "untouched");
	ck_assert_int_eq(home_program("tend-nonesuch", found, &f), -ENOENT);
	ck_assert_ptr_nonnull(strstr(f.text, "/tend-nonesuch"));
	ck_assert_ptr_nonnull(strstr(f.text, "/libexec/tend/tend-nonesuch"));
	ck_assert_int_eq(home_program("../x", found, &f), -EINVAL);
	ck_assert_int_eq(home_program("", found, NULL), -EINVAL);
	ck_assert_str_eq(found, "untouched");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	tcase_add_checked_fixture(tc, make_base, drop_base);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, makes_and_reads);
	tcase_add_test(tc, which_folder);
	tcase_add_test(tc, refuses);
	tcase_add_test(tc, refuses_the_home_of_another);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, programs);
	return run_cases("base_home", tc, NULL);
}
