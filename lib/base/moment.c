/* base/moment.c - dates and times as programs and people write them (base/moment.h). */
#include "base/moment.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define END_OF_2500_S 16756761599ll

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digits(const char *p, const char *end, unsigned n, int *ret)
{
	int value = 0;

	if (end - p < (ptrdiff_t)n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return false;
		value = value * 10 + (p[i] - '0');
	}
	*ret = value;
	return true;
}

bool moment_exists(const struct moment *m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (m->year % 4 == 0 && m->year % 100 != 0) || m->year % 400 == 0;

	return m->dated && m->day <= days[m->month - 1] + (m->month == 2 && leap);
}

/* Days from 1970-01-01, Gregorian, for any year from 0 on. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		day_of_year - 719468;
}

/* Each part returns where it ends, NULL where it is none. */
static const char *date_part(const char *p, const char *end, struct moment *m)
{
	if (!digits(p, end, 4, &m->year) || end - p < 10 || (p[4] != '-' && p[4] != '/') ||
		!digits(p + 5, end, 2, &m->month) || p[7] != p[4] ||
		!digits(p + 8, end, 2, &m->day))
		return NULL;
	if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > 31)
		return NULL;
	return p + 10;
}

static const char *time_part(
	const char *p, const char *end, enum moment_form form, struct moment *m)
{
	uint32_t unit = (uint32_t)NS_PER_SEC / 10;

	if (!digits(p, end, 2, &m->hour) || end - p < 5 || p[2] != ':' ||
		!digits(p + 3, end, 2, &m->minute) || m->hour > 23 || m->minute > 59)
		return NULL;
	p += 5;
	if (p == end || *p != ':')
		return form == MOMENT_SHORT ? p : NULL;
	if (!digits(p + 1, end, 2, &m->second) || m->second > 60)
		return NULL;
	p += 3;
	if (end - p < 2 || (*p != '.' && *p != ',') || !is_digit(p[1]))
		return p;
	for (p++; p < end && is_digit(*p); p++) {
		m->fraction_ns += (uint32_t)(*p - '0') * unit;
		unit /= 10;
	}
	return p;
}

/* Not "-db". "+01" stands for hours only where nothing follows that makes it part of something
 * else. */
static const char *zone_part(const char *p, const char *end, struct moment *m)
{
	bool blank = end - p > 1 && *p == ' ' && (p[1] == '+' || p[1] == '-');
	int hours, minutes = 0, east;

	if (p < end && (*p == 'Z' || *p == 'z')) {
		m->zoned = true;
		return p + 1;
	}
	p += blank;
	if (p == end || (*p != '+' && *p != '-') || !digits(p + 1, end, 2, &hours) || hours > 23)
		return NULL;
	east = *p == '+' ? 1 : -1;
	p += 3;
	if (digits(p < end && *p == ':' ? p + 1 : p, end, 2, &minutes))
		p += *p == ':' ? 3 : 2;
	else if (blank || (p < end && (*p == '-' || *p == ':' || *p == '.')))
		return NULL;
	if (minutes > 59 || (p < end && is_word(*p)))
		return NULL;
	m->zoned = true;
	m->offset_s = east * (hours * 3600 + minutes * 60);
	return p;
}

const char *moment_scan(const char *p, const char *end, enum moment_form form, struct moment *ret)
{
	struct moment m = { 0 };
	const char *behind = date_part(p, end, &m), *more;

	m.dated = behind != NULL;
	if (!m.dated)
		m.year = m.month = m.day = 0;
	if (m.dated && behind < end && (*behind == 'T' || *behind == 't' || *behind == ' '))
		more = time_part(behind + 1, end, form, &m);
	else
		more = m.dated ? NULL : time_part(p, end, form, &m);
	if (!more) { /* a date alone */
		if (!m.dated || form != MOMENT_SHORT ||
			(behind < end && (is_word(*behind) || *behind == '-' || *behind == '/')))
			return NULL;
		m.hour = m.minute = 0;
		*ret = m;
		return behind;
	}
	behind = zone_part(more, end, &m);
	behind = behind ? behind : more;
	if (behind < end && is_word(*behind))
		return NULL;
	*ret = m;
	return behind;
}

/* mktime() reads the zone's rules each time; moments within one minute share its answer. Not within
 * an hour: Lord Howe puts its clocks on by half of one. */
static int64_t local_minute(const struct moment *m)
{
	static __thread struct moment last;
	static __thread int64_t seconds;

	if (!last.dated || last.minute != m->minute || last.hour != m->hour || last.day != m->day ||
		last.month != m->month || last.year != m->year) {
		struct tm tm = { .tm_year = m->year - 1900,
			.tm_mon = m->month - 1,
			.tm_mday = m->day,
			.tm_hour = m->hour,
			.tm_min = m->minute,
			.tm_isdst = -1 };

		seconds = mktime(&tm);
		last = *m;
		last.dated = true;
	}
	return seconds;
}

int64_t moment_seconds(const struct moment *m, enum moment_zone otherwise)
{
	if (!m->zoned && otherwise == MOMENT_LOCAL)
		return local_minute(m) + m->second;
	return days_since_epoch(m->year, m->month, m->day) * 86400 + m->hour * 3600 +
		m->minute * 60 + m->second - m->offset_s;
}

int moment_rfc3339(const char *text, uint64_t *ret_real_ns)
{
	const char *end = text + strlen(text);
	struct moment m;
	int64_t total;

	if (moment_scan(text, end, MOMENT_WHOLE, &m) != end || !moment_exists(&m))
		return -EINVAL;
	total = moment_seconds(&m, MOMENT_UTC);
	if (total < 0 || (total == 0 && m.fraction_ns == 0))
		*ret_real_ns = 1;
	else if (total > END_OF_2500_S)
		*ret_real_ns = (uint64_t)END_OF_2500_S * NS_PER_SEC;
	else
		*ret_real_ns = (uint64_t)total * NS_PER_SEC + m.fraction_ns;
	return 0;
}
