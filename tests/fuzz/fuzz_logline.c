/* tests/fuzz/fuzz_logline.c - lines of logs: level, time, source, message; and the times that
 * people type. */
#include <string.h>

#include "base/moment.h"
#include "client/logtime.h"
#include "logread/parse.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1795397523000000000ull

static void inside(const char *part, size_t part_len, const char *text, size_t len)
{
	MUST(part >= text && part_len <= len && part <= text + len - part_len);
}

static void line(const char *text, size_t len)
{
	struct log_line l, again;

	parse_line(text, len, NOW, &l);
	MUST(l.level <= LOG_LEVEL_NONE && !(l.level_named && l.level == LOG_LEVEL_NONE));
	inside(l.message, l.message_len, text, len);
	MUST(l.source ? l.source_len > 0 : l.source_len == 0);
	if (l.source)
		inside(l.source, l.source_len, text, len);
	/* Blocks of archives note levels when they are written: when a line is read does not change
	 * its level. */
	parse_line(text, len, NOW - NOW / 10, &again);
	MUST(again.level == l.level);
}

static void moment(const char *text, size_t len)
{
	struct moment m;
	const char *end = moment_scan(text, text + len, MOMENT_SHORT, &m);

	MUST(!end || (end > text && end <= text + len));
	if (end && m.dated)
		MUST(m.month >= 1 && m.month <= 12 && m.day >= 1 && m.day <= 31 &&
			m.fraction_ns < 1000000000u);
	end = moment_scan(text, text + len, MOMENT_WHOLE, &m);
	MUST(!end || end <= text + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	char typed[256];
	size_t n = size < sizeof(typed) - 1 ? size : sizeof(typed) - 1;
	uint64_t ns = 0;

	line(p, size);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		line(p, (size_t)((nl ? nl : end) - p));
		moment(p, (size_t)((nl ? nl : end) - p));
		p = nl ? nl + 1 : end;
	}
	memcpy(typed, data, n);
	typed[n] = 0;
	if (moment_rfc3339(typed, &ns) == 0)
		MUST(ns > 0);
	if (logtime_parse(typed, NOW, &ns) == 0)
		MUST(ns > 0);
	return 0;
}
