/*
 * tests/bin/poster.c - posts one request into the table of $TEND_HOME, as a client may that has not
 * looked first, and prints the answer's code.
 *
 *   poster KIND NAME [FLAGS [SPEC [SIGNO]]]      numbers as in shm/ring.h and shm/commands.def
 *
 * $BEGUN: leave it as a daemon does that died over it: accepted, with so much progress noted.
 * Prints "posted" then, before it waits for the answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/str.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "shm/wake.h"

int main(int argc, char **argv)
{
	struct home home = HOME_INIT;
	struct fault f = { "" };
	struct pt_request req = { .kind = 0 };
	struct pt_answer answer = { .code = 0 };
	struct pt_ticket ticket;
	struct pt *pt = NULL;
	const char *begun = getenv("BEGUN");
	int r;

	if (argc < 3)
		return 2;
	req.kind = (uint8_t)atoi(argv[1]);
	(void)str_copy(req.name, sizeof(req.name), argv[2]);
	req.flags = (uint8_t)(argc > 3 ? atoi(argv[3]) : 0);
	(void)str_copy(req.spec, sizeof(req.spec), argc > 4 ? argv[4] : "");
	req.signo = (uint8_t)(argc > 5 ? atoi(argv[5]) : 0);
	if (home_open(NULL, HOME_READ, &home, &f) < 0 ||
		pt_attach_as(&home, PT_CLIENT, &pt, &f) < 0) {
		fprintf(stderr, "poster: %s\n", f.text);
		return 1;
	}
	r = pt_post(pt, &req, 1, 5000, &ticket);
	if (r == 1 && begun) {
		pt_command_accept(pt, ticket);
		pt_command_note(pt, ticket, (uint64_t)atoi(begun));
		puts("posted");
		fflush(stdout);
	}
	if (r == 1) {
		bell_ring(&home, ROLE_SPAWNER);
		r = pt_await(pt, ticket, 20 * NS_PER_SEC, &answer);
	} else if (r == 0) {
		r = -1;
	}
	if (r == 0)
		printf("%d %s\n", answer.code, answer.text);
	else
		fprintf(stderr, "poster: %d\n", r);
	pt_detach(pt);
	home_close(&home);
	return r != 0;
}
