/*
 * tests/bin/forge_row.c - makes a row of the process table of $TEND_HOME speak of another process,
 * while no daemon lives: what a reused pid looks like.
 *
 *   forge_row NAME PID START_TICKS forge_row NAME PID starting      a spawner died over its launch:
 *   the kernel has stored the pid, nothing else is noted
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "shm/owner.h"

int main(int argc, char **argv)
{
	struct home home = HOME_INIT;
	struct fault f = { "" };
	struct pt *pt = NULL;
	struct pt_row row;

	if (argc != 4) {
		fprintf(stderr, "usage: forge_row NAME PID START_TICKS|starting\n");
		return 2;
	}
	if (home_open(NULL, HOME_READ, &home, &f) < 0 ||
		pt_attach_as(&home, PT_SPAWNER, &pt, &f) < 0) {
		fprintf(stderr, "forge_row: %s\n", f.text);
		return 1;
	}
	if (pt_find(pt, argv[1], &row) < 0) {
		fprintf(stderr, "forge_row: there is no row of that name\n");
		return 1;
	}
	row.life.pid = atoi(argv[2]);
	row.life.start_ticks = strtoull(argv[3], NULL, 10);
	*pt_pid_cell(pt, row.slot) = row.life.pid;
	if (strcmp(argv[3], "starting") == 0) {
		row.life.state = PT_STATE_STARTING;
		row.life.pid = 0;
		row.life.start_ticks = 0;
	}
	int r = pt_put_life(pt, row.slot, &row.life);

	pt_detach(pt);
	home_close(&home);
	return r < 0;
}
