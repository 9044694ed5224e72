/* tests/unit/test_shm_explain.c - the decoder, on good segments and on whatever else a file can
 * hold. */
#include "shm/events.h"
#include "shm/explain.h"
#include "shm/ring.h"
#include "shm_fixture.h"

#define ROWS 16u
#ifdef __SANITIZE_THREAD__ /* one thread, and many times slower */
#define CORRUPTIONS 100u
#define SHORT_STEP  20
#else
#define CORRUPTIONS 2000u
#define SHORT_STEP  1
#endif

static unsigned times(const char *text, const char *words)
{
	unsigned n = 0;

	while ((text = strstr(text, words)) != NULL) {
		text += strlen(words);
		n++;
	}
	return n;
}

/* Explain a file; the text is the caller's. */
static int explain(int fd, char **ret_text)
{
	size_t len = 0;
	FILE *out = open_memstream(ret_text, &len);
	uint64_t began = clock_boot_ns();
	int r = pt_explain(fd, out);

	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_lt(clock_boot_ns() - began, 60 * NS_PER_SEC);
	/* nothing that could drive a terminal; one assertion, since each costs Check a write to a
	 * file */
	size_t fit = 0;
	while (fit < len && ((*ret_text)[fit] == '\n' || (unsigned char)(*ret_text)[fit] >= 0x20))
		fit++;
	ck_assert_uint_eq(fit, len);
	ck_assert_int_eq(r == -EBADMSG, strstr(*ret_text, "\n  ! ") != NULL);
	/* that the file ends is told once, not of each that is missing */
	ck_assert_uint_le(times(*ret_text, "rows from "), 1);
	ck_assert_uint_le(times(*ret_text, "entries from "), 1);
	return r;
}

static int explain_file(int fd)
{
	char *text = NULL;
	int r = explain(fd, &text);

	free(text);
	return r;
}

/* A segment with something of everything; returns its file. */
static int busy_segment(void)
{
	struct pt *guardian = fresh(ROWS), *spawner = join(PT_SPAWNER), *monitor = join(PT_MONITOR),
		  *logger = join(PT_LOGGER), *client = join(PT_CLIENT);
	struct pt_health health = { .gen = 1,
		.verdict = PT_HEALTH_UNHEALTHY,
		.error = "answers \x1b[31m red",
		.memory_bytes = 4711 };
	struct pt_log log = { .gen = 1, .state = PT_LOG_OPEN, .captured_bytes = 815 };
	struct pt_exit box = { .gen = 1, .pid = 77, .wait_status = 9 };
	struct pt_daemon d = { .pid = 1234, .restarts = 2, .since_real_ns = NS_PER_SEC };
	struct pt_monitor m = { .registry_url = "http://\x1b:8000",
		.registry_agents = 3,
		.registry_error = "refused",
		.brake_reason = "too many",
		.conf_error = "no number",
		.cycles = 7 };
	struct pt_event ev = { .kind = PT_EVENT_STATE,
		.from = PT_STATE_STARTING,
		.to = PT_STATE_RUNNING,
		.reason = PT_REASON_LAUNCHED,
		.name = "alpha" };
	struct pt_request req[2] = { { .kind = PT_COMMAND_STOP, .name = "alpha" },
		{ .kind = PT_COMMAND_START, .name = "gamma", .spec = ".new-1-2" } };
	struct pt_ticket t[2];
	struct pt_answer a = { .code = -EBUSY, .text = "not now" };
	int fd;

	add_row(spawner, "alpha", 4242);
	add_row(spawner, "beta", 0);
	pt_put_health(monitor, 0, &health);
	pt_put_log(logger, 0, &log);
	pt_put_monitor(monitor, &m);
	pt_put_exit(guardian, 0, &box);
	for (unsigned role = 0; role < ROLE_MAX; role++)
		pt_put_daemon(guardian, role, &d);
	for (unsigned i = 0; i < 10; i++)
		pt_event_add(spawner, &ev);
	ck_assert_int_eq(pt_post(client, req, 2, 1000, t), 2);
	pt_command_done(spawner, t[0], &a);
	pt_detach(client);
	pt_detach(logger);
	pt_detach(monitor);
	pt_detach(spawner);
	fd = raw_open();
	pt_detach(guardian);
	return fd;
}

