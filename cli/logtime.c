/* cli/logtime.c - points in time as people type them (cli/logtime.h). */
#include "cli/logtime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
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

/* What is behind the seconds: nothing, a fraction, a zone. */
static bool tail_part(const char *p, uint64_t *fraction_ns, bool *zoned, long *offset)
{
	uint64_t unit = NS_PER_SEC / 10;
	int hours, minutes, used = 0;
	char sign;

	*zoned = false;
	*fraction_ns = 0;
	*offset = 0;
	if (*p == '.' && p[1] >= '0' && p[1] <= '9')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			*fraction_ns += (uint64_t)(*p - '0') * (uint64_t)unit;
	if (*p == 0)
		return true;
	*zoned = true;
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
		return true;
	if (sscanf(p, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || p[used] || (sign != '+' && sign != '-') || hours < 0 || hours > 18 ||
		minutes < 0 || minutes > 59)
		return false;
	*offset = (sign == '-' ? -1 : 1) * (hours * 3600L + minutes * 60L);
	return true;
}

static int dated(const char *text, uint64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 }, check;
	const char *end = NULL;
	uint64_t fraction;
	bool zoned;
	long offset;
	time_t at;

	/* "T" or a blank; the longest form first */
	if (!(end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) && !(end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm)) &&
		!(end = strptime(text, "%Y-%m-%dT%H:%M", &tm)) && !(end = strptime(text, "%Y-%m-%d %H:%M", &tm))) {
		memset(&tm, 0, sizeof(tm));
		end = strptime(text, "%Y-%m-%d", &tm);
	}
	if (!end || !tail_part(end, &fraction, &zoned, &offset))
		return -EINVAL;
	tm.tm_isdst = -1;
	check = tm;
	at = zoned ? timegm(&tm) - (time_t)offset : mktime(&tm);
	if (at <= 0 || tm.tm_mday != check.tm_mday) /* 31 February */
		return -EINVAL;
	*ret_ns = (uint64_t)at * NS_PER_SEC + fraction;
	return 0;
}

int logtime_parse(const char *text, uint64_t now, uint64_t *ret_ns)
{
	int hour, minute, second = 0, used = 0;
	uint64_t ms;

	if (strcmp(text, "now") == 0) {
		*ret_ns = now;
		return 0;
	}
	if (strcmp(text, "today") == 0)
		return midnight(now, 0, ret_ns);
	if (strcmp(text, "yesterday") == 0)
		return midnight(now, 1, ret_ns);
	if (dated(text, ret_ns) == 0)
		return 0;
	if ((sscanf(text, "%2d:%2d:%2d%n", &hour, &minute, &second, &used) == 3 || sscanf(text, "%2d:%2d%n", &hour, &minute, &used) == 2) && !text[used]) {
		if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || midnight(now, 0, ret_ns) < 0)
			return -EINVAL;
		*ret_ns += (uint64_t)(hour * 3600 + minute * 60 + second) * (uint64_t)NS_PER_SEC;
		return 0;
	}
	if (str_duration_ms(text, &ms) < 0 || ms * NS_PER_MS >= now)
		return -EINVAL;
	*ret_ns = now - ms * NS_PER_MS;
	return 0;
}
