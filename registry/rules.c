/* registry/rules.c - the rules of age and versions (registry/agents.h). */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "registry/agents.h"

static uint64_t age_ns(const struct agent *a, uint64_t now_boot_ns)
{
	return now_boot_ns > a->seen_boot_ns ? now_boot_ns - a->seen_boot_ns : 0;
}

bool agent_is_stale(const struct agent *a, uint64_t now_boot_ns)
{
	return a->left || age_ns(a, now_boot_ns) >= a->timeout_ns;
}

bool agent_is_over(const struct agent *a, const struct age_rules *rules, uint64_t now_boot_ns)
{
	return age_ns(a, now_boot_ns) >= rules->retention_ns && agent_is_stale(a, now_boot_ns);
}

const char *agent_status(const struct agent *a, uint64_t now_boot_ns)
{
	return agent_is_stale(a, now_boot_ns) ? "unhealthy" : a->said[0] ? a->said : "healthy";
}

void agent_says(struct agent *a, const char *word)
{
	static const char *const words[] = { "healthy", "degraded", "unhealthy", "offline" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			str_copy(a->said, sizeof(a->said), word);
}

/* ---- versions: up to three numbers parted by dots; what follows them is not looked at */

struct version {
	unsigned long part[3];
	int given;
};

static struct version read_version(const char **p)
{
	struct version v = { { 0 }, 0 };

	while (**p >= '0' && **p <= '9' && v.given < 3) {
		char *end;

		v.part[v.given++] = strtoul(*p, &end, 10);
		*p = end;
		if (**p != '.' || (*p)[1] < '0' || (*p)[1] > '9')
			break;
		(*p)++;
	}
	return v;
}

static int compare(const struct version *a, const struct version *b, int parts)
{
	for (int i = 0; i < parts; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

/* One part of a constraint: an operator of the given length, and a version. */
static bool part_fits(
	const struct version *have, const char *op, size_t len, const struct version *want)
{
	int whole = compare(have, want, 3);

	if (len == 0 || op[0] == '=')
		return compare(have, want, want->given) == 0;
	if (op[0] == '^') /* the first number that is not zero stays */
		return whole >= 0 &&
			compare(have, want,
				want->part[0]		? 1
					: want->part[1] ? 2
							: 3) == 0;
	if (op[0] == '~')
		return whole >= 0 && compare(have, want, want->given > 1 ? 2 : 1) == 0;
	if (op[0] == '!')
		return whole != 0;
	if (op[0] == '>')
		return len == 2 ? whole >= 0 : whole > 0;
	return len == 2 ? whole <= 0 : whole < 0;
}

bool agent_version_fits(const char *version, const char *constraint)
{
	const char *p = version + (version[0] == 'v');
	struct version have = read_version(&p), want;

	for (p = constraint; *p;) {
		const char *op;
		size_t len;

		p += strspn(p, " ,");
		op = p;
		len = strspn(p, "<>=!~^");
		p += len;
		p += strspn(p, " v");
		want = read_version(&p);
		if (want.given == 0)
			/* "*" is any; what is not a version fits nothing */
			return *p == 0 ? len == 0 : *p == '*' && len == 0;
		if (!part_fits(&have, op, len, &want))
			return false;
		p += strcspn(p, " ,<>=!~^");
	}
	return true;
}
