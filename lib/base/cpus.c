/* base/cpus.c - see base/cpus.h. */
#define _GNU_SOURCE 1
#include "base/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

void cpus_all(struct cpus *ret)
{
	memset(ret, 0xff, sizeof(*ret));
}

static bool has(const struct cpus *c, unsigned n)
{
	return n < CPUS_MAX && (c->word[n / CPUS_WORD] >> (n % CPUS_WORD) & 1);
}

bool cpus_is_all(const struct cpus *c)
{
	for (size_t i = 0; i < CPUS_MAX / CPUS_WORD; i++)
		if (~c->word[i])
			return false;
	return true;
}

/* Digits alone: strtoul() would take blanks and signs as well. */
static int number(const char **at, unsigned *ret)
{
	unsigned n = 0;

	if (!isdigit((unsigned char)**at))
		return -EINVAL;
	for (; isdigit((unsigned char)**at); ++*at)
		if ((n = n * 10 + (unsigned)(**at - '0')) >= CPUS_MAX)
			return -EINVAL;
	*ret = n;
	return 0;
}

int cpus_parse(const char *text, struct cpus *ret)
{
	struct cpus c = { 0 };
	unsigned from, to;

	if (strcmp(text, "all") == 0) {
		cpus_all(ret);
		return 0;
	}
	do {
		if (number(&text, &from) < 0)
			return -EINVAL;
		to = from;
		if (*text == '-' && (text++, number(&text, &to) < 0))
			return -EINVAL;
		if (to < from)
			return -EINVAL;
		for (unsigned n = from; n <= to; n++)
			c.word[n / CPUS_WORD] |= 1ul << (n % CPUS_WORD);
	} while (*text == ',' && *text++);
	if (*text)
		return -EINVAL;
	*ret = c;
	return 0;
}

static void print_ranges(FILE *out, const struct cpus *c)
{
	const char *separator = "";

	for (unsigned n = 0; n < CPUS_MAX; n++) {
		unsigned from = n;

		if (!has(c, n))
			continue;
		while (has(c, n + 1))
			n++;
		fprintf(out, from == n ? "%s%u" : "%s%u-%u", separator, from, n);
		separator = ",";
	}
}

char *cpus_print(const struct cpus *c)
{
	size_t bytes = 0;
	char *text = NULL;
	FILE *out;

	if (cpus_is_all(c))
		return strdup("all");
	out = open_memstream(&text, &bytes);
	if (!out)
		return NULL;
	print_ranges(out, c);
	if (io_text_done(out, &text) == 0)
		return text;
	free(text);
	return NULL;
}

int cpus_own(struct cpus *ret)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN), n = 0;
	struct cpus c = { 0 };

	if (syscall(SYS_sched_getaffinity, 0, sizeof(c), &c) < 0)
		return -errno;
	for (size_t i = 0; i < CPUS_MAX / CPUS_WORD; i++)
		n += __builtin_popcountl(c.word[i]);
	if (n >= online)
		cpus_all(&c);
	*ret = c;
	return 0;
}

int cpus_apply(const struct cpus *c)
{
	return syscall(SYS_sched_setaffinity, 0, sizeof(*c), c) < 0 ? -errno : 0;
}
