/* client/lastwords.c - the last that a process has written (client/lastwords.h). */
#include "client/lastwords.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "logread/format.h"
#include "logread/stream.h"

#define LINES	   LASTWORDS_LINES
#define LINE_BYTES LASTWORDS_BYTES

/* What is damaged is the business of "tend logs". */
static void hush(void *arg, const char *text)
{
	(void)arg, (void)text;
}

/* Append the last lines of one log. */
static void read_log(int logs_fd, const char *stem, uint64_t since_real_ns, char *buf, size_t size)
{
	const struct log_query all = { .min_level = LOG_LEVEL_DEBUG };
	const struct log_complain quiet = { .fn = hush };
	char line[LINES][LINE_BYTES + 1], shown[4 * LINE_BYTES + 1];
	struct stream *s = NULL;
	struct log_entry e;
	unsigned n = 0;

	if (stream_open(logs_fd, stem, 0, STREAM_BACKWARD, &all, &quiet, &s, NULL) < 0)
		return;
	while (n < LINES && stream_read(s, &e, NULL) == 1 &&
		!(e.arrival_ns && e.arrival_ns < since_real_ns)) {
		size_t len = e.len < LINE_BYTES ? e.len : LINE_BYTES;

		memcpy(line[n], e.text, len);
		line[n++][len] = 0;
	}
	stream_close(s);
	for (unsigned i = n; i-- > 0;) {
		size_t at = strlen(buf);

		str_visible(shown, sizeof(shown), line[i]);
		snprintf(buf + at, size - at, "%s\n", shown);
	}
}

const char *lastwords(
	int logs_fd, const char *name, uint64_t since_real_ns, char buf[static LASTWORDS_MAX])
{
	char err[NAME_MAX_BYTES + sizeof(LOG_ERR_MARK)];

	buf[0] = 0;
	if (logs_fd < 0)
		return buf;
	snprintf(err, sizeof(err), "%s" LOG_ERR_MARK, name);
	read_log(logs_fd, name, since_real_ns, buf, LASTWORDS_MAX);
	read_log(logs_fd, err, since_real_ns, buf, LASTWORDS_MAX);
	return buf;
}
