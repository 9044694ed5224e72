/*
 * tests/bin/sleeper.c - does nothing, as cheaply as a process can: for tests and measurements with
 * hundreds of them.
 *
 *   sleeper [SECONDS]            default: until a signal ends it
 *
 * It says nothing and wakes up never.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		for (;;)
			pause();

	double seconds = strtod(argv[1], NULL);
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) != 0)
		;
	return 0;
}
