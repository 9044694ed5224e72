/*
 * tests/unit/run.h - what every unit test's main() ends with.
 */
#ifndef TESTS_UNIT_RUN_H
#define TESTS_UNIT_RUN_H

#include <check.h>
#include <stdarg.h>
#include <stdlib.h>

/* Run the cases (NULL ends them) as one suite. Returns what main() shall. How much is printed, and
 * whether each test has a process of its own, is said by Check's variables (tools/unit.sh). */
static inline int run_cases(const char *suite, ...)
{
	Suite *s = suite_create(suite);
	SRunner *runner;
	va_list cases;
	TCase *tc;
	int failed;

	va_start(cases, suite);
	while ((tc = va_arg(cases, TCase *)))
		suite_add_tcase(s, tc);
	va_end(cases);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
