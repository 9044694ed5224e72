/* client/phrase.c - parts of sentences (client/phrase.h). */
#include "client/phrase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"

#define SEEN_NS (120 * NS_PER_SEC)

char *phrase_digits(uint64_t value, char *end)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

const char *phrase_bytes(uint64_t bytes, char buf[static 24])
{
	static const char units[] = "BKMGTPE";
	unsigned unit = 0;
	uint64_t tenths = 0;
	char *end = buf + 23, *at;

	for (; bytes >= 1000 && unit + 2 < sizeof(units); unit++) {
		tenths = bytes % 1024 * 10 / 1024;
		bytes /= 1024;
	}
	*end = 0;
	*--end = units[unit];
	if (unit && bytes < 10) {
		*--end = (char)('0' + tenths);
		*--end = '.';
	}
	at = phrase_digits(bytes, end);
	return memmove(buf, at, (size_t)(buf + 24 - at));
}

const char *phrase_exit(unsigned exit_kind, int wait_status, char buf[static PHRASE_MAX])
{
	char name[24];

	if (exit_kind == PT_EXIT_NONE)
		snprintf(buf, PHRASE_MAX, "has not ended yet");
	else if (exit_kind != PT_EXIT_KNOWN)
		snprintf(buf, PHRASE_MAX, "ended while no daemon lived, status unknown");
	else if (WIFEXITED(wait_status))
		snprintf(buf, PHRASE_MAX, "exited with status %d", WEXITSTATUS(wait_status));
	else if (WIFSIGNALED(wait_status))
		snprintf(buf, PHRASE_MAX, "was killed by %s%s",
			str_signal_name(WTERMSIG(wait_status), name),
			WCOREDUMP(wait_status) ? " (core dumped)" : "");
	else
		snprintf(buf, PHRASE_MAX, "ended with wait status %#x", (unsigned)wait_status);
	return buf;
}

const char *phrase_log_error(int error)
{
	return error == EMFILE ? "the logger may have no more open files (ulimit -n)"
			       : strerror(error);
}

const char *phrase_seen(const struct pt_health *h, char buf[static PHRASE_MAX])
{
	uint64_t seen = h->registry_seen_real_ns, now = h->listed_real_ns;
	bool ahead = seen > now;
	char span[CLOCK_TEXT_MAX];

	buf[0] = 0;
	if (h->listing == PT_LISTING_LISTED && seen && now &&
		(ahead ? seen - now : now - seen) >= SEEN_NS)
		(void)snprintf(buf, PHRASE_MAX, "%s %s",
			clock_rough(ahead ? seen - now : now - seen, span),
			ahead ? "from now" : "ago");
	return buf;
}
