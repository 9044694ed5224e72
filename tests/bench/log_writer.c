/* tests/bench/log_writer.c GATE REPORT BYTES PIECE - writes a first line, so that its file is made
 * before the clock runs, waits until someone opens GATE for writing, then writes BYTES of 100-byte
 * lines to standard output, PIECE bytes with each write, and reports how long that took, in ns (8
 * bytes), to the FIFO REPORT. Then it ends. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 100u

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	size_t piece = argc == 5 ? (size_t)atoll(argv[4]) : 0;
	uint64_t left = argc == 5 ? strtoull(argv[3], NULL, 10) : 0, began, took;
	char *buf = piece ? malloc(piece + LINE) : NULL;
	int report;

	/* Opening the gate for reading waits until all writers are let go. */
	if (write(1, "ready\n", 6) != 6 || !buf || open(argv[1], O_RDONLY) < 0 ||
		(report = open(argv[2], O_WRONLY)) < 0)
		exit(2);
	for (size_t at = 0; at < piece; at += LINE) {
		char line[LINE + 32];
		int n = snprintf(line, sizeof(line),
			"2026-11-24T10:00:00.000Z INFO [bench] request %08zu took 12.5 ms",
			at % 100000000);

		memset(buf + at, '.', LINE);
		memcpy(buf + at, line, (size_t)n);
		buf[at + LINE - 1] = '\n';
	}
	buf[piece - 1] = '\n';
	began = now_ns();
	while (left) {
		ssize_t n = write(1, buf, left < piece ? (size_t)left : piece);

		if (n <= 0)
			exit(1);
		left -= (uint64_t)n;
	}
	took = now_ns() - began;
	free(buf);
	return write(report, &took, sizeof(took)) == (ssize_t)sizeof(took) ? 0 : 1;
}
