/* cli/opts.c - reading options (cli/opts.h). */
#include "cli/opts.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cli/out.h"
#include "cli/usage.h"
#include "client/like.h"

#define MAX_OPTIONS 64

/* Options of every command; their values are none that a command uses. */
enum { HELP = 0x10000, QUIET };

/* While a command is asked for its options instead of being run. */
static bool listing;
static struct option listed[MAX_OPTIONS + 3];

/* The option that was perhaps meant, or NULL. */
static const char *option_like(const char *name, size_t len, const struct option *options)
{
	char typed[64];
	struct like like = LIKE(typed);

	if (len >= sizeof(typed))
		return NULL;
	memcpy(typed, name, len);
	typed[len] = 0;
	for (const struct option *o = options; o->name; o++)
		like_try(&like, o->name);
	return like.best;
}

static unsigned count_beginning(const char *name, size_t len, const struct option *options)
{
	unsigned n = 0;

	for (const struct option *o = options; o->name; o++)
		n += strncmp(o->name, name, len) == 0;
	return n;
}

static void explain_ambiguous(const char *name, size_t len, const struct option *options)
{
	char all[400] = "";
	size_t used = 0;

	for (const struct option *o = options; o->name && used < sizeof(all); o++)
		if (strncmp(o->name, name, len) == 0)
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s--%s",
				used ? ", " : "", o->name);
	out_misuse("option --%.*s is ambiguous: %s", (int)len, name, all);
}

/* optopt is 0 for an unknown or ambiguous long option, else the val of a long one that takes no
 * value, or the unknown letter. */
static void explain_bad(const char *arg, const struct option *options)
{
	const char *name = arg + 2, *like;
	size_t len = strcspn(name, "=");

	if (optopt != 0 && (strncmp(arg, "--", 2) != 0 || name[len] != '='))
		out_misuse("unknown option -%c", optopt);
	else if (optopt != 0)
		out_misuse("option --%.*s takes no value", (int)len, name);
	else if (count_beginning(name, len, options) > 1)
		explain_ambiguous(name, len, options);
	else if ((like = option_like(name, len, options)))
		out_misuse("unknown option --%.*s; did you mean --%s?", (int)len, name, like);
	else
		out_misuse("unknown option --%.*s", (int)len, name);
}

int opts_next(const struct command *c, int argc, char **argv, const struct option *options)
{
	return opts_next_short(c, argc, argv, options, ":hq");
}

int opts_next_short(const struct command *c, int argc, char **argv, const struct option *options,
	const char *letters)
{
	struct option all[MAX_OPTIONS + 3] = { 0 };
	static bool quiet;
	int n = 0, opt;

	while (n < MAX_OPTIONS && options[n].name) {
		all[n] = options[n];
		n++;
	}
	all[n++] = (struct option){ "help", no_argument, NULL, HELP };
	all[n] = (struct option){ "quiet", no_argument, NULL, QUIET };
	if (listing) {
		memcpy(listed, all, sizeof(all));
		return OPT_HELP;
	}
	opterr = 0;
	do {
		opt = getopt_long(argc, argv, letters, all, NULL);
		quiet = quiet || opt == QUIET || opt == 'q';
	} while (opt == QUIET || opt == 'q');
	switch (opt) {
	case -1:
		if (quiet)
			out_quiet();
		return OPT_END;
	case HELP:
	case 'h':
		usage_page(c);
		return OPT_HELP;
	case ':':
		out_misuse("option %s needs a value", argv[optind - 1]);
		return OPT_BAD;
	case '?':
		explain_bad(argv[optind - 1], all);
		return OPT_BAD;
	default:
		return opt;
	}
}

const struct option *opts_of(const struct command *c)
{
	char name[32];
	char *argv[] = { name, NULL };

	listing = true;
	memset(listed, 0, sizeof(listed));
	(void)str_copy(name, sizeof(name), c->name);
	(void)c->run(c, 1, argv);
	listing = false;
	return listed;
}

int opts_status(int opt)
{
	return opt == OPT_HELP ? EXIT_OK : opt == OPT_FAILED ? EXIT_FAIL : EXIT_MISUSE;
}

bool opts_duration(const char *what, const char *text, uint64_t max_ms, uint64_t *ret_ms)
{
	uint64_t ms;

	if (text[0] == '-') {
		out_misuse("%s %s: a duration can't be negative", what, text);
		return false;
	}
	if (str_duration_ms(text, &ms) < 0) {
		out_misuse(
			"%s %s: not a duration; write seconds, or for example 500ms, 30s, 5m, 1h30m",
			what, text);
		return false;
	}
	if (ms > max_ms) {
		out_misuse("%s %s: longer than %llu s", what, text,
			(unsigned long long)(max_ms / 1000));
		return false;
	}
	*ret_ms = ms;
	return true;
}

bool opts_operands(int argc, int want, const char *what)
{
	int have = argc - optind;

	if (have == want)
		return true;
	if (have < want)
		out_misuse("%s missing", what);
	else if (want == 0)
		out_misuse("takes no operands");
	else
		out_misuse("too many operands");
	return false;
}

bool opts_bytes(const char *what, const char *text, uint64_t *ret_bytes)
{
	int r = str_bytes(text, ret_bytes);

	if (r < 0)
		out_misuse("%s %s: %s", what, text,
			r == -ERANGE
				? "too large"
				: "not a size; write bytes, or for example 512KiB, 64MiB, 2GiB");
	return r == 0;
}
