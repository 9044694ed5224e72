/*
 * tests/mutants/probe.c - linked into programs that are compiled with -fsanitize-coverage=trace-pc:
 * notes in a file of the system test that started the program which of its blocks it has carried
 * out. Mapped, so that nothing is lost with a killed one. See tests/mutants/reach.py.
 *
 * MUTANTS_REACH names the folder. Byte N of TEST@PROGRAM there is 1 if the call at 4 * N was made.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (1u << 20)

extern const char __executable_start[];

static unsigned char *reached;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	uintptr_t at = ((uintptr_t)__builtin_return_address(0) - (uintptr_t)__executable_start) / 4;

	if (reached && at < SIZE)
		reached[at] = 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *folder = getenv("MUTANTS_REACH"), *test = getenv("PYTEST_CURRENT_TEST"), *end;
	char exe[PATH_MAX] = "", path[PATH_MAX], *p;
	struct stat sb;
	int fd, room;

	if (!folder || !test || readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return;
	p = strrchr(exe, '/');
	if (!p || strncmp(p, "/tend", 5) != 0)
		return;
	room = snprintf(path, sizeof(path), "%s/", folder);
	end = strstr(test, " ("); /* "test_a.py::test_b[c d] (call)" */
	(void)snprintf(path + room, sizeof(path) - (size_t)room, "%.*s@%s",
		(int)(end ? end - test : (ptrdiff_t)strlen(test)), test, p + 1);
	for (p = path + room; *p; p++)
		if (*p == '/')
			*p = '!';
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	if (fstat(fd, &sb) == 0 && (sb.st_size >= SIZE || ftruncate(fd, SIZE) == 0))
		reached = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (reached == MAP_FAILED)
		reached = NULL;
	close(fd);
}
