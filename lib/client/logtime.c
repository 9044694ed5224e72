/* client/logtime.c - points in time as people type them (client/logtime.h). */
#include "client/logtime.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/moment.h"
#include "base/str.h"

static int midnight(uint64_t now_ns, int days_ago, uint64_t *ret_ns)
{
	time_t now = (time_t)(now_ns / NS_PER_SEC), at;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday -= days_ago;
	tm.tm_isdst = -1;
	at = mktime(&tm);
	if (at <= 0)
		return -EINVAL;
	*ret_ns = (uint64_t)at * NS_PER_SEC;
	return 0;
}

/* A date with or without a time, or a time of today. */
static int dated(const char *text, uint64_t now, uint64_t *ret_ns)
{
	const char *end = text + strlen(text);
	time_t now_s = (time_t)(now / NS_PER_SEC);
	struct moment m;
	struct tm tm;
	int64_t at;

	if (moment_scan(text, end, MOMENT_SHORT, &m) != end ||
		(m.dated && (m.year > 2500 || !moment_exists(&m))))
		return -EINVAL;
	if (!m.dated) {
		if (!(m.zoned ? gmtime_r(&now_s, &tm) : localtime_r(&now_s, &tm)))
			return -EINVAL;
		m.year = tm.tm_year + 1900;
		m.month = tm.tm_mon + 1;
		m.day = tm.tm_mday;
	}
	at = moment_seconds(&m, MOMENT_LOCAL);
	if (at <= 0)
		return -EINVAL;
	*ret_ns = (uint64_t)at * NS_PER_SEC + m.fraction_ns;
	return 0;
}

int logtime_parse(const char *text, uint64_t now, uint64_t *ret_ns)
{
	uint64_t ms;

	if (strcmp(text, "now") == 0) {
		*ret_ns = now;
		return 0;
	}
	if (strcmp(text, "today") == 0)
		return midnight(now, 0, ret_ns);
	if (strcmp(text, "yesterday") == 0)
		return midnight(now, 1, ret_ns);
	if (dated(text, now, ret_ns) == 0)
		return 0;
	if (str_duration_ms(text, &ms) < 0 || ms * NS_PER_MS >= now)
		return -EINVAL;
	*ret_ns = now - ms * NS_PER_MS;
	return 0;
}
