/* logger/name.c - the names of a stream's files (logger/name.h). */
#include "logger/name.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "logread/format.h"

const char *name_of(const struct stream *st, const char *suffix, char buf[static NAME_FILE_MAX])
{
	(void)snprintf(
		buf, NAME_FILE_MAX, "%s%s%s", st->name, st->main == st ? "" : LOG_ERR_MARK, suffix);
	return buf;
}

bool name_is_of(int fd, int dirfd, const char *name)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}