/* What is compared with what it has to be. */
#define word(field) \
	{ \
#field, offsetof(struct seg_header, field) \
	}
static const struct {
	const char *name;
	size_t at;
} words[] = { word(magic), word(abi), word(header_bytes), word(fingerprint), word(total_bytes),
	word(capacity), word(commands), word(regions) };
#define WORDS (sizeof(words) / sizeof(words[0]))

/* Does the line of this word of the header end with "ok"? */
static bool is_fine(const char *text, const char *word)
{
	const char *line, *end;
	char begin[32];

	snprintf(begin, sizeof(begin), "\n  %s ", word);
	line = strstr(text, begin);
	ck_assert_msg(line != NULL, "no %s in:\n%s", word, text);
	end = strchr(line + 1, '\n');
	return end && strncmp(end - 3, " ok", 3) == 0;
}

START_TEST(undamaged)
{
	static const char *const has[] = {
		"magic           0x31484d53444e4554 ok",
		"abi             5 ok",
		"capacity        16 ok",
		"lives",
		"lock:\n  free",
		"used            2",
		"guardian        pid 1234",
		"\"http://\\x1b:8000\", answered",
		"3 agents, error \"refused\"",
		"\"too many\"\n  cycles          7,",
		"configuration   \"no number\"",
		"row 0 gen 1 \"alpha\"",
		"running since",
		"pid 4242",
		"unhealthy",
		"answers \\x1b[31m red",
		"4711 bytes",
		"815 bytes captured",
		"exit mailbox of the guardian: pid 77",
		"row 1 gen 1 \"beta\"",
		"done: stop \"alpha\"",
		"answer -16",
		"not now",
		"ready: start \"gamma\" spec \".new-1-2\"",
		"10 so far",
		"    9 ",
		"reason launched",
		"nothing is wrong",
	};
	int fd = busy_segment();
	char *text = NULL;

	ck_assert_int_eq(explain(fd, &text), 0);
	for (unsigned i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		ck_assert_msg(strstr(text, has[i]) != NULL, "no \"%s\" in:\n%s", has[i], text);
	for (unsigned i = 0; i < WORDS; i++)
		ck_assert_msg(is_fine(text, words[i].name), "%s in:\n%s", words[i].name, text);
	free(text);
	close(fd);
}
END_TEST

/* Both ends of what a capacity can be are sound, and so is a table that is full. */
START_TEST(capacities)
{
	static const uint32_t ends[] = { 1, PT_CAPACITY_MAX };

	for (unsigned i = 0; i < 2; i++) {
		struct pt *guardian = fresh(ends[i]), *spawner = join(PT_SPAWNER);
		int fd = raw_open();
		char *text = NULL, want[64];

		add_row(spawner, "alpha", 4242);
		ck_assert_int_eq(explain(fd, &text), 0);
		snprintf(want, sizeof(want), "capacity        %u ok\n", ends[i]);
		ck_assert_msg(strstr(text, want) != NULL, "no \"%s\" in:\n%s", want, text);
		free(text);
		close(fd);
		pt_detach(spawner);
		pt_detach(guardian);
	}
}
END_TEST

START_TEST(held_lock)
{
	struct pt *pt = fresh(2);
	int fd = raw_open();
	char *text = NULL, want[64];

	ck_assert_int_eq(pt_lock(pt, 0), 0);
	ck_assert_int_eq(explain(fd, &text), 0);
	snprintf(want, sizeof(want), "held by thread %d", (int)getpid());
	ck_assert_ptr_nonnull(strstr(text, want));
	free(text);
	pt_unlock(pt);
	close(fd);
	pt_detach(pt);
}
END_TEST

/* Each damage is named. */
START_TEST(named)
{
	static const struct {
		enum seg_region_id region;
		uint32_t element, skip;
		const char *words;
	} damage[] = {
		{ SEG_GENS, 5, 0, "high: rows up to 6 of 16" },
		{ SEG_GENS, 5, 0, "row 5: its ident is of incarnation 0" },
		{ SEG_SHARED, 0, offsetof(struct seg_shared, lock) + 16, "not a lock" },
		{ SEG_SHARED, 0, offsetof(struct seg_shared, used), "used: 2 rows" },
		{ SEG_SHARED, 0, offsetof(struct seg_shared, journal), "more entries" },
		{ SEG_COMMANDS, 9, 0, "entry 9: state" },
		{ SEG_SPAWNER_EVENTS, 10, 0, "event 9: its entry holds number" },
		{ SEG_SPAWNER_EVENTS, 0, 4, "its entry holds number" },
	};

	for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		int fd = busy_segment();
		struct pt *pt = join(PT_READER);
		const struct seg_region *r = &pt->header.region[damage[i].region];
		uint32_t odd = 0x01010101;
		char *text = NULL;

		ck_assert_int_eq(
			pwrite(fd, &odd, 4,
				(off_t)(r->offset + (uint64_t)r->stride * damage[i].element +
					damage[i].skip)),
			4);
		ck_assert_int_eq(explain(fd, &text), -EBADMSG);
		ck_assert_msg(strstr(text, damage[i].words) != NULL, "no \"%s\" in:\n%s",
			damage[i].words, text);
		free(text);
		pt_detach(pt);
		close(fd);
	}
}
END_TEST

