/*
 * client/logname.h - the names of logs: NAME, NAME@err for standard error, NAME@file for what an
 * agent writes itself.
 */
#ifndef CLIENT_LOGNAME_H
#define CLIENT_LOGNAME_H

/* behind the name of an agent: the label of the log that it writes itself */
#define LOGNAME_FILE_MARK "@file"

/* The process whose log this is. buf holds it. */
const char *logname_process(const char *stem, char buf[static 256]);

#endif
