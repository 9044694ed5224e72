/* base/ownfile.c - see base/ownfile.h. */
#define _GNU_SOURCE 1
#include "base/ownfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const char *path, bool may_be_link, struct fault *f)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fault_errno(f, -errno, "cannot look at %s", path);
	if (S_ISLNK(st.st_mode) && may_be_link && (st.st_uid == geteuid() || st.st_uid == 0)) {
		if (stat(path, &st) < 0)
			return errno == ENOENT ? 0
					       : fault_errno(f, -errno, "cannot look at %s", path);
	}
	if (S_ISLNK(st.st_mode))
		return fault_set(f, -ELOOP,
			"%s is a link that user %u made; say --db-path for a file of yours", path,
			(unsigned)st.st_uid);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EINVAL, "the database %s is not a regular file", path);
	if (st.st_uid != geteuid())
		return fault_set(f, -EPERM,
			"%s belongs to user %u; say --db-path for a file of yours", path,
			(unsigned)st.st_uid);
	if (st.st_mode & S_IWOTH)
		return fault_set(f, -EPERM, "%s may be written by all users: chmod o-w", path);
	return 0;
}

int ownfile_database(const char *path, struct fault *f)
{
	static const char *const beside[] = { "-wal", "-shm", "-journal" };
	int r = check(path, true, f);

	for (unsigned i = 0; r == 0 && i < sizeof(beside) / sizeof(beside[0]); i++) {
		char *name = NULL;

		r = asprintf(&name, "%s%s", path, beside[i]) < 0
			? fault_errno(f, -ENOMEM, "database")
			: check(name, false, f);
		free(name);
	}
	return r;
}
