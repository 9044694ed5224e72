/*
 * client/logtime.h - points in time as people type them.
 */
#ifndef CLIENT_LOGTIME_H
#define CLIENT_LOGTIME_H

#include <stdint.h>

/* RFC 3339, "2026-11-24 10:00[:30]", "2026-11-24", "10:30", "today", "yesterday", "now", or a span
 * before now ("10m", "2h", "1d"). Without a zone it is local time. -EINVAL: none of these. */
int logtime_parse(const char *text, uint64_t now_real_ns, uint64_t *ret_ns);

#endif
