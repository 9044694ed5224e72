/* tests/unit/test_config_spec.c - specifications of processes: round trip, defaults, and bad input,
 * whose error must name the key. */
#define _GNU_SOURCE 1
#include <cjson/cJSON.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/spec.h"
#include "json/write.h"
#include "tests/unit/run.h"

#define PLAIN \
	"\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": [\"true\"], \"env\": []"

static int parse(const char *text, struct spec *ret, struct fault *f)
{
	return spec_parse(text, strlen(text), ret, f);
}

static void expect_bad(const char *text, const char *named)
{
	struct fault f = { "" };
	struct spec s;
	int r = parse(text, &s, &f);

	ck_assert_msg(r == -EINVAL, "%.200s: %d instead of -EINVAL", text, r);
	ck_assert_msg(strstr(f.text, named) != NULL, "%.200s: \"%s\" does not say \"%s\"", text,
		f.text, named);
	ck_assert_int_eq(parse(text, &s, NULL), -EINVAL); /* the sentence is optional */
}

static void expect_same_vectors(char **a, char **b)
{
	size_t i = 0;

	for (; a[i] && b[i]; i++)
		ck_assert_str_eq(a[i], b[i]);
	ck_assert(!a[i] && !b[i]);
}

static char *texts[] = { (char[]){ "plain" }, (char[]){ "" },
	(char[]){ "quote \" backslash \\ slash /" }, (char[]){ "line\nend\ttab\x01" },
	(char[]){ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8c" }, NULL };

START_TEST(round_trip)
{
	char exe[] = "/opt/with space/\"x\"", cwd[] = "/srv/\xc3\xa9", file[] = "/opt/agent.py";
	struct spec s, back;
	struct fault f = { "" };
	char *text;

	spec_init(&s);
	strcpy(s.name, "web-1.test_A");
	s.exe = exe;
	s.cwd = cwd;
	s.file = file;
	s.argv = s.env = texts;
	s.umask = 0077;
	s.nofile = 123456;
	s.stop_timeout_ms = UINT32_MAX;
	s.restart_delay_ms = 1;
	s.restart_max_delay_ms = 2;
	s.restart_limit = UINT16_MAX;
	s.restart_window_ms = 3;
	s.stable_ms = 0;
	s.stop_signal = 64;
	s.separate_stderr = 1;
	s.no_registry = 1;
	s.log_rotate_bytes = 999999999999999ull;
	s.log_keep_bytes = 7;
	s.log_rotate_age_s = UINT32_MAX;
	s.log_keep_age_s = 8;
	s.log_keep_files = 0;
	s.policy = 2;
	s.service = 0;
	text = spec_print(&s);
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(parse(text, &back, &f) == 0, "%s", f.text);
	ck_assert_str_eq(back.name, s.name);
	ck_assert_str_eq(back.exe, exe);
	ck_assert_str_eq(back.cwd, cwd);
	ck_assert_str_eq(back.file, file);
	expect_same_vectors(back.argv, texts);
	expect_same_vectors(back.env, texts);
	ck_assert_uint_eq(back.umask, s.umask);
	ck_assert_uint_eq(back.nofile, s.nofile);
	ck_assert_uint_eq(back.stop_timeout_ms, s.stop_timeout_ms);
	ck_assert_uint_eq(back.restart_delay_ms, s.restart_delay_ms);
	ck_assert_uint_eq(back.restart_max_delay_ms, s.restart_max_delay_ms);
	ck_assert_uint_eq(back.restart_limit, s.restart_limit);
	ck_assert_uint_eq(back.restart_window_ms, s.restart_window_ms);
	ck_assert_uint_eq(back.stable_ms, s.stable_ms);
	ck_assert_uint_eq(back.stop_signal, s.stop_signal);
	ck_assert_uint_eq(back.separate_stderr, s.separate_stderr);
	ck_assert_uint_eq(back.no_registry, 1);
	ck_assert_uint_eq(back.log_rotate_bytes, s.log_rotate_bytes);
	ck_assert_uint_eq(back.log_keep_bytes, s.log_keep_bytes);
	ck_assert_uint_eq(back.log_rotate_age_s, s.log_rotate_age_s);
	ck_assert_uint_eq(back.log_keep_age_s, s.log_keep_age_s);
	ck_assert_uint_eq(back.log_keep_files, s.log_keep_files);
	ck_assert_uint_eq(back.policy, s.policy);
	ck_assert_uint_eq(back.service, s.service);
	ck_assert_uint_eq(spec_hash(&back), spec_hash(&s));
	spec_done(&back);
	free(text);
}
END_TEST

static void expect_same_surroundings(const struct surroundings *a, const struct surroundings *b)
{
	ck_assert_uint_eq(a->given, b->given);
	ck_assert_int_eq(a->nice, b->nice);
	ck_assert_int_eq(a->oom_score_adj, b->oom_score_adj);
	ck_assert_int_eq(a->scheduler, b->scheduler);
	ck_assert_int_eq(a->priority, b->priority);
	ck_assert_int_eq(a->io_priority, b->io_priority);
	ck_assert_mem_eq(&a->cpus, &b->cpus, sizeof(a->cpus));
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		ck_assert_uint_eq(a->limit[i].rlim_cur, b->limit[i].rlim_cur);
		ck_assert_uint_eq(a->limit[i].rlim_max, b->limit[i].rlim_max);
	}
}

/* What is read back of what is written. */
static cJSON *written(const struct surroundings *s)
{
	struct json_out o = { .one_line = true };
	cJSON *doc;

	surroundings_write(&o, NULL, s);
	ck_assert_int_eq(json_end(&o), 0);
	doc = cJSON_Parse(o.text);
	ck_assert_ptr_nonnull(doc);
	json_free(&o);
	return doc;
}

START_TEST(surroundings_round_trip)
{
	struct surroundings s = { .given = (1u << SURROUND_MAX) - 1,
		.nice = -20,
		.oom_score_adj = -1000,
		.scheduler = SCHED_RR,
		.priority = 99,
		.io_priority = 16387 },
			    back;
	struct fault f = { "" };
	cJSON *o;

	ck_assert_int_eq(cpus_parse("0,3-5,8191", &s.cpus), 0);
	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		s.limit[i] = (struct rlimit){ .rlim_cur = i,
			.rlim_max = i % 2 ? RLIM_INFINITY : 1000000000000000 };
	o = written(&s);
	ck_assert_msg(surroundings_read(o, &back, &f) == 0, "%s", f.text);
	expect_same_surroundings(&s, &back);
	cJSON_Delete(o);
	/* each alone: what is not given is not there */
	for (unsigned i = 0; i < SURROUND_MAX; i++) {
		struct surroundings one = { .given = 1u << i, .cpus.word[0] = 1 };

		o = written(&one);
		ck_assert_int_eq(surroundings_read(o, &back, &f), 0);
		ck_assert_uint_eq(back.given, 1u << i);
		cJSON_Delete(o);
	}
	ck_assert_int_eq(surroundings_read(NULL, &back, &f), 0);
	ck_assert_uint_eq(back.given, 0);
}
END_TEST

START_TEST(surroundings_in_words)
{
	char buf[300], little[16];

	surroundings_list(0, buf, sizeof(buf));
	ck_assert_str_eq(buf, "");
	surroundings_list(
		1u << RLIMIT_CORE | 1u << SURROUND_NICE | 1u << SURROUND_CPUS, buf, sizeof(buf));
	ck_assert_str_eq(buf, "core_bytes, nice, cpus");
	surroundings_list(1u << RLIMIT_CORE | 1u << SURROUND_NICE | 1u << SURROUND_CPUS, little,
		sizeof(little));
	ck_assert_str_eq(little, "core_bytes"); /* cut at a name */
	surroundings_list(~0u, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "io_priority, cpus"));
}
END_TEST

START_TEST(defaults)
{
	struct spec s, init;

	spec_init(&init);
	ck_assert_int_eq(parse("{" PLAIN "}", &s, NULL), 0);
	ck_assert_uint_eq(s.umask, 022);
	ck_assert_uint_eq(s.nofile, 0);
	ck_assert_uint_eq(s.policy, 1);
	ck_assert_uint_eq(s.service, 1);
	ck_assert_uint_eq(s.stop_signal, SIGTERM);
	ck_assert_uint_eq(s.stop_timeout_ms, SPEC_STOP_TIMEOUT_MS);
	ck_assert_uint_eq(s.restart_delay_ms, SPEC_RESTART_DELAY_MS);
	ck_assert_uint_eq(s.restart_max_delay_ms, SPEC_RESTART_MAX_DELAY_MS);
	ck_assert_uint_eq(s.restart_limit, SPEC_RESTART_LIMIT);
	ck_assert_uint_eq(s.restart_window_ms, SPEC_RESTART_WINDOW_MS);
	ck_assert_uint_eq(s.stable_ms, SPEC_STABLE_MS);
	ck_assert_uint_eq(s.separate_stderr, 0);
	ck_assert_uint_eq(s.no_registry, 0);
	ck_assert_uint_eq(s.log_rotate_bytes, SPEC_LOG_ROTATE_BYTES);
	ck_assert_uint_eq(s.log_keep_files, SPEC_LOG_KEEP_FILES);
	ck_assert_uint_eq(s.log_rotate_age_s + s.log_keep_age_s + s.log_keep_bytes, 0);
	ck_assert_uint_eq(init.stop_timeout_ms, s.stop_timeout_ms);
	ck_assert_ptr_null(s.file);
	spec_done(&s);
	spec_done(&s); /* once more is fine */
}
END_TEST

START_TEST(unknown_keys_are_ignored)
{
	struct spec s;

	ck_assert_int_eq(
		parse("{" PLAIN ", \"later\": {\"deep\": [1, 2]}, \"Name\": 7}", &s, NULL), 0);
	ck_assert_str_eq(s.name, "a");
	spec_done(&s);
}
END_TEST

static const struct {
	const char *text, *named;
} bad[] = {
	{ "", "byte 0" },
	{ "   ", "no JSON" },
	{ "{", "no JSON" },
	{ "nonsense", "byte 0" },
	{ "[]", "object" },
	{ "\"text\"", "object" },
	{ "null", "object" },
	{ "{}", "\"name\"" },
	{ "{\"name\": 1}", "\"name\"" },
	{ "{\"name\": \"\"}", "\"name\"" },
	{ "{\"name\": \"../../etc/passwd\"}", "../../etc/passwd" },
	{ "{\"name\": \"-a\"}", "-a" },
	{ "{\"name\": \"tend\"}", "reserved" },
	{ "{\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
		"longer than 63" },
	{ "{\"name\": \"a\"}", "\"exe\"" },
	{ "{\"name\": \"a\", \"exe\": [\"/bin/true\"]}", "\"exe\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\"}", "\"cwd\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": true}", "\"cwd\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\"}", "\"argv\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": {}}", "\"argv\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": [\"a\", 2]}",
		"\"argv\", element 1" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": [], \"env\": []}",
		"\"argv\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": [\"a\"]}",
		"\"env\"" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"/\", \"argv\": [\"a\"], \"env\": [null]}",
		"\"env\", element 0" },
	{ "{\"name\": \"a\", \"exe\": \"true\", \"cwd\": \"/\", \"argv\": [\"a\"], \"env\": []}",
		"absolute" },
	{ "{\"name\": \"a\", \"exe\": \"/bin/true\", \"cwd\": \"tmp\", \"argv\": [\"a\"], \"env\": []}",
		"absolute" },
	{ "{" PLAIN ", \"file\": 7}", "\"file\"" },
	{ "{" PLAIN ", \"restart\": \"sometimes\"}", "\"sometimes\"" },
	{ "{" PLAIN ", \"restart\": 2}", "\"restart\"" },
	{ "{" PLAIN ", \"service_type\": \"thing\"}", "\"service_type\"" },
	{ "{" PLAIN ", \"umask\": 512}", "\"umask\"" },
	{ "{" PLAIN ", \"umask\": \"022\"}", "\"umask\"" },
	{ "{" PLAIN ", \"open_files\": -1}", "\"open_files\"" },
	{ "{" PLAIN ", \"open_files\": 1e10}", "\"open_files\"" },
	{ "{" PLAIN ", \"stop_timeout_ms\": -5}", "\"stop_timeout_ms\"" },
	{ "{" PLAIN ", \"stop_timeout_ms\": 4294967296}", "\"stop_timeout_ms\"" },
	{ "{" PLAIN ", \"restart_delay_ms\": null}", "\"restart_delay_ms\"" },
	{ "{" PLAIN ", \"restart_max_delay_ms\": 1e300}", "\"restart_max_delay_ms\"" },
	{ "{" PLAIN ", \"restart_limit\": 65536}", "\"restart_limit\"" },
	{ "{" PLAIN ", \"restart_window_ms\": 0}", "\"restart_window_ms\"" },
	{ "{" PLAIN ", \"stable_ms\": true}", "\"stable_ms\"" },
	{ "{" PLAIN ", \"surroundings\": []}", "\"surroundings\"" },
	{ "{" PLAIN ", \"surroundings\": {\"nice\": 20}}", "\"surroundings.nice\"" },
	{ "{" PLAIN ", \"surroundings\": {\"nice\": 0.5}}", "\"surroundings.nice\"" },
	{ "{" PLAIN ", \"surroundings\": {\"nice\": \"7\"}}", "\"surroundings.nice\"" },
	{ "{" PLAIN ", \"surroundings\": {\"oom_score_adj\": -1001}}",
		"\"surroundings.oom_score_adj\"" },
	{ "{" PLAIN ", \"surroundings\": {\"scheduler\": \"deadline\"}}",
		"\"surroundings.scheduler\"" },
	{ "{" PLAIN ", \"surroundings\": {\"scheduler\": 1}}", "\"surroundings.scheduler\"" },
	{ "{" PLAIN ", \"surroundings\": {\"priority\": 100}}", "\"surroundings.priority\"" },
	{ "{" PLAIN ", \"surroundings\": {\"io_priority\": -1}}", "\"surroundings.io_priority\"" },
	{ "{" PLAIN ", \"surroundings\": {\"cpus\": \"3-1\"}}", "\"surroundings.cpus\"" },
	{ "{" PLAIN ", \"surroundings\": {\"cpus\": 3}}", "\"surroundings.cpus\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": 3}}", "\"surroundings.limits\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"core_bytes\": 3}}}",
		"\"surroundings.limits.core_bytes\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"core_bytes\": [1]}}}",
		"\"surroundings.limits.core_bytes\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"stack_bytes\": [2, 1]}}}",
		"\"surroundings.limits.stack_bytes\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"stack_bytes\": [-1, 1]}}}",
		"\"surroundings.limits.stack_bytes\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"processes\": [1, \"many\"]}}}",
		"\"surroundings.limits.processes\"" },
	{ "{" PLAIN ", \"surroundings\": {\"limits\": {\"processes\": [1, 1e16]}}}",
		"\"surroundings.limits.processes\"" },
	{ "{" PLAIN ", \"log\": 1}", "\"log\"" },
	{ "{" PLAIN ", \"log\": {\"separate_stderr\": 1}}", "\"log.separate_stderr\"" },
	{ "{" PLAIN ", \"registry\": 0}", "\"registry\"" },
	{ "{" PLAIN ", \"log\": {\"rotate_bytes\": -1}}", "\"log.rotate_bytes\"" },
	{ "{" PLAIN ", \"log\": {\"keep_files\": 1e10}}", "\"log.keep_files\"" },
	{ "{" PLAIN ", \"stop_signal\": 0}", "\"stop_signal\"" },
	{ "{" PLAIN ", \"stop_signal\": 65}", "\"stop_signal\"" },
	{ "{" PLAIN ", \"stop_signal\": \"TERM\"}", "\"stop_signal\"" },
};
#define BAD (int)(sizeof(bad) / sizeof(bad[0]))

