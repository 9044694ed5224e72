/*
 * base/home.c - finding, making and checking the home of an instance.
 *
 * Folders are checked through the descriptor that is used from then on, not by name: what was
 * checked can't be exchanged afterwards. Where a message gives advice the path comes last, so that
 * the advice is never what gets cut.
 */
#define _GNU_SOURCE 1
#include "base/home.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

#define DEFAULT_FOLDER ".mcp_mesh"

static int too_long(struct fault *f, const char *what)
{
	return fault_set(
		f, -ENAMETOOLONG, "the path of %s is longer than %d bytes", what, PATH_MAX - 1);
}

/* ~/.mcp_mesh. Without $HOME (a service, a cron job) the user database knows. */
static int default_path(char buf[static PATH_MAX], struct fault *f)
{
	const char *user = getenv("HOME");
	char names[4096];
	struct passwd pw, *found = NULL;

	if (!user || !*user) {
		int r = getpwuid_r(geteuid(), &pw, names, sizeof(names), &found);

		if (!found || !found->pw_dir || !*found->pw_dir)
			return fault_set(f, r ? -r : -ENOENT,
				"neither TEND_HOME nor HOME is set, and user %u has no home: set TEND_HOME",
				(unsigned)geteuid());
		user = found->pw_dir;
	}
	int n = snprintf(buf, PATH_MAX, "%s/" DEFAULT_FOLDER, user);
	return n < 0 || n >= PATH_MAX ? too_long(f, "the home folder") : 0;
}

int home_wanted(const char *path, char buf[static PATH_MAX], struct fault *f)
{
	if (!path) {
		path = getenv("TEND_HOME");
		if (!path || !*path)
			return default_path(buf, f);
	}
	if (!*path)
		return fault_set(f, -EINVAL, "the path of the home is empty");
	return str_copy(buf, PATH_MAX, path) ? 0 : too_long(f, "the home");
}

/* mkdir -p. What exists already, of whatever kind, is left to the checks that follow. */
static int make_folders(const char *path, struct fault *f)
{
	char part[PATH_MAX];
	char *p = part;

	(void)str_copy(part, sizeof(part), path);
	while (*p) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		char kept = *p;
		*p = '\0';
		if (*part && mkdir(part, 0700) < 0 && errno != EEXIST)
			return fault_errno(f, -errno, "can't make folder %s", part);
		*p = kept;
	}
	return 0;
}

/* Is this folder ours, and ours alone to write in? sub is "" for the home itself. */
static int check_folder(int fd, const char *path, const char *sub, struct fault *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fault_errno(f, -errno, "can't examine %s%s", path, sub);
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, -ENOTDIR, "not a folder: %s%s", path, sub);
	if (st.st_uid != geteuid())
		return fault_set(f, -EPERM,
			"the home belongs to user %u, but user %u runs tend; "
			"set TEND_HOME to a folder of your own instead of %s%s",
			(unsigned)st.st_uid, (unsigned)geteuid(), path, sub);
	if (st.st_mode & 022)
		return fault_set(f, -EPERM,
			"others can write to the home (mode %04o) and so run programs as you; "
			"take that right away: chmod go-w %s%s",
			(unsigned)st.st_mode & 07777u, path, sub);
	return 0;
}

