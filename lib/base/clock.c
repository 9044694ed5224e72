/*
 * base/clock.c - reading the clocks, and writing times for people.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* clock_gettime() fails for an unknown clock only; both are there since Linux 2.6.39. */
static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_real_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

const char *clock_rfc3339(uint64_t real_ns, char buf[static CLOCK_TEXT_MAX])
{
	time_t sec = (time_t)(real_ns / NS_PER_SEC); /* ends in the year 2554: always convertible */
	unsigned ms = (unsigned)(real_ns % NS_PER_SEC / NS_PER_MS);
	struct tm tm = { 0 };

	(void)gmtime_r(&sec, &tm);
	size_t n = strftime(buf, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, CLOCK_TEXT_MAX - n, ".%03uZ", ms);
	return buf;
}

const char *clock_span(uint64_t ns, char buf[static CLOCK_TEXT_MAX])
{
	uint64_t s = ns / NS_PER_SEC, ms = ns / NS_PER_MS;
	uint64_t d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (ns == 0)
		(void)snprintf(buf, CLOCK_TEXT_MAX, "0s");
	else if (s == 0)
		(void)snprintf(buf, CLOCK_TEXT_MAX, "%" PRIu64 "ms", ms);
	else if (d)
		(void)snprintf(buf, CLOCK_TEXT_MAX, "%" PRIu64 "d%" PRIu64 "h", d, h);
	else if (h)
		(void)snprintf(
			buf, CLOCK_TEXT_MAX, "%" PRIu64 "h%" PRIu64 "m%" PRIu64 "s", h, m, s % 60);
	else if (m)
		(void)snprintf(buf, CLOCK_TEXT_MAX, "%" PRIu64 "m%" PRIu64 "s", m, s % 60);
	else
		(void)snprintf(buf, CLOCK_TEXT_MAX, "%" PRIu64 "s", s);
	return buf;
}

const char *clock_rough(uint64_t ns, char buf[static CLOCK_TEXT_MAX])
{
	static const struct {
		uint64_t s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	uint64_t s = (ns + NS_PER_SEC / 2) / NS_PER_SEC;
	size_t i = 0;

	while (i < 3 && s + units[i].s / 20 < units[i].s) /* 58 min are 1 h */
		i++;
	(void)snprintf(buf, CLOCK_TEXT_MAX, "%" PRIu64 " %s", (s + units[i].s / 2) / units[i].s,
		units[i].name);
	return buf;
}
