/* logread/parse_time.c - times as programs write them (logread/parse_parts.h). */
#include <time.h>

#include "base/clock.h"
#include "base/moment.h"
#include "logread/parse_parts.h"

/* The day on which that time lies nearest before near_ns, an hour behind it allowed for clocks that
 * differ. */
static int64_t nearest_day(struct moment *m, uint64_t near_ns)
{
	time_t near = (time_t)(near_ns / NS_PER_SEC);
	struct tm tm;
	int64_t seconds;

	if (!(m->zoned ? gmtime_r(&near, &tm) : localtime_r(&near, &tm)))
		return 0;
	m->year = tm.tm_year + 1900;
	m->month = tm.tm_mon + 1;
	m->day = tm.tm_mday;
	seconds = moment_seconds(m, MOMENT_LOCAL);
	if (seconds <= (int64_t)near + 3600)
		return seconds;
	m->day--; /* not by seconds: a day may have 23 hours */
	return moment_seconds(m, MOMENT_LOCAL);
}

const char *parse_time(const char *p, const char *end, uint64_t near_ns, uint64_t *ret_ns)
{
	struct moment m;
	const char *behind = moment_scan(p, end, MOMENT_WHOLE, &m);
	int64_t seconds;

	if (!behind || (m.dated && (m.year < 1970 || m.year > 2500)))
		return NULL;
	seconds = m.dated ? moment_seconds(&m, MOMENT_LOCAL) : nearest_day(&m, near_ns);
	if (seconds <= 0)
		return NULL;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC + m.fraction_ns;
	return behind;
}

uint64_t parse_time_number(const char *p, size_t len)
{
	static const struct {
		uint64_t below, factor;
	} units[] = { { 100000000000ull, NS_PER_SEC }, { 100000000000000ull, NS_PER_MS },
		{ 100000000000000000ull, 1000 }, { 10000000000000000000ull, 1 } };
	uint64_t value = 0, fraction = 0, unit = NS_PER_SEC / 10;
	size_t i = 0;

	for (; i < len && i < 19 && p[i] >= '0' && p[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(p[i] - '0');
	if (i == 0 || value < 100000000) /* before 1973: a counter, no time */
		return 0;
	if (i < len && p[i] != '.')
		return 0;
	for (i++; i < len && p[i] >= '0' && p[i] <= '9'; i++) {
		fraction += (uint64_t)(p[i] - '0') * unit;
		unit /= 10;
	}
	for (unsigned u = 0; u < sizeof(units) / sizeof(units[0]); u++)
		if (value < units[u].below) /* beyond 2554 it is not a time that fits */
			return value >= UINT64_MAX / units[u].factor
				? 0
				: value * units[u].factor + fraction * units[u].factor / NS_PER_SEC;
	return 0;
}
