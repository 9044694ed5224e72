/* logread/parse_time.c - times as programs write them (logread/parse_parts.h). */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "logread/parse_parts.h"

#define DAY_SECONDS 86400

static bool digits(const char *p, const char *end, unsigned n, int *ret)
{
	int value = 0;

	if ((size_t)(end - p) < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		value = value * 10 + (p[i] - '0');
	}
	*ret = value;
	return true;
}

/* mktime() reads the zone's rules each time; lines of one hour share the answer. */
static int64_t local_seconds(struct tm *tm)
{
	static __thread struct { int year, month, day, hour; int64_t seconds; bool known; } last;
	int64_t in_hour = tm->tm_min * 60 + tm->tm_sec;

	if (!last.known || last.hour != tm->tm_hour || last.day != tm->tm_mday || last.month != tm->tm_mon || last.year != tm->tm_year) {
		struct tm hour = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday, .tm_hour = tm->tm_hour, .tm_isdst = -1 };

		last.seconds = mktime(&hour);
		last.year = tm->tm_year;
		last.month = tm->tm_mon;
		last.day = tm->tm_mday;
		last.hour = tm->tm_hour;
		last.known = true;
	}
	return last.seconds + in_hour;
}

static const char *clock_part(const char *p, const char *end, struct tm *tm, uint64_t *ret_fraction_ns)
{
	uint64_t unit = NS_PER_SEC / 10;

	if (!digits(p, end, 2, &tm->tm_hour) || end - p < 8 || p[2] != ':' || !digits(p + 3, end, 2, &tm->tm_min) || p[5] != ':' ||
		!digits(p + 6, end, 2, &tm->tm_sec) || tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
		return NULL;
	p += 8;
	*ret_fraction_ns = 0;
	if (end - p < 2 || (*p != '.' && *p != ',') || p[1] < '0' || p[1] > '9')
		return p;
	for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
		*ret_fraction_ns += (uint64_t)(*p - '0') * unit;
		unit /= 10;
	}
	return p;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* "Z", "+01:00", "-0800" (a blank in front is fine for the last two); else NULL. Not "-db" and not "-05" alone, which may be a word. */
static const char *zone_part(const char *p, const char *end, int *ret_offset)
{
	int hours, minutes, sign;

	if (p < end && (*p == 'Z' || *p == 'z') && (p + 1 == end || !is_word(p[1]))) {
		*ret_offset = 0;
		return p + 1;
	}
	if (end - p > 1 && *p == ' ' && (p[1] == '+' || p[1] == '-'))
		p++;
	if (p == end || (*p != '+' && *p != '-') || !digits(p + 1, end, 2, &hours))
		return NULL;
	sign = *p == '-' ? -1 : 1;
	p += 3;
	if (p < end && *p == ':')
		p++;
	if (!digits(p, end, 2, &minutes) || hours > 18 || minutes > 59 || (end - p > 2 && is_word(p[2])))
		return NULL;
	*ret_offset = sign * (hours * 3600 + minutes * 60);
	return p + 2;
}

/* The day on which that time lies nearest before near_ns, some minutes behind it allowed for a block that was noted early. */
static int64_t nearest_day(const struct tm *at, uint64_t near_ns)
{
	time_t near = (time_t)(near_ns / NS_PER_SEC);
	struct tm tm;
	int64_t seconds;

	if (!localtime_r(&near, &tm))
		return 0;
	tm.tm_hour = at->tm_hour;
	tm.tm_min = at->tm_min;
	tm.tm_sec = at->tm_sec;
	seconds = local_seconds(&tm);
	return seconds > (int64_t)near + 3600 ? seconds - DAY_SECONDS : seconds;
}

static const char *date_part(const char *p, const char *end, struct tm *tm)
{
	int year, month;

	if (!digits(p, end, 4, &year) || end - p < 12 || (p[4] != '-' && p[4] != '/') || !digits(p + 5, end, 2, &month) || p[7] != p[4] ||
		!digits(p + 8, end, 2, &tm->tm_mday) || year < 1970 || year > 2500 || month < 1 || month > 12 || tm->tm_mday < 1 || tm->tm_mday > 31)
		return NULL;
	if (p[10] != ' ' && p[10] != 'T' && p[10] != 't')
		return NULL;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return p + 11;
}

const char *parse_time(const char *p, const char *end, uint64_t near_ns, uint64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	uint64_t fraction;
	const char *clock = date_part(p, end, &tm), *behind, *zone;
	bool dated = clock != NULL;
	int64_t seconds;
	int offset;

	behind = clock_part(dated ? clock : p, end, &tm, &fraction);
	if (!behind)
		return NULL;
	if (behind < end && is_word(*behind) && *behind != 'Z' && *behind != 'z')
		return NULL;
	zone = dated ? zone_part(behind, end, &offset) : NULL;
	if (zone)
		seconds = timegm(&tm) - offset;
	else
		seconds = dated ? local_seconds(&tm) : nearest_day(&tm, near_ns);
	if (seconds <= 0)
		return NULL;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC + fraction;
	return zone ? zone : behind;
}

uint64_t parse_time_number(const char *p, size_t len)
{
	static const struct { uint64_t below, factor; } units[] = { { 100000000000ull, NS_PER_SEC }, { 100000000000000ull, NS_PER_MS },
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
		if (value < units[u].below)
			return value * units[u].factor + fraction * units[u].factor / NS_PER_SEC;
	return 0;
}
