/* words/summary.h and words/paragraph.h: what is counted, and how it reads. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run.h"
#include "words/paragraph.h"
#include "words/summary.h"

static char *text;
static size_t len;

static FILE *begin(void)
{
	FILE *to = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(to);
	return to;
}

static void expect(FILE *to, const char *wanted)
{
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(text, wanted);
	free(text);
}

static const char *paint(enum tone tone)
{
	return tone == TONE_GOOD       ? "<good>"
		: tone == TONE_WARNING ? "<warning>"
		: tone == TONE_BAD     ? "<bad>"
				       : "<>";
}

static struct view_row row(enum pt_state state)
{
	struct view_row r = { .gone = false };

	r.row.ident.service = PT_SERVICE_SERVICE;
	r.row.life.state = (uint8_t)state;
	r.row.life.pid = state == PT_STATE_RUNNING ? 7 : 0;
	return r;
}

static void count(struct summary *s, struct view_row r)
{
	summary_count(s, &r);
}

START_TEST(each_row_is_counted_once)
{
	struct summary s = { 0 };
	struct view v = { .supervised = true };
	struct view_row gone = row(PT_STATE_RUNNING);
	FILE *to = begin();

	gone.gone = true;
	count(&s, row(PT_STATE_RUNNING));
	count(&s, row(PT_STATE_STOPPED));
	count(&s, row(PT_STATE_COMPLETED));
	summary_headline(to, &s, &v, paint);
	count(&s, row(PT_STATE_FAILED));
	count(&s, row(PT_STATE_BACKOFF));
	count(&s, gone);
	v.unreadable = 4;
	summary_headline(to, &s, &v, paint);
	v.supervised = false;
	summary_headline(to, &s, &v, NULL);
	expect(to,
		"<good>HEALTHY<>: 3 processes, 1 running, 2 at rest\n"
		"<warning>DEGRADED<>: 6 processes, 1 running, 1 on the way, 2 failed, 2 at rest, 4 unreadable\n"
		"UNSUPERVISED: 6 processes, 1 running, 1 on the way, 2 failed, 2 at rest, 4 unreadable\n");
}
END_TEST

START_TEST(health_and_capture_degrade)
{
	struct view v = { .supervised = true };
	struct view_row unhealthy = row(PT_STATE_RUNNING), mute = row(PT_STATE_RUNNING),
			missing = row(PT_STATE_RUNNING);
	struct summary s = { 0 };
	FILE *to = begin();

	unhealthy.row.health.verdict = PT_HEALTH_UNHEALTHY;
	mute.log_error = 28;
	missing.row.ident.service = PT_SERVICE_AGENT;
	missing.row.health.listing = PT_LISTING_MISSING;
	count(&s, unhealthy);
	summary_headline(to, &s, &v, paint);
	count(&s, mute);
	count(&s, missing);
	summary_headline(to, &s, &v, NULL);
	summary_agents(to, &s, &v); /* no registry is known */
	strcpy(v.monitor.registry_url, "http://localhost:8000");
	summary_agents(to, &s, &v);
	expect(to,
		"<warning>DEGRADED<>: 1 process, 1 running (1 unhealthy)\n"
		"DEGRADED: 3 processes, 3 running (1 unhealthy) (1 not registered) (1 not captured)\n"
		"agents: 1/1 running, 0/1 registered, 0/1 healthy\n");
}
END_TEST

START_TEST(lines_break_at_blanks)
{
	FILE *to = begin();

	paragraph_write(to, "one two three", 2, 9); /* behind two columns that are there */
	paragraph_write(to, "a-word-that-is-too-long for it", 0, 8);
	paragraph_write(to, "never broken", 0, 0);
	paragraph_write(to, "", 4, 10);
	expect(to,
		"one two\n  three\n"
		"a-word-that-is-too-long\nfor it\n"
		"never broken\n"
		"\n");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, each_row_is_counted_once);
	tcase_add_test(t, health_and_capture_degrade);
	tcase_add_test(t, lines_break_at_blanks);
	return run_cases("words summary", t, NULL);
}
