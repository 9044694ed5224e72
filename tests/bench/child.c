/* tests/bench/child.c FIFO - says when its main() began: writes {pid, CLOCK_MONOTONIC in ns} to the
 * FIFO, then sleeps for ever. */
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec ts;
	uint64_t report[2];
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	report[0] = (uint64_t)getpid();
	report[1] = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	fd = argc > 1 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0 || write(fd, report, sizeof(report)) != (ssize_t)sizeof(report))
		return 1;
	close(fd);
	for (;;)
		pause();
}
