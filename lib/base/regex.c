/* base/regex.c - regular expressions as people write them (base/regex.h). */
#include "base/regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROWTH 6u /* no escape takes more for each of its bytes: \w in a bracket is _[:alnum:] */

/* What stands for an escape, outside of [...] and inside. */
struct escape {
	char letter;
	const char *outside, *inside; /* NULL: none */
};

static const struct escape escapes[] = {
	{ 'd', "[0-9]", "0-9" },
	{ 'D', "[^0-9]", NULL },
	{ 'w', "\\w", "_[:alnum:]" },
	{ 'W', "\\W", NULL },
	{ 's', "\\s", "[:space:]" },
	{ 'S', "\\S", NULL },
	{ 'b', "\\b", NULL },
	{ 'B', "\\B", NULL },
	{ 't', "\t", "\t" },
	{ 'r', "\r", "\r" },
	{ 'n', "\n", "\n" },
	{ 'f', "\f", "\f" },
	{ 'v', "\v", "\v" },
};

static const struct escape *find_escape(char letter)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (escapes[i].letter == letter)
			return &escapes[i];
	return NULL;
}

struct translation {
	const char *from; /* what is still to be read */
	char *to;	  /* where what comes of it goes */
	struct fault *f;
};

static void put(struct translation *t, const char *text, size_t len)
{
	memcpy(t->to, text, len);
	t->to += len;
}

static void take(struct translation *t, size_t len)
{
	put(t, t->from, len);
	t->from += len;
}

/* A letter or digit. */
static int refuse(struct translation *t, const char *where)
{
	return fault_set(t->f, -EINVAL, "\\%c is not known%s", t->from[1], where);
}

/* An escape that is a word of its own, or a character that has lost its meaning. */
static int outside(struct translation *t)
{
	char c = t->from[1];
	const struct escape *e = find_escape(c);

	if (!c)
		return fault_set(t->f, -EINVAL, "a backslash at its end");
	if (isascii(c) && isalnum(c) && !e && !(c >= '1' && c <= '9'))
		return refuse(t, "");
	if (e) {
		put(t, e->outside, strlen(e->outside));
		t->from += 2;
	} else {
		take(t, 2);
	}
	return 0;
}

/* In a bracket a backslash is nothing special to POSIX; what is special there has to be put
 * differently. */
static int inside(struct translation *t)
{
	char c = t->from[1], element[] = "[.x.]";
	const struct escape *e = find_escape(c);

	if (!c)
		return fault_set(t->f, -EINVAL, "a backslash at its end");
	if (isascii(c) && isalnum(c) && (!e || !e->inside))
		return refuse(t, " in [...]");
	element[2] = c;
	if (e)
		put(t, e->inside, strlen(e->inside));
	else if (strchr("]^-[", c))
		put(t, element, 5);
	else
		put(t, &c, 1);
	t->from += 2;
	return 0;
}

/* [:class:], [.x.] and [=x=] within a bracket; 0 where none is. */
static size_t class_length(const char *at)
{
	char end[] = { at[1], ']', 0 };
	const char *close = at[1] && strchr(":.=", at[1]) ? strstr(at + 2, end) : NULL;

	return close ? (size_t)(close - at) + 2 : 0;
}

static int bracket(struct translation *t)
{
	int r = 0;

	take(t, t->from[1] == '^' ? 2 : 1);
	if (*t->from == ']') /* the first one is a character */
		take(t, 1);
	while (r == 0 && *t->from && *t->from != ']') {
		size_t class = *t->from == '[' ? class_length(t->from) : 0;

		if (*t->from == '\\')
			r = inside(t);
		else
			take(t, class ? class : 1);
	}
	if (r == 0 && !*t->from)
		return fault_set(t->f, -EINVAL, "[ without its ]");
	if (r == 0)
		take(t, 1);
	return r;
}

int regex_translate(const char *text, char **ret, struct fault *f)
{
	char *to = malloc(GROWTH * strlen(text) + 1);
	struct translation t = { .from = text, .to = to, .f = f };
	int r = to ? 0 : fault_set(f, -ENOMEM, "out of memory");

	while (r == 0 && *t.from) {
		if (*t.from == '\\')
			r = outside(&t);
		else if (*t.from == '[')
			r = bracket(&t);
		else
			take(&t, 1);
	}
	if (r < 0) {
		free(to);
		return r;
	}
	*t.to = 0;
	*ret = to;
	return 0;
}

int regex_compile(regex_t *ret, const char *text, int flags, struct fault *f)
{
	char *translated, why[100];
	int r = regex_translate(text, &translated, f);

	if (r < 0)
		return r;
	r = regcomp(ret, translated, REG_EXTENDED | REG_NOSUB | flags);
	free(translated);
	if (r == 0)
		return 0;
	(void)regerror(r, ret, why, sizeof(why));
	return fault_set(f, r == REG_ESPACE ? -ENOMEM : -EINVAL, "%s", why);
}
