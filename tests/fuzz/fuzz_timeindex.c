/*
 * tests/fuzz/fuzz_timeindex.c - the time index beside a log. The first byte of the input chooses
 * the question; the rest is the index, in which the inode is put right.
 */
#include <string.h>

#include "tests/fuzz/logfolder.h"

static void entries(int fd, const struct stat *log)
{
	struct tidx t;
	struct fault f = { "" };
	uint64_t last = 0;

	if (tidx_load(&t, fd, log, &f) < 0) {
		MUST(f.text[0]);
		return;
	}
	for (size_t i = 0; i < t.n; i++) {
		const struct tidx_entry *at = tidx_at(&t, t.entries[i].offset);

		MUST(t.entries[i].offset >= last && t.entries[i].offset <= (uint64_t)log->st_size &&
			t.entries[i].real_ns);
		MUST(at && at->offset == t.entries[i].offset);
		last = t.entries[i].offset;
	}
	tidx_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a.log", "a.log.idx", NULL };
	static const char text[] =
		"INFO 1\nERROR 2\n  more of it\n2026-01-02 03:04:05 INFO 4\n\nDEBUG 6\nINFO 7\nINFO 8";
	const uint64_t second = 1000000000ull;
	struct log_query q = { .min_level = LOG_LEVEL_DEBUG };
	struct tidx_head head;
	struct logfolder l = { .fd = -1 };
	struct stat st;
	int log, idx;

	if (size == 0)
		return 0;
	q.since_ns = data[0] & 1 ? (data[0] >> 4) * second : 0;
	q.until_ns = data[0] & 2 ? (data[0] >> 4) * second + 5 * second : 0;
	q.life = data[0] & 4 ? data[0] >> 6 : 0;
	logfolder_make(&l);
	log = logfolder_put(&l, names[0], text, sizeof(text) - 1);
	MUST(fstat(log, &st) == 0);
	idx = logfolder_put(&l, names[1], data + 1, size - 1);
	if (!(data[0] & 8) && pread(idx, &head, sizeof(head), 0) == sizeof(head)) {
		head.inode = st.st_ino;
		MUST(pwrite(idx, &head, sizeof(head), 0) == sizeof(head));
	}
	entries(idx, &st);
	logfolder_compare(&l, &q);
	close(log);
	close(idx);
	logfolder_remove(&l, names);
	return 0;
}
