/*
 * tests/fuzz/driver.c - runs a fuzz target without libFuzzer: every file of its corpus, then random
 * changes of them for some seconds. Finds less than libFuzzer does, but needs no other compiler, so
 * that every test run looks a little.
 *
 *   fuzz_NAME [SECONDS [SEED]] CORPUS_FOLDER      prints the seed, and ends with "N passed, 0
 *                                                 failed"; an input that breaks the target is in
 *                                                 crash-NAME before
 *   fuzz_NAME FILE                                one input, to repeat a finding
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "tests/fuzz/fuzz.h"

#define INPUTS_MAX	1000
#define INPUT_BYTES_MAX (1u << 20)
#define GROW		256 /* bytes that a change may add */

static struct input {
	char *data;
	size_t size;
} inputs[INPUTS_MAX];
static size_t n_inputs;
static uint64_t seed;

static uint64_t draw(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 2685821657736338717ull;
}

static void load(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		return;
	while (n_inputs < INPUTS_MAX && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' &&
			io_read_file(dirfd(d), e->d_name, INPUT_BYTES_MAX, &inputs[n_inputs].data,
				&inputs[n_inputs].size) == 0)
			n_inputs++;
	closedir(d);
}

/* Each input gets a buffer of exactly its size, so that a sanitizer sees a read beyond it. The file
 * is written first: whoever crashes can't write it any more. */
static void run(const uint8_t *data, size_t size, int keep_fd)
{
	uint8_t *own = malloc(size ? size : 1);

	if (!own)
		return;
	memcpy(own, data, size);
	if (keep_fd >= 0 && (ftruncate(keep_fd, 0) < 0 || pwrite(keep_fd, own, size, 0) < 0))
		perror("cannot keep the input");
	(void)LLVMFuzzerTestOneInput(own, size);
	free(own);
}

static size_t change(uint8_t *buf, size_t size)
{
	static const char *const tokens[] = { "{", "}", "[", "]", "\"", ":", ",", "null", "-1",
		"1e999", "\\u0000", "/", "..", "\xff\xfe", "\n", "(", ") R 1 (" };
	unsigned times = 1 + (unsigned)(draw() % 6);

	while (times-- > 0) {
		size_t at = size ? draw() % size : 0, len;
		const char *token = tokens[draw() % (sizeof(tokens) / sizeof(tokens[0]))];

		switch (draw() % 6) {
		case 0: /* a bit */
			if (size)
				buf[at] = (uint8_t)(buf[at] ^ 1u << (draw() & 7));
			break;
		case 1: /* a byte */
			if (size)
				buf[at] = (uint8_t)draw();
			break;
		case 2: /* cut out */
			len = size ? draw() % (size - at) : 0;
			memmove(buf + at, buf + at + len, size - at - len);
			size -= len;
			break;
		case 3: /* cut off */
			size = at;
			break;
		case 4: /* a token */
			len = strlen(token);
			memmove(buf + at + len, buf + at, size - at);
			memcpy(buf + at, token, len);
			size += len;
			break;
		default: /* doubled */
			len = size ? draw() % (size - at) % 32 : 0;
			memmove(buf + at + len, buf + at, size - at);
			size += len;
			break;
		}
	}
	return size;
}

static void storm(double seconds, int keep_fd)
{
	uint8_t *buf = malloc(INPUT_BYTES_MAX + GROW);
	uint64_t until = clock_boot_ns() + (uint64_t)(seconds * 1e9);
	unsigned long rounds = 0;

	while (buf && clock_boot_ns() < until) {
		const struct input *in = &inputs[draw() % n_inputs];

		memcpy(buf, in->data, in->size);
		run(buf, change(buf, in->size), keep_fd);
		rounds++;
	}
	free(buf);
	printf("%lu changed inputs\n", rounds);
}

int main(int argc, char **argv)
{
	char crash[256];
	struct stat st;
	int keep_fd;

	if (argc < 2 || stat(argv[argc - 1], &st) < 0) {
		fprintf(stderr, "usage: %s [SECONDS [SEED]] CORPUS_FOLDER | FILE\n", argv[0]);
		return 2;
	}
	if (S_ISREG(st.st_mode)) {
		if (io_read_file(AT_FDCWD, argv[argc - 1], INPUT_BYTES_MAX, &inputs[0].data,
			    &inputs[0].size) == 0)
			run((const uint8_t *)inputs[0].data, inputs[0].size, -1);
		free(inputs[0].data);
		return 0;
	}
	load(argv[argc - 1]);
	if (n_inputs == 0) {
		fprintf(stderr, "%s holds no input\n", argv[argc - 1]);
		return 2;
	}
	seed = argc > 3 ? strtoull(argv[2], NULL, 0) : clock_real_ns() | 1;
	printf("TEND_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	snprintf(crash, sizeof(crash), "%s.crash", argv[0]);
	keep_fd = open(crash, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (size_t i = 0; i < n_inputs; i++)
		run((const uint8_t *)inputs[i].data, inputs[i].size, keep_fd);
	storm(argc > 2 ? strtod(argv[1], NULL) : 2, keep_fd);
	unlink(crash);
	for (size_t i = 0; i < n_inputs; i++)
		free(inputs[i].data);
	printf("%zu passed, 0 failed\n", n_inputs);
	return 0;
}