START_TEST(bad_input)
{
	expect_bad(bad[_i].text, bad[_i].named);
}
END_TEST

/* Of a later build, whatever else it says: its keys may mean something else. */
START_TEST(later_versions_are_refused)
{
	struct fault f = { "" };
	struct spec s;

	ck_assert_int_eq(parse("{" PLAIN ", \"spec_version\": 1}", &s, &f), 0);
	spec_done(&s);
	ck_assert_int_eq(parse("{\"spec_version\": 2, \"exe\": 7}", &s, &f), -EPROTONOSUPPORT);
	ck_assert_ptr_nonnull(strstr(f.text, "spec_version 2"));
	ck_assert_int_eq(parse("{" PLAIN ", \"spec_version\": 1.5}", &s, &f), -EPROTONOSUPPORT);
	expect_bad("{" PLAIN ", \"spec_version\": 0}", "\"spec_version\"");
	expect_bad("{" PLAIN ", \"spec_version\": \"1\"}", "\"spec_version\"");
	expect_bad("{" PLAIN ", \"spec_version\": null}", "\"spec_version\"");
}
END_TEST

/* Every beginning of a good text is an error, never a crash; the same with every byte damaged. */
START_TEST(damaged_texts)
{
	static const char good[] = "{" PLAIN ", \"restart\": \"always\", \"umask\": 18}";
	struct fault f;
	struct spec s;

	for (size_t n = 0; n + 1 < sizeof(good) - 1; n++)
		ck_assert_int_eq(spec_parse(good, n, &s, &f), -EINVAL);
	for (size_t n = 0; n < sizeof(good) - 1; n++)
		for (unsigned byte = 0; byte < 256; byte += 15) {
			char copy[sizeof(good)];

			memcpy(copy, good, sizeof(good));
			copy[n] = (char)byte;
			if (spec_parse(copy, sizeof(good) - 1, &s, &f) == 0)
				spec_done(&s);
		}
}
END_TEST

