/*
 * logger/tendlog.c - tend's own log, logs/tend.log: rotated, archived and limited as those of the
 * processes, but written by the daemons themselves, with O_APPEND (base/say.c), which look before
 * each line whether the name still leads to what they have open.
 *
 * Its size is looked at when something else wakes the logger: the daemons have nothing to say while
 * nothing happens.
 */
#include "logger/tendlog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/say.h"
#include "logger/rotate.h"

#define OWN_ROTATE_BYTES (16u << 20)
#define OWN_KEEP_FILES	 5u

void tendlog_begin(struct logger *lg)
{
	struct catalog c;
	uint64_t marked;

	shelf_init(&lg->own, lg, NULL, HOME_LOG_FILE);
	lg->own.keep_files = OWN_KEEP_FILES;
	if (catalog_read(lg->home.logs_fd, &c) == 0)
		shelf_load(&lg->own, &c, &marked);
	catalog_free(&c);
}

/* O_APPEND lines may still come to the renamed file, from a daemon that was between look and write;
 * the archive is made again if the file grew. */
int tendlog_check(struct logger *lg, bool now)
{
	struct stat sb;
	uint32_t number;
	off_t most = rotate_file_max() < OWN_ROTATE_BYTES ? (off_t)rotate_file_max()
							  : (off_t)OWN_ROTATE_BYTES;
	int r, fd, dirfd = lg->home.logs_fd;

	if (fstatat(dirfd, HOME_LOG_FILE, &sb, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(sb.st_mode) ||
		sb.st_size == 0 || (!now && sb.st_size < most))
		return 0;
	fd = io_open(dirfd, HOME_LOG_FILE, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	r = shelf_rotate(&lg->own, fd, &number);
	io_close(&fd);
	if (r)
		say(SAY_WARNING, "can't rotate logs/" HOME_LOG_FILE ": %s", strerror(-r));
	else
		shelf_pump(lg);
	return r;
}