static void is_no_monitor(const struct pt_monitor *m)
{
	struct pt *guardian = fresh(2), *monitor = join(PT_MONITOR);
	int fd = raw_open();
	char *text = NULL;

	pt_put_monitor(monitor, m);
	ck_assert_int_eq(explain(fd, &text), -EBADMSG);
	ck_assert_msg(strstr(text, "monitor: registry state") != NULL, "%s", text);
	free(text);
	close(fd);
	pt_detach(monitor);
	pt_detach(guardian);
}

START_TEST(what_no_monitor_writes)
{
	struct pt_monitor m;
	char *const endless[] = { m.registry_url, m.registry_error, m.brake_reason, m.conf_error };

	for (unsigned i = 0; i < 4; i++) {
		m = (struct pt_monitor){ 0 };
		memset(endless[i], 'x', sizeof(m.registry_url));
		is_no_monitor(&m);
	}
	m = (struct pt_monitor){ .registry_state = PT_REGISTRY_MAX };
	is_no_monitor(&m);
}
END_TEST

/* One damaged field of the header doesn't hide the rest. */
START_TEST(header_fields)
{
	for (uint64_t at = 0; at + 8 <= 72; at += 8) {
		int fd = busy_segment();
		char *text = NULL;
		uint64_t word;

		ck_assert_int_eq(pread(fd, &word, 8, (off_t)at), 8);
		word ^= 0x5555555555555555ull;
		ck_assert_int_eq(pwrite(fd, &word, 8, (off_t)at), 8);
		(void)explain(fd, &text);
		ck_assert_msg(strstr(text, "\"alpha\"") != NULL, "byte %llu hides all:\n%s",
			(unsigned long long)at, text);
		free(text);
		close(fd);
	}
}
END_TEST

/* The one that is wrong is told from the others. */
START_TEST(wrong_word)
{
	int fd = busy_segment();

	for (unsigned i = 0; i < WORDS; i++) {
		char *text = NULL;
		uint32_t good, bad;

		ck_assert_int_eq(pread(fd, &good, 4, (off_t)words[i].at), 4);
		bad = good ^ 0x55555555;
		ck_assert_int_eq(pwrite(fd, &bad, 4, (off_t)words[i].at), 4);
		ck_assert_int_eq(explain(fd, &text), -EBADMSG);
		for (unsigned k = 0; k < WORDS; k++)
			ck_assert_msg(is_fine(text, words[k].name) == (k != i), "%s in:\n%s",
				words[k].name, text);
		ck_assert_int_eq(pwrite(fd, &good, 4, (off_t)words[i].at), 4);
		free(text);
	}
	close(fd);
}
END_TEST