/* cJSON gives up beyond a depth of its own; so deep a document must not cost the stack. */
START_TEST(deep_text)
{
	size_t n = 1000000;
	char *text = malloc(n);
	struct fault f = { "" };
	struct spec s;

	memset(text, '[', n);
	ck_assert_int_eq(spec_parse(text, n, &s, &f), -EINVAL);
	free(text);
}
END_TEST

/* ---- files */

static char folder[] = "/tmp/test-spec-XXXXXX";
static int folder_fd = -1;

static void make_folder(void)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(folder_fd, 0);
}

static void remove_folder(void)
{
	(void)unlinkat(folder_fd, "a.json", 0);
	(void)unlinkat(folder_fd, "link.json", 0);
	(void)unlinkat(folder_fd, "fifo.json", 0);
	close(folder_fd);
	rmdir(folder);
}

static void write_file(const char *name, const char *text, size_t len)
{
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

START_TEST(load)
{
	struct fault f = { "" };
	struct spec s;

	ck_assert_int_eq(spec_load(folder_fd, "a.json", &s, &f), -ENOENT);
	ck_assert_ptr_nonnull(strstr(f.text, "specs/a.json"));
	write_file("a.json", "{" PLAIN "}", strlen("{" PLAIN "}"));
	ck_assert_int_eq(spec_load(folder_fd, "a.json", &s, &f), 0);
	ck_assert_str_eq(s.argv[0], "true");
	spec_done(&s);
	write_file("a.json", "{\"name\": 7}", 11);
	ck_assert_int_eq(spec_load(folder_fd, "a.json", &s, &f), -EINVAL);
	ck_assert_ptr_nonnull(strstr(f.text, "specs/a.json"));
	ck_assert_ptr_nonnull(strstr(f.text, "\"name\""));
}
END_TEST

/* Neither a link that leads elsewhere, nor a FIFO that would block, nor a file without end. */
START_TEST(load_what_is_no_spec)
{
	struct fault f = { "" };
	struct spec s;
	int fd;

	ck_assert_int_eq(symlinkat("/etc/passwd", folder_fd, "link.json"), 0);
	ck_assert_int_lt(spec_load(folder_fd, "link.json", &s, &f), 0);
	ck_assert_int_eq(mkfifoat(folder_fd, "fifo.json", 0600), 0);
	ck_assert_int_lt(spec_load(folder_fd, "fifo.json", &s, &f), 0);
	write_file("a.json", "", 0);
	fd = openat(folder_fd, "a.json", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (off_t)SPEC_BYTES_MAX + 1), 0);
	close(fd);
	ck_assert_int_lt(spec_load(folder_fd, "a.json", &s, &f), 0);
	ck_assert_int_lt(spec_load(folder_fd, ".", &s, &f), 0);
}
END_TEST

