/*
 * base/str.c - bounded strings, names, and numbers that people type.
 *
 * The parsers are written by hand rather than with strtoll() and friends, which skip blanks, take
 * "+" and hex, obey the locale and report through errno: too many ways to accept what nobody meant.
 */
#define _GNU_SOURCE 1
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool str_copy(char *dst, size_t size, const char *src)
{
	if (size == 0)
		return false;
	size_t len = strnlen(src, size);
	if (len < size) {
		memcpy(dst, src, len + 1);
		return true;
	}
	len = utf8_cut(src, size - 1);
	memcpy(dst, src, len);
	dst[len] = '\0';
	return false;
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
		c == '_' || c == '-';
}

int name_check(const char *name, struct fault *f)
{
	char shown[160];
	const char *p;

	if (!name || !*name)
		return fault_set(f, -EINVAL, "a process name must not be empty");
	for (p = name; is_name_char(*p);)
		p++;
	if (!*p && p - name < (ptrdiff_t)NAME_MAX_BYTES && name[0] != '.' && name[0] != '-' &&
		strcmp(name, "tend") != 0)
		return 0;
	(void)str_visible(shown, sizeof(shown), name);
	if (strnlen(name, NAME_MAX_BYTES) >= NAME_MAX_BYTES)
		return fault_set(f, -EINVAL, "process name \"%s\" is longer than %u characters",
			shown, NAME_MAX_BYTES - 1);
	if (*p)
		return fault_set(f, -EINVAL,
			"process name \"%s\" may hold only letters, digits, '.', '_' and '-'",
			shown);
	if (name[0] == '.' || name[0] == '-')
		return fault_set(
			f, -EINVAL, "process name \"%s\" must not begin with '%c'", shown, name[0]);
	return fault_set(
		f, -EINVAL, "process name \"tend\" is reserved: logs/tend.log is tend's own");
}

/* Write the escape of a hidden character or a bad byte; returns its length. */
static size_t escape(char out[static 8], size_t seq, uint32_t cp)
{
	int n;

	if (seq == 0 || cp < 0x80) {
		const char *c_style = cp == '\n' ? "\\n"
			: cp == '\t'		 ? "\\t"
			: cp == '\r'		 ? "\\r"
						 : NULL;

		n = c_style ? snprintf(out, 8, "%s", c_style)
			    : snprintf(out, 8, "\\x%02x", cp & 0xFFu);
	} else {
		/* all hidden ones are below U+10000 */
		n = snprintf(out, 8, "\\u%04x", cp & 0xFFFFu);
	}
	return (size_t)n;
}

/* How many of so many bytes at s are printable ASCII, up to the first that is not. */
static size_t plain_length(const unsigned char *s, size_t most)
{
	const uint64_t ones = UINT64_MAX / 0xff, tops = ones * 0x80;
	size_t n = 0;

	/* eight at once: with none above 0x7f, no byte borrows from or carries into the next */
	for (; n + 8 <= most; n += 8) {
		uint64_t v;

		memcpy(&v, s + n, sizeof(v));
		if ((v & tops) || (~((v | tops) - ones * 0x20) & tops) || ((v + ones) & tops))
			break;
	}
	while (n < most && s[n] >= 0x20 && s[n] < 0x7f)
		n++;
	return n;
}

size_t str_visible(char *dst, size_t size, const char *src)
{
	const unsigned char *s = (const unsigned char *)src;
	/* what is written is never shorter than what is read */
	const unsigned char *end = s + strnlen(src, size);
	size_t len = 0;

	if (size == 0)
		return 0;
	while (s < end) {
		uint32_t cp = *s;
		char text[8];
		size_t seq, n;
		bool plain;

		n = plain_length(
			s, (size_t)(end - s) < size - len ? (size_t)(end - s) : size - len - 1);
		if (n) { /* most texts are nothing else */
			memcpy(dst + len, s, n);
			len += n;
			s += n;
			continue;
		}
		seq = utf8_decode((const char *)s, &cp);
		plain = seq > 0 && !utf8_is_hidden(cp);
		n = plain ? seq : escape(text, seq, cp);
		if (n >= size - len) /* never a part of a sequence or of an escape */
			break;
		memcpy(dst + len, plain ? (const char *)s : text, n);
		len += n;
		s += seq ? seq : 1;
	}
	dst[len] = '\0';
	return len;
}

int str_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *text == '-', over = false;
	const char *p = text + negative;
	int64_t v = 0; /* counted below zero, where there is room for INT64_MIN */

	if (!*p)
		return -EINVAL;
	for (; *p; p++) {
		if (!is_digit(*p))
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v)) {
			over = true; /* go on: "99999999999999999999x" is not a number at all */
			v = 0;
		}
	}
	if (!negative && v == INT64_MIN)
		over = true;
	else if (!negative)
		v = -v;
	if (over || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

#define MS_TEN_YEARS (10ull * 365 * 86400 * 1000)

/* Unit at *p, moved past it, as milliseconds; 0 if there is none. */
static uint64_t take_unit(const char **p)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} units[] = {
		/* "ms" before "m" */
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].text);

		if (!strncmp(*p, units[i].text, n)) {
			*p += n;
			return units[i].ms;
		}
	}
	return 0;
}