START_TEST(foreign)
{
	char path[160];
	int fd, null = open("/dev/null", O_RDONLY);
	struct seg_header h;
	char *text = NULL;

	ck_assert_int_eq(explain_file(null), -EINVAL);
	ck_assert_int_eq(pt_explain(-1, stdout), -EBADF);
	close(null);
	fd = busy_segment();
	ck_assert_int_eq(pread(fd, &h, sizeof(h), 0), sizeof(h));
	h.abi++;
	h.fingerprint++;
	ck_assert_int_eq(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	ck_assert_int_eq(explain(fd, &text), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(text, "layout version 6"));
	ck_assert_ptr_nonnull(strstr(text, "layout of another program"));
	ck_assert_ptr_null(strstr(text, "alpha"));
	free(text);
	close(fd);
	snprintf(path, sizeof(path), "%s/some text", home_root);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (unsigned i = 0; i < 1000; i++)
		dprintf(fd, "this is a text and no segment, line %u\n", i);
	ck_assert_int_eq(explain_file(fd), -EBADMSG);
	ck_assert_int_eq(ftruncate(fd, (off_t)1 << 40), 0); /* a hole of a terabyte */
	ck_assert_int_eq(explain_file(fd), -EBADMSG);
	close(fd);
}
END_TEST

START_TEST(every_length)
{
	int fd = busy_segment();
	struct stat st;
	struct pt *pt = join(PT_READER);
	struct seg_header h = pt->header;
	unsigned classes = 0;

	pt_detach(pt);
	ck_assert_int_eq(fstat(fd, &st), 0);
	for (unsigned r = SEG_REGION_MAX;
		/* from behind: the ends of each region, its middle, and the bytes around */
		r-- > 0;) {
		const struct seg_region *g = &h.region[r];
		uint64_t end = g->offset + (uint64_t)g->stride * g->count;
		const uint64_t cut[] = { end, end - 1, end - g->stride, (end + g->offset) / 2 | 1,
			g->offset + g->stride, g->offset + 9, g->offset + 1, g->offset };

		for (unsigned i = 0; i < 8; i++, classes++) {
			ck_assert_int_eq(ftruncate(fd, (off_t)cut[i]), 0);
			ck_assert_int_eq(explain_file(fd), -EBADMSG);
		}
	}
	for (off_t len = 4095; len >= 0; len -= len > 900 ? 97 : SHORT_STEP, classes++) {
		ck_assert_int_eq(ftruncate(fd, len), 0);
		ck_assert_int_eq(explain_file(fd), -EBADMSG);
	}
	ck_assert_uint_gt(classes, 900 / SHORT_STEP);
	close(fd);
}
END_TEST

START_TEST(longer)
{
	int fd = busy_segment();
	struct stat st;
	char *text = NULL;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(fd, st.st_size + 5), 0);
	ck_assert_int_eq(explain(fd, &text), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(text, "\"alpha\""));
	free(text);
	close(fd);
}
END_TEST

/* Places where damage matters most get most of it: header, shared block, gens, and the blocks of
 * the rows in use. */
static uint64_t somewhere(const struct seg_header *h, uint64_t *seed)
{
	uint64_t n = random_next(seed);

	switch (n % 5) {
	case 0:
		return n / 5 % sizeof(*h);
	case 1:
		return h->region[SEG_SHARED].offset + n / 5 % sizeof(struct seg_shared);
	case 2:
		return h->region[SEG_GENS].offset + n / 5 % (4ull * ROWS);
	case 3: {
		const struct seg_region *r = &h->region[n / 5 % SEG_REGION_MAX];

		return r->offset + n / 97 % ((uint64_t)r->stride * (r->count > 2 ? 2 : r->count));
	}
	default:
		return n / 5 % h->total_bytes;
	}
}

/* A file that ends before its size, as one that is cut meanwhile: sysfs has such. What errno says
 * of an earlier call is no reason to read again. */
