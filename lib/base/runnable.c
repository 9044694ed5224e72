/* base/runnable.c - see base/runnable.h. */
#define _GNU_SOURCE 1
#include "base/runnable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

int runnable_program(const char *path, struct fault *f)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fault_errno(f, -errno, "cannot run %s", path);
	if (S_ISDIR(st.st_mode))
		return fault_set(f, -EISDIR, "cannot run %s: it is a folder", path);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EACCES, "cannot run %s: it is not a regular file", path);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return fault_errno(f, -errno, "cannot run %s", path);
	return 0;
}

bool runnable_shebang(const char *path, char line[static RUNNABLE_LINE_BYTES])
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, RUNNABLE_LINE_BYTES - 1);

	io_close(&fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = 0;
	memmove(line, line + 2, (size_t)n - 1);
	line[strcspn(line, "\r\n")] = 0;
	return line[strspn(line, " \t")] != 0;
}

int runnable_interpreter(const char *path, struct fault *f)
{
	char line[RUNNABLE_LINE_BYTES], *rest = NULL;

	/* without: a program that the kernel may well run */
	return runnable_shebang(path, line) ? runnable_program(strtok_r(line, " \t", &rest), f) : 0;
}
