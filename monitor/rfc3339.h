/*
 * monitor/rfc3339.h - times as registries write them. Pure.
 */
#ifndef MONITOR_RFC3339_H
#define MONITOR_RFC3339_H

#include <stdint.h>

/* "2026-11-23T00:40:56.009352+00:00": date, 'T' or blank, time, optional fraction ('.' or ','), optional zone (Z, +hh:mm,
 * +hhmm, +hh). No zone is UTC: both generations of registries mean that. A leap second is the second after it. Times before
 * 1970 are 1 (as old as can be), those after 2500 the end of 2500. -EINVAL: no such text, or no such date. */
int rfc3339_parse(const char *text, uint64_t *ret_real_ns);

#endif
