/*
 * cli/cmd_logs_rotate.h - "tend logs rotate [NAME...]", which tend logs hands over to.
 */
#ifndef CLI_CMD_LOGS_ROTATE_H
#define CLI_CMD_LOGS_ROTATE_H

/* argv[0] is "rotate". Returns an exit status; everything is reported. */
int cmd_logs_rotate(int argc, char **argv);

#endif