/* ---- small things */

START_TEST(policy_words)
{
	uint8_t policy = 77;

	ck_assert_int_eq(spec_policy("no", &policy), 0);
	ck_assert_uint_eq(policy, 0);
	ck_assert_int_eq(spec_policy("on-failure", &policy), 0);
	ck_assert_uint_eq(policy, 1);
	ck_assert_int_eq(spec_policy("always", &policy), 0);
	ck_assert_uint_eq(policy, 2);
	ck_assert_int_eq(spec_policy("Always", &policy), -EINVAL);
	ck_assert_int_eq(spec_policy("", &policy), -EINVAL);
	ck_assert_int_eq(spec_policy(NULL, &policy), -EINVAL);
	ck_assert_uint_eq(policy, 2);
}
END_TEST

static uint64_t hash_of(const char *exe, const char *cwd, char **argv)
{
	struct spec s;
	char e[64], c[64];

	spec_init(&s);
	s.exe = strcpy(e, exe);
	s.cwd = strcpy(c, cwd);
	s.argv = argv;
	return spec_hash(&s);
}

START_TEST(the_hash_tells_commands_apart)
{
	char ab[] = "ab", a[] = "a", b[] = "b";
	char *one[] = { ab, NULL }, *two[] = { a, b, NULL };
	uint64_t h = hash_of("/bin/x", "/", one);

	ck_assert_uint_eq(h, hash_of("/bin/x", "/", one));
	ck_assert_uint_ne(h, hash_of("/bin/x", "/", two));
	ck_assert_uint_ne(h, hash_of("/bin/y", "/", one));
	ck_assert_uint_ne(h, hash_of("/bin/x", "/tmp", one));
}
END_TEST

