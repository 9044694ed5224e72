/*
 * tests/bench/alternate.c ROUNDS -- COMMAND A... -- COMMAND B... - run two commands in turn, output
 * discarded, and print the median wall time of each in microseconds: "A B". In turn, so that a
 * noisy neighbour hits both.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double once(char **argv)
{
	posix_spawn_file_actions_t fa;
	struct timespec a, b;
	pid_t pid;
	int status = 0;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	// NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): main() checked that both commands are there
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "alternate: %s failed\n", argv[0]);
		exit(1);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	posix_spawn_file_actions_destroy(&fa);
	return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0, second = 0;
	double *a, *b;

	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], "--") == 0 && !second) {
			argv[i] = NULL;
			second = i + 1;
		}
	if (rounds < 1 || !second || second >= argc)
		return 2;
	a = calloc((size_t)rounds, sizeof(*a));
	b = calloc((size_t)rounds, sizeof(*b));
	for (int i = 0; a && b && i < rounds; i++) {
		a[i] = once(argv + 3);
		b[i] = once(argv + second);
	}
	if (!a || !b)
		exit(1);
	qsort(a, (size_t)rounds, sizeof(*a), ascending);
	qsort(b, (size_t)rounds, sizeof(*b), ascending);
	printf("%.1f %.1f\n", a[rounds / 2], b[rounds / 2]);
	free(a);
	free(b);
	return 0;
}
