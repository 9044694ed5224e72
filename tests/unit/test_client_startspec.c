/* client/startspec.h: whose variable a process gets, and what is said of one that can't be handed
 * on. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/startspec.h"
#include "tests/unit/run.h"

static char heard[4096];

static void hear(void *arg, enum heard kind, const char *text)
{
	size_t len = strlen(heard);

	(void)arg;
	ck_assert_uint_eq(kind, HEARD_COMPLAINT);
	snprintf(heard + len, sizeof(heard) - len, "%s\n", text);
}

static const struct watcher watcher = { .hear = hear };

static char path[] = "PATH=/usr/bin:/bin", own[] = "OWN=shell", both[] = "BOTH=shell",
	    told[] = "TOLD=shell", name[] = "TEND_NAME=other", pwd[] = "PWD=/elsewhere",
	    odd[] = "ODD=\xff", first[] = "BOTH=first", last[] = "BOTH=last", mesh[] = "TOLD=mesh",
	    both_mesh[] = "BOTH=mesh", new_mesh[] = "NEW=mesh", sh[] = "sh",
	    url[] = "MCP_MESH_REGISTRY_URL=http://there:1";
static char *environment[] = { path, own, both, told, name, pwd, odd, NULL };
static const struct shell shell = { .umask = 027, .env = environment };

static void make(struct startspec *s)
{
	heard[0] = 0;
	ck_assert_int_eq(startspec_init(s, &shell, 2), 0);
	startspec_set(s, first);
	startspec_set(s, last);
	ck_assert_int_eq(startspec_take(s, &watcher), 0);
	s->name = "web";
	snprintf(s->cwd, sizeof(s->cwd), "/usr");
}

/* The specification of "sh", as the spawner will read it. */
static void read_back(struct startspec *s, struct spec *ret)
{
	struct fault f = { "" };
	char *command[] = { sh, NULL }, *text = startspec_command(s, command, &f);

	ck_assert_msg(text != NULL, "%s", f.text);
	ck_assert_msg(spec_parse(text, strlen(text), ret, &f) == 0, "%s", f.text);
	free(text);
}

/* NULL: it is not there; else it is there once. */
static void expect(const struct spec *spec, const char *key, const char *value)
{
	size_t len = strlen(key), n = 0;

	for (char **e = spec->env; *e; e++)
		if (strncmp(*e, key, len) == 0 && (*e)[len] == '=') {
			n++;
			ck_assert_pstr_eq(*e + len + 1, value);
		}
	ck_assert_uint_eq(n, value != NULL);
}

START_TEST(a_command_gets_the_shells_variables_and_those_that_were_set)
{
	struct startspec s;
	struct spec spec;

	make(&s);
	read_back(&s, &spec);
	ck_assert_str_eq(spec.name, "web");
	ck_assert_str_eq(spec.cwd, "/usr");
	ck_assert_uint_eq(spec.umask, 027);
	expect(&spec, "OWN", "shell");
	expect(&spec, "BOTH", "last");
	expect(&spec, "PWD", "/usr");
	expect(&spec, "TEND_NAME", NULL); /* each is given its own */
	expect(&spec, "ODD", NULL);
	ck_assert_str_eq(heard, "environment variable ODD is not valid UTF-8 and is left out\n");
	spec_done(&spec);
	startspec_done(&s);
}
END_TEST

START_TEST(what_is_told_replaces_the_shells_and_not_what_was_set)
{
	char *variables[] = { mesh, both_mesh, new_mesh, url, NULL };
	struct startspec s;
	struct spec spec;

	make(&s);
	ck_assert_ptr_null(startspec_registry(&s));
	ck_assert_int_eq(startspec_tell(&s, variables), 0);
	ck_assert_str_eq(startspec_registry(&s), "http://there:1");
	read_back(&s, &spec);
	expect(&spec, "TOLD", "mesh");
	expect(&spec, "NEW", "mesh");
	expect(&spec, "BOTH", "last");
	expect(&spec, "OWN", "shell");
	spec_done(&spec);
	startspec_done(&s);
}
END_TEST

START_TEST(what_is_no_program_is_a_fault)
{
	char none[] = "no-such-program-here", bad[] = "\xfe", *unknown[] = { none, NULL },
	     *odd_argument[] = { sh, bad, NULL };
	struct fault f = { "" };
	struct startspec s;

	make(&s);
	ck_assert_ptr_null(startspec_command(&s, unknown, &f));
	ck_assert_ptr_nonnull(strstr(f.text, none));
	ck_assert_ptr_null(startspec_command(&s, odd_argument, &f));
	ck_assert_ptr_nonnull(strstr(f.text, "not valid UTF-8"));
	startspec_done(&s);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("startspec");

	tcase_add_test(t, a_command_gets_the_shells_variables_and_those_that_were_set);
	tcase_add_test(t, what_is_told_replaces_the_shells_and_not_what_was_set);
	tcase_add_test(t, what_is_no_program_is_a_fault);
	return run_cases("client startspec", t, NULL);
}
