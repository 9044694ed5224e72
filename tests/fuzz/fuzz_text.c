/* tests/fuzz/fuzz_text.c - the small parsers: /proc/PID/stat, durations, signals, numbers, names,
 * regular expressions; and texts made fit for a terminal. */
#include <stdlib.h>
#include <string.h>

#include "base/procfs.h"
#include "base/regex.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

/* Only what has a backslash or a bracket is changed. */
static void expression(const char *text)
{
	struct fault f = { "" };
	char *translated;

	if (regex_translate(text, &translated, &f) < 0) {
		MUST(f.text[0]);
		return;
	}
	MUST(strpbrk(text, "\\[") || strcmp(translated, text) == 0);
	free(translated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024], shown[300], copy[64];
	struct procfs_stat st;
	struct fault f = { "" };
	uint64_t ms;
	int64_t number;
	int signo;
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	if (procfs_parse_stat((const char *)data, size, &st) == 0)
		MUST(st.pid >= 0 && st.ppid >= 0 && memchr(st.comm, 0, sizeof(st.comm)));
	memcpy(text, data, n);
	text[n] = 0;
	if (str_duration_ms(text, &ms) == 0)
		MUST(ms <= 10ull * 366 * 86400 * 1000);
	if (str_signal(text, &signo) == 0)
		MUST(signo >= 0 && signo <= 64);
	if (str_int(text, -5, 1000, &number) == 0)
		MUST(number >= -5 && number <= 1000);
	if (name_check(text, &f) == 0)
		MUST(strlen(text) < NAME_MAX_BYTES && !strchr(text, '/'));
	else
		MUST(f.text[0]);
	n = str_visible(shown, sizeof(shown), text);
	MUST(n < sizeof(shown) && shown[n] == 0);
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)shown[i] >= 0x20 && shown[i] != 0x7f);
	expression(text);
	(void)str_copy(copy, sizeof(copy), text);
	MUST(memchr(copy, 0, sizeof(copy)));
	return 0;
}