struct decimal {
	uint64_t whole, part, scale; /* whole + part / scale */
};

/* Decimal number at *p, moved past it; false if there is none. Digits past the ninth behind the
 * point are dropped. */
static bool take_decimal(const char **p, struct decimal *ret)
{
	struct decimal d = { .scale = 1 };
	const char *q = *p;
	bool any = is_digit(*q);

	for (; is_digit(*q); q++)
		/* more is out of range already, and must not overflow */
		if (d.whole <= MS_TEN_YEARS)
			d.whole = d.whole * 10 + (uint64_t)(*q - '0');
	if (*q == '.') {
		if (!is_digit(*++q))
			return false;
		any = true;
		for (; is_digit(*q); q++)
			if (d.scale < 1000000000u) {
				d.part = d.part * 10 + (uint64_t)(*q - '0');
				d.scale *= 10;
			}
	}
	*p = q;
	*ret = d;
	return any;
}

int str_duration_ms(const char *text, uint64_t *ret_ms)
{
	uint64_t total = 0;
	bool over = false;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p;) {
		struct decimal d;
		bool first = p == text;

		if (!take_decimal(&p, &d))
			return -EINVAL;
		/* a bare number counts seconds */
		uint64_t unit = first && !*p ? 1000 : take_unit(&p);
		if (!unit)
			return -EINVAL;
		if (d.whole > MS_TEN_YEARS / unit) {
			over = true;
			continue;
		}
		/* Rounded up: a duration that someone asked for must not become 0, which often
		 * means "off". */
		total += d.whole * unit + (d.part * unit + d.scale - 1) / d.scale;
		if (total > MS_TEN_YEARS) {
			over = true;
			total = 0;
		}
	}
	if (over)
		return -ERANGE;
	*ret_ms = total;
	return 0;
}

/* "RTMIN+3", "RTMAX-2": glibc keeps the lowest real-time signals to itself, so SIGRTMIN is known at
 * run time only. */
static int realtime_signal(const char *text)
{
	bool from_min = !strncasecmp(text, "RTMIN", 5);
	int64_t n = 0;

	if (!from_min && strncasecmp(text, "RTMAX", 5))
		return 0;
	text += 5;
	if (*text) {
		if (*text != (from_min ? '+' : '-') || text[1] == '-' ||
			str_int(text + 1, 0, SIGRTMAX - SIGRTMIN, &n))
			return 0;
	}
	return from_min ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
}

static int named_signal(const char *text)
{
	static const struct {
		const char *name;
		int signo;
		/* signal(7): the other names */
	} aliases[] = { { "IOT", SIGABRT }, { "CLD", SIGCHLD }, { "IO", SIGIO } };

	for (int s = 1; s < SIGRTMIN; s++) {
		const char *name = sigabbrev_np(s);

		if (name && !strcasecmp(text, name))
			return s;
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcasecmp(text, aliases[i].name))
			return aliases[i].signo;
	return realtime_signal(text);
}

int str_signal(const char *text, int *ret_signo)
{
	int64_t n;
	int signo;

	if (!str_int(text, 1, SIGRTMAX, &n)) {
		signo = (int)n;
		if (!sigabbrev_np(signo) && signo < SIGRTMIN) /* 32 and 33 are glibc's */
			return -EINVAL;
	} else {
		signo = named_signal(strncasecmp(text, "SIG", 3) ? text : text + 3);
		if (!signo)
			return -EINVAL;
	}
	*ret_signo = signo;
	return 0;
}

const char *str_signal_name(int signo, char buf[static 24])
{
	const char *name = sigabbrev_np(signo);

	if (name)
		(void)snprintf(buf, 24, "SIG%s", name);
	else if (signo == SIGRTMIN)
		(void)snprintf(buf, 24, "SIGRTMIN");
	else if (signo > SIGRTMIN && signo <= SIGRTMAX)
		(void)snprintf(buf, 24, "SIGRTMIN+%d", signo - SIGRTMIN);
	else
		(void)snprintf(buf, 24, "signal %d", signo);
	return buf;
}

#define DISTANCE_MAX 64u

unsigned str_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, DISTANCE_MAX + 1), nb = strnlen(b, DISTANCE_MAX + 1);
	unsigned rows[3][DISTANCE_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2];

	if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

uint64_t str_hash(uint64_t seed, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < bytes; i++)
		seed = (seed ^ p[i]) * 0x100000001b3ull;
	return seed;
}

int str_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	char *end;
	double value;
	const char *unit;

	if (text[0] < '0' || text[0] > '9' || strpbrk(text, "eExXpP"))
		return -EINVAL;
	value = strtod(text, &end);
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		for (long i = unit - units; i >= 0; i--)
			value *= 1024;
		end++;
		end += *end == 'i' && (end[1] == 'B' || end[1] == 'b');
	}
	end += *end == 'B' || *end == 'b';
	if (*end)
		return -EINVAL;
	if (value > 1e15)
		return -ERANGE;
	*ret_bytes = (uint64_t)value;
	return 0;
}