START_TEST(less_than_its_size)
{
	int fd = open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0)
		return;
	errno = EINTR;
	ck_assert_int_eq(explain(fd, &text), -EBADMSG);
	free(text);
	close(fd);
}
END_TEST

START_TEST(corruptions)
{
	uint64_t seed = test_seed();
	int fd = busy_segment();
	struct pt *pt = join(PT_READER);
	struct seg_header h = pt->header;
	unsigned char *good = malloc(h.total_bytes);

	pt_detach(pt);
	ck_assert_int_eq(pread(fd, good, h.total_bytes, 0), (ssize_t)h.total_bytes);
	for (unsigned i = 0; i < CORRUPTIONS; i++) {
		uint64_t spoiled[8];
		unsigned n = 1 + (unsigned)(random_next(&seed) % 8);

		for (unsigned k = 0; k < n; k++) {
			uint64_t what = random_next(&seed), width = 1ull << (what & 3);

			spoiled[k] = somewhere(&h, &seed) & ~7ull;
			what = what & 16 ? what : what & 32 ? UINT64_MAX : 1ull << (what >> 8 & 63);
			ck_assert_int_eq(
				pwrite(fd, &what, width, (off_t)spoiled[k]), (ssize_t)width);
		}
		(void)explain_file(fd);
		for (unsigned k = 0; k < n; k++)
			ck_assert_int_eq(pwrite(fd, good + spoiled[k], 8, (off_t)spoiled[k]), 8);
	}
	ck_assert_int_eq(explain_file(fd), 0);
	free(good);
	close(fd);
}
END_TEST

/* Random bytes behind a good header, and everywhere. */
START_TEST(random_bytes)
{
	uint64_t seed = test_seed();

	for (unsigned i = 0; i < 20; i++) {
		int fd = busy_segment();
		struct stat st;

		ck_assert_int_eq(fstat(fd, &st), 0);
		for (off_t at = i & 1 ? 0 : SEG_PAGE; at < st.st_size; at += SEG_PAGE) {
			uint64_t page[SEG_PAGE / 8];

			for (unsigned w = 0; w < SEG_PAGE / 8; w++)
				page[w] = random_next(&seed);
			ck_assert_int_eq(pwrite(fd, page, SEG_PAGE, at), SEG_PAGE);
		}
		ck_assert_int_eq(explain_file(fd), -EBADMSG);
		close(fd);
	}
}
END_TEST

/* The largest table with every row in nonsense use: the text stays short. */
START_TEST(large)
{
	struct pt *pt = fresh(PT_CAPACITY_MAX);
	int fd = raw_open();
	char *text = NULL;
	uint32_t *odd = malloc(4 * PT_CAPACITY_MAX);

	for (uint32_t i = 0; i < PT_CAPACITY_MAX; i++)
		odd[i] = 2 * i + 1;
	ck_assert_int_eq(
		pwrite(fd, odd, 4 * PT_CAPACITY_MAX, (off_t)pt->header.region[SEG_GENS].offset),
		4 * PT_CAPACITY_MAX);
	ck_assert_int_eq(explain(fd, &text), -EBADMSG);
	ck_assert_uint_lt(strlen(text), 200000);
	ck_assert_ptr_nonnull(strstr(text, " more\n"));
	free(odd);
	free(text);
	close(fd);
	pt_detach(pt);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("explain");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, undamaged);
	tcase_add_test(tc, capacities);
	tcase_add_test(tc, held_lock);
	tcase_add_test(tc, named);
	tcase_add_test(tc, what_no_monitor_writes);
	tcase_add_test(tc, header_fields);
	tcase_add_test(tc, wrong_word);
	tcase_add_test(tc, foreign);
	tcase_add_test(tc, every_length);
	tcase_add_test(tc, longer);
	tcase_add_test(tc, less_than_its_size);
	tcase_add_test(tc, corruptions);
	tcase_add_test(tc, random_bytes);
	tcase_add_test(tc, large);
	return run_case(tc, "shm_explain");
}
