/* Secrets in arguments are masked wherever a command is shown, and nothing else is. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config/redact.h"
#include "tests/unit/run.h"

static void expect(const char *before, const char *argument, const char *shown)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	redact_argument(out, before, argument);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(strcmp(text, shown) == 0, "%s %s is shown as %s instead of %s",
		before ? before : "", argument, text, shown);
	free(text);
}

START_TEST(secrets)
{
	expect(NULL, "--token=abc", "--token=***");
	expect(NULL, "--api-key=abc", "--api-key=***");
	expect(NULL, "DB_PASSWORD=x y", "DB_PASSWORD=*** y"); /* a shell's word ends there */
	expect("--token", "abc", "***");
	expect("-password", "abc", "***");
	expect("--client_secret", "a=b", "***");
	expect(NULL, "OPENAI_API_KEY=sk-1 exec agent --x", "OPENAI_API_KEY=*** exec agent --x");
	expect(NULL, "export TOKEN='a b c'; run", "export TOKEN=***; run");
	expect(NULL, "http://h/p?token=abc&x=1", "http://h/p?token=***&x=1");
	expect(NULL, "postgres://me:secret@h/db", "postgres://***@h/db");
	expect(NULL, "a postgres://me:s@h/db b", "a postgres://***@h/db b");
	expect("-H", "Authorization: Bearer abc def", "Authorization: ***");
	expect(NULL, "{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": ***, \"n\": 1}");
	expect(NULL, "--SECRET=", "--SECRET=");
	expect(NULL, "token='unclosed", "token=***");
}
END_TEST

START_TEST(into_a_buffer)
{
	char buf[16];

	redact_copy(buf, sizeof(buf), "http://me:s@h:8/");
	ck_assert_str_eq(buf, "http://***@h:8/");
	redact_copy(buf, 12, "http://me:s@h:8/");
	ck_assert_str_eq(buf, "http://***@");
	redact_copy(buf, sizeof(buf), "");
	ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(others)
{
	static const char *const plain[] = { "", "-c", "sleep 5", "--max-tokens=100",
		"--tokenizer=bpe", "http://host:80/a@b", "user@host:file", "key=value",
		"secretary=me", "a:b:c", "=x", ":", "://", "--port=8080", "\xc3\xa4=\xc3\xb6" };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		expect(NULL, plain[i], plain[i]);
	expect("--token", "--other", "--other");
	expect("--max-tokens", "100", "100");
	expect("--token=x", "agent.py", "agent.py");
	expect("token", "ring", "ring"); /* no option */
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("redact");

	tcase_add_test(t, secrets);
	tcase_add_test(t, into_a_buffer);
	tcase_add_test(t, others);
	return run_cases("config_redact", t, NULL);
}
