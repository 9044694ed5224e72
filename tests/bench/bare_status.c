/*
 * tests/bench/bare_status.c SEGMENT - the floor of a status: map the segment, print a line for each
 * row in use. Reads the bytes as shm/README.md documents them, takes no care of torn copies, and
 * formats with printf.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "shm/layout.h"

int main(int argc, char **argv)
{
	static char buffer[1 << 20];
	struct timespec now;
	struct stat st;
	struct pt pt = { 0 };
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 1;
	pt.base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (pt.base == MAP_FAILED)
		return 1;
	pt.header = *(const struct seg_header *)(const void *)pt.base;
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	clock_gettime(CLOCK_BOOTTIME, &now);
	for (uint32_t i = 0; i < seg_shared(&pt)->high; i++) {
		/* version, copy, copy */
		const uint64_t *ident = seg_at(&pt, SEG_IDENTS, i),
			       *life = seg_at(&pt, SEG_LIVES, i);
		const struct pt_ident *id = (const void *)(ident + 1 +
			(ident[0] & 1) * sizeof(*id) / 8);
		const struct pt_life *l = (const void *)(life + 1 + (life[0] & 1) * sizeof(*l) / 8);

		if (*(const uint32_t *)seg_at(&pt, SEG_GENS, i) & 1)
			printf("%-20s %-10u %8d %10llu %8u %s\n", id->name, l->state, l->pid,
				(unsigned long long)now.tv_sec -
					(unsigned long long)(l->start_boot_ns / 1000000000u),
				l->restarts, id->command);
	}
	return 0;
}
