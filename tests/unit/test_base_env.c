/* Environments that are passed around. */
#include <check.h>

#include "base/env.h"
#include "tests/unit/run.h"

static char path_like[] = "PATHS=/no", path[] = "PATH=/a:/b", again[] = "PATH=/c",
	    empty[] = "EMPTY=", odd[] = "ODD";

START_TEST(the_first_variable_of_that_very_name_counts)
{
	char *const env[] = { path_like, path, again, empty, odd, NULL };

	ck_assert_str_eq(env_value(env, "PATH"), "/a:/b");
	ck_assert_str_eq(env_value(env, "EMPTY"), "");
	ck_assert_ptr_null(env_value(env, "ODD"));
	ck_assert_ptr_null(env_value(env, "PAT"));
	ck_assert_ptr_null(env_value(NULL, "PATH"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("env");

	tcase_add_test(t, the_first_variable_of_that_very_name_counts);
	return run_cases("base env", t, NULL);
}