START_TEST(command_text)
{
	char a[] = "prog", b[] = "two words", c[] = "\xc3\xa4";
	char *argv[] = { a, b, c, NULL };
	struct spec s;
	char buf[32];

	spec_init(&s);
	s.argv = argv;
	ck_assert_int_eq(spec_command_text(&s, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "prog two words \xc3\xa4");
	/* one byte short: not half a character */
	ck_assert_int_eq(spec_command_text(&s, buf, 17), 1);
	ck_assert_str_eq(buf, "prog two words ");
	ck_assert_int_eq(spec_command_text(&s, buf, 18), 0);
}
END_TEST

START_TEST(file_name)
{
	char buf[NAME_MAX_BYTES + 8];

	spec_file_name("a.b", buf);
	ck_assert_str_eq(buf, "a.b.json");
	ck_assert(spec_name_of("a.b.json", buf));
	ck_assert_str_eq(buf, "a.b");
	ck_assert(spec_name_of("a.json.json", buf));
	ck_assert_str_eq(buf, "a.json");
	ck_assert(!spec_name_of(".json", buf));
	ck_assert(!spec_name_of(".new-1-2.json", buf)); /* one that is being handed over */
	ck_assert(!spec_name_of("a.jso", buf));
	ck_assert(!spec_name_of("a b.json", buf));
	/* 64 characters: one too many */
	ck_assert(!spec_name_of(
		"0123456789012345678901234567890123456789012345678901234567890123.json", buf));
}
END_TEST

int main(void)
{
	TCase *text = tcase_create("text"), *files = tcase_create("files");

	tcase_add_test(text, round_trip);
	tcase_add_test(text, surroundings_round_trip);
	tcase_add_test(text, surroundings_in_words);
	tcase_add_test(text, defaults);
	tcase_add_test(text, unknown_keys_are_ignored);
	tcase_add_loop_test(text, bad_input, 0, BAD);
	tcase_add_test(text, later_versions_are_refused);
	tcase_add_test(text, damaged_texts);
	tcase_add_test(text, deep_text);
	tcase_add_test(text, policy_words);
	tcase_add_test(text, the_hash_tells_commands_apart);
	tcase_add_test(text, command_text);
	tcase_add_test(text, file_name);
	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_add_test(files, load);
	tcase_add_test(files, load_what_is_no_spec);
	return run_cases("config/spec", text, files, NULL);
}
