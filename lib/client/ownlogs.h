/*
 * client/ownlogs.h - the logs that agents write themselves, which the reference shows: NAME.log in
 * the agent's folder, else mcp_mesh_NAME.log in its $TMPDIR, else logs/NAME.log beside the database
 * of its registry.
 *
 * Others can put files into such folders. Read is a regular file of our own, under its own name: a
 * link, a FIFO or somebody else's file is not, which is reported.
 */
#ifndef CLIENT_OWNLOGS_H
#define CLIENT_OWNLOGS_H

#include "client/logplaces.h"

/* Add them to what p shows: of the agents among the logs of p, or (all) of every agent that is
 * stored. expect: where there is none yet, the place in the agent's folder, for whoever follows.
 * Their label is NAME@file. */
void ownlogs_add(struct outcomes *oc, struct logplaces *p, bool all, bool expect);

#endif
