/*
 * tendshm.h - read the process table of tend from a program of your own: no daemon is asked, and
 * nothing waits.
 *
 * 	#include <tendshm.h>                                cc $(pkg-config --cflags tendshm) x.c
 *                                                      $(pkg-config --libs tendshm)
 *
 * 	struct pt *pt;
 * 	struct pt_row row;
 * 	struct fault why;
 *
 * 	if (pt_attach(NULL, &pt, &why) == 0)
 * 		for (uint32_t slot = 0; slot < pt_high(pt); slot++)
 * 			if (pt_read(pt, slot, &row) == 0)
 * 				printf("%s %s\n", row.ident.name, pt_state_label(row.life.state));
 *
 * Only this file is installed at the top; what it includes lies in tend/ beside it.
 */
#ifndef TENDSHM_H
#define TENDSHM_H

#include "base/clock.h"
#include "shm/events.h"
#include "shm/table.h"

#endif
