/* monitor/judge.h - the verdict on a process, from what its row, probes and registry say. */
#ifndef MONITOR_JUDGE_H
#define MONITOR_JUDGE_H

#include "monitor/monitor.h"

/* Judge it anew: something that its verdict depends on has changed. */
void judge(struct watch *w);

#endif
