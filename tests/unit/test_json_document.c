/* json/document.h: what is not JSON is told from what there was no memory for. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json/document.h"
#include "tests/unit/run.h"

static unsigned left; /* allocations that succeed */

static void *take(size_t size)
{
	if (left == 0) {
		errno = ENOMEM; /* as malloc() */
		return NULL;
	}
	left--;
	return malloc(size);
}

static int parse(const char *text, unsigned allocations)
{
	cJSON_Hooks hooks = { .malloc_fn = take, .free_fn = free };
	cJSON *doc = NULL;
	const char *at;
	int r;

	left = allocations;
	cJSON_InitHooks(&hooks);
	errno = ENOMEM; /* of earlier */
	r = document_parse(text, strlen(text), &at, &doc);
	ck_assert((doc != NULL) == (r == 0));
	cJSON_Delete(doc);
	cJSON_InitHooks(NULL);
	return r;
}

START_TEST(broken)
{
	static const char *const texts[] = { "", "{", "{\"a\":}", "[1,", "\"x", "nul", "[1e999999,",
		"{\"a\":\"\\ud800\"}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(parse(texts[i], 1000) == -EINVAL, "%s", texts[i]);
}
END_TEST

/* Whichever of its allocations fails; and with one more, it is read. */
START_TEST(no_memory)
{
	static const char text[] =
		"{\"name\":\"web\",\"list\":[1,\"x\",{\"a\":null}],\"n\":1e999999}";
	unsigned n = 0;

	while (n < 1000 && parse(text, n) == -ENOMEM)
		n++;
	ck_assert_uint_ge(n, 10);
	ck_assert_int_eq(parse(text, n), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("document");

	tcase_add_test(t, broken);
	tcase_add_test(t, no_memory);
	return run_cases("json document", t, NULL);
}
