/*
 * logger/rescue.h - the pipes of processes that run, of which the name in run/ was taken away or
 * given to something else since they were launched.
 *
 * A logger that has such a pipe open goes on with it until the run ends (logger/fifo.c). Its
 * successor finds no name that leads there: it asks the process, which holds a read end of its own
 * (HOME_KEEPER_FD), before it gives up the right to look into processes that have more rights than
 * itself.
 */
#ifndef LOGGER_RESCUE_H
#define LOGGER_RESCUE_H

struct logger;
struct stream;

/* Open what names don't lead to any more; to be called before privileges are dropped. A process
 * that has closed its own end is passed over. */
void rescue_begin(struct logger *lg);
/* The pipe of this stream, which is the caller's from now on, or -1: its name leads to it. */
int rescue_take(struct stream *st);
/* Close what nobody has taken. */
void rescue_end(struct logger *lg);

#endif
