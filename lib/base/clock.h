/*
 * base/clock.h - the two clocks that tend uses, and how times are written.
 *
 * _boot_ns: CLOCK_BOOTTIME, for everything that is waited for or subtracted. It goes on during
 * suspend, is comparable
 *           across processes, and means nothing after a reboot. 0 = never.
 * _real_ns: CLOCK_REALTIME, nanoseconds since 1970, only for what people read.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_SEC     1000000000ull
#define NS_PER_MS      1000000ull
#define CLOCK_TEXT_MAX 40u

uint64_t clock_boot_ns(void);
uint64_t clock_real_ns(void);

/* "2026-11-23T08:06:01.123Z": RFC 3339, UTC, milliseconds. Returns buf. */
const char *clock_rfc3339(uint64_t real_ns, char buf[static CLOCK_TEXT_MAX]);

/* "850ms", "42s", "3m7s", "1h2m3s", "4d3h": the two or three largest units, as Go prints durations.
 * Returns buf. */
const char *clock_span(uint64_t ns, char buf[static CLOCK_TEXT_MAX]);
/* "42 s", "3 min", "1 h", "4 d": the largest unit alone, rounded. Returns buf. */
const char *clock_rough(uint64_t ns, char buf[static CLOCK_TEXT_MAX]);

#endif
