/* monitor/rfc3339.c - see monitor/rfc3339.h. Without mktime(3): that depends on the time zone of the machine. */
#include "monitor/rfc3339.h"

#include <errno.h>
#include <stdbool.h>

#include "base/clock.h"

#define END_OF_2500_S 16756761599ll

static bool digits(const char **at, unsigned n, int *ret)
{
	int value = 0;

	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*ret = value;
	return true;
}

static bool sign(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01, Gregorian, for any year from 0 on. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static bool read_date(const char **at, int64_t *ret_days)
{
	int year, month, day;

	if (!digits(at, 4, &year) || !sign(at, '-') || !digits(at, 2, &month) || !sign(at, '-') || !digits(at, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return false;
	*ret_days = days_since_epoch(year, month, day);
	return true;
}

static bool read_time(const char **at, int64_t *ret_s, int64_t *ret_ns)
{
	int hour, minute, second;
	int64_t unit = (int64_t)NS_PER_SEC / 10;

	if (!digits(at, 2, &hour) || !sign(at, ':') || !digits(at, 2, &minute) || !sign(at, ':') || !digits(at, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_s = hour * 3600 + minute * 60 + second;
	*ret_ns = 0;
	if (**at != '.' && **at != ',')
		return true;
	(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*ret_ns += (**at - '0') * unit;
	return true;
}

static bool read_zone(const char **at, int64_t *ret_s)
{
	int hours, minutes = 0;
	bool east = **at == '+';

	*ret_s = 0;
	if (**at == 0)
		return true;
	if (sign(at, 'Z') || sign(at, 'z'))
		return true;
	if (!sign(at, '+') && !sign(at, '-'))
		return false;
	if (!digits(at, 2, &hours))
		return false;
	(void)sign(at, ':');
	if (**at && !digits(at, 2, &minutes))
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	*ret_s = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
	return true;
}

int rfc3339_parse(const char *text, uint64_t *ret_real_ns)
{
	int64_t days, second, ns, offset, total;
	const char *at = text;

	if (!read_date(&at, &days) || (*at != 'T' && *at != 't' && *at != ' '))
		return -EINVAL;
	at++;
	if (!read_time(&at, &second, &ns) || !read_zone(&at, &offset) || *at)
		return -EINVAL;
	total = days * 86400 + second - offset;
	if (total < 0 || (total == 0 && ns == 0))
		*ret_real_ns = 1;
	else if (total > END_OF_2500_S)
		*ret_real_ns = (uint64_t)END_OF_2500_S * NS_PER_SEC;
	else
		*ret_real_ns = (uint64_t)total * NS_PER_SEC + (uint64_t)ns;
	return 0;
}
