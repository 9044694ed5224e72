/*
 * tests/bin/flooder.c - writes numbered lines as fast as it is let, so that a test can prove that
 * none is lost, torn or there twice.
 *
 *   flooder LINES [WIDTH [SECONDS]]
 *
 * Line I is "I" in ten digits, a blank, and filling, WIDTH bytes with the newline (default 64, 12
 * to 4096; up to 4096 a write into a pipe is atomic). After the last line it writes "end LINES" and
 * stays for SECONDS (default: for ever).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH_MIN 12
#define WIDTH_MAX 4096

/* Lines leave in bundles of at most 4096 bytes that end at a line's end, which makes it fast and
 * each write whole. */
static char bundle[WIDTH_MAX];
static size_t used;

static void flush_bundle(void)
{
	size_t at = 0;

	while (at < used) {
		ssize_t n = write(STDOUT_FILENO, bundle + at, used - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(1);
		at += (size_t)n;
	}
	used = 0;
}

static void put_line(unsigned long number, size_t width)
{
	char digits[32];

	if (used + width > sizeof bundle)
		flush_bundle();
	memset(bundle + used, 'x', width - 1);
	(void)snprintf(digits, sizeof digits, "%010lu ", number);
	memcpy(bundle + used, digits, 11);
	bundle[used + width - 1] = '\n';
	used += width;
}

int main(int argc, char **argv)
{
	unsigned long lines = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long width = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;

	if (argc < 2 || width < WIDTH_MIN || width > WIDTH_MAX || lines > 9999999999ul) {
		fprintf(stderr, "usage: flooder LINES [WIDTH [SECONDS]], WIDTH from %d to %d\n",
			WIDTH_MIN, WIDTH_MAX);
		return 2;
	}
	for (unsigned long i = 0; i < lines; i++)
		put_line(i, width);
	flush_bundle();
	used = (size_t)snprintf(bundle, sizeof bundle, "end %lu\n", lines);
	flush_bundle();
	if (argc > 3)
		(void)sleep((unsigned)atoi(argv[3]));
	else
		for (;;)
			pause();
	return 0;
}