/* Sets *fd; with HOME_READ a missing subfolder leaves it alone. sub is "/run" and the like. */
static int open_sub(
	const struct home *h, const char *sub, enum home_open how, int *fd, struct fault *f)
{
	if (how == HOME_CREATE && mkdirat(h->fd, sub + 1, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, -errno, "can't make folder %s%s", h->path, sub);
	*fd = io_open(h->fd, sub + 1, O_RDONLY | O_DIRECTORY, 0);
	if (*fd == -ENOENT && how == HOME_READ) {
		*fd = -1;
		return 0;
	}
	if (*fd < 0) {
		int r = *fd;

		*fd = -1;
		if (r == -ENOTDIR || r == -ELOOP)
			return fault_set(f, r,
				"not a folder (symbolic links are not followed here): %s%s",
				h->path, sub);
		return fault_errno(f, r, "can't open folder %s%s", h->path, sub);
	}
	int r = check_folder(*fd, h->path, sub, f);
	/* mkdirat() says EEXIST before it says EROFS, so a complete home on a read-only file system
	 * gets here. */
	if (!r && how == HOME_CREATE && faccessat(*fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = fault_errno(f, -errno, "can't write to folder %s%s", h->path, sub);
	return r;
}

static int open_subs(struct home *h, enum home_open how, struct fault *f)
{
	int r = h->run_fd < 0 ? open_sub(h, "/run", how, &h->run_fd, f) : 0;

	if (!r && h->logs_fd < 0)
		r = open_sub(h, "/logs", how, &h->logs_fd, f);
	if (!r && h->specs_fd < 0)
		r = open_sub(h, "/specs", how, &h->specs_fd, f);
	if (!r && how == HOME_CREATE && faccessat(h->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = fault_errno(f, -errno, "can't write to folder %s", h->path);
	return r;
}

static int open_top(struct home *h, const char *wanted, struct fault *f)
{
	/* realpath() wants a buffer of PATH_MAX and reports longer results by itself. */
	if (!realpath(wanted, h->path)) {
		int r = -errno;

		if (r == -ENOENT)
			return fault_set(f, r, "there is no home at %s", wanted);
		return fault_errno(f, r, "can't find the home %s", wanted);
	}
	h->fd = io_open(AT_FDCWD, h->path, O_RDONLY | O_DIRECTORY, 0);
	if (h->fd < 0) {
		int r = h->fd;

		h->fd = -1;
		if (r == -ENOTDIR)
			return fault_set(f, r, "the home is not a folder: %s", h->path);
		return fault_errno(f, r, "can't open the home %s", h->path);
	}
	return check_folder(h->fd, h->path, "", f);
}

/* What follows from the path. */
static void give_names(struct home *h)
{
	h->id = str_hash(STR_HASH_SEED, h->path, strlen(h->path));
	(void)snprintf(
		h->segment, sizeof(h->segment), "/tend-%u-%016" PRIx64, (unsigned)geteuid(), h->id);
}

int home_complete(struct home *h, struct fault *f)
{
	return open_subs(h, HOME_CREATE, f);
}

int home_open(const char *path, enum home_open how, struct home *ret, struct fault *f)
{
	struct home h = HOME_INIT;
	char wanted[PATH_MAX];
	int r = home_wanted(path, wanted, f);

	if (!r && how == HOME_CREATE)
		r = make_folders(wanted, f);
	if (!r)
		r = open_top(&h, wanted, f);
	if (!r)
		r = open_subs(&h, how, f);
	if (r) {
		home_close(&h);
		return r;
	}
	give_names(&h);
	*ret = h;
	return 0;
}

int home_name_missing(const char *path, struct home *ret)
{
	struct home h = HOME_INIT;
	char wanted[PATH_MAX], *base;
	int r = home_wanted(path, wanted, NULL);

	if (r)
		return r;
	for (size_t n = strlen(wanted); n > 1 && wanted[n - 1] == '/';)
		wanted[--n] = 0;
	base = strrchr(wanted, '/');
	if (base)
		*base++ = 0;
	if (!realpath(!base ? "." : wanted[0] ? wanted : "/", h.path))
		return -errno;
	size_t len = strcmp(h.path, "/") == 0 ? 0 : strlen(h.path);
	int n = snprintf(h.path + len, sizeof(h.path) - len, "/%s", base ? base : wanted);
	if (n < 0 || (size_t)n >= sizeof(h.path) - len)
		return -ENAMETOOLONG;
	give_names(&h);
	*ret = h;
	return 0;
}

void home_close(struct home *h)
{
	io_close(&h->fd);
	io_close(&h->run_fd);
	io_close(&h->logs_fd);
	io_close(&h->specs_fd);
}

/* Cut the last component off an absolute path, in place; "" stands for the root. */
static void to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) &&
		!faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

int home_program(const char *name, char buf[static PATH_MAX], struct fault *f)
{
	char dir[PATH_MAX], beside[PATH_MAX], libexec[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir));

	if (n < 0)
		return fault_errno(f, -errno, "can't read /proc/self/exe to find %s", name);
	if ((size_t)n >= sizeof(dir))
		return too_long(f, "this program");
	if (!*name || strchr(name, '/'))
		return fault_set(f, -EINVAL, "not the name of a program: \"%s\"", name);
	/* " (deleted)" behind it, after an upgrade, goes away with the last component */
	dir[n] = '\0';
	to_parent(dir);
	int len = snprintf(beside, sizeof(beside), "%s/%s", dir, name);
	if (len < 0 || (size_t)len >= sizeof(beside))
		return too_long(f, name);
	to_parent(dir); /* the kernel's path holds no symbolic links, so this is what ".." means */
	len = snprintf(libexec, sizeof(libexec), "%s/libexec/tend/%s", dir, name);
	if (len < 0 || (size_t)len >= sizeof(libexec))
		return too_long(f, name);
	const char *found = is_program(beside) ? beside : is_program(libexec) ? libexec : NULL;
	if (!found)
		return fault_set(f, -ENOENT, "%s is not installed: neither %s nor %s is a program",
			name, beside, libexec);
	(void)str_copy(buf, PATH_MAX, found);
	return 0;
}
