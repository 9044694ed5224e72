/*
 * base/say.h - what a daemon says about itself, one line each on standard error (which is
 * logs/tend.log where the CLI started it): "2026-11-23T08:06:01.123Z WARNING [spawner] text".
 * Libraries never call this; programs do.
 */
#ifndef BASE_SAY_H
#define BASE_SAY_H

enum say_level { SAY_DEBUG, SAY_INFO, SAY_WARNING, SAY_ERROR };

/* Name of this daemon; $TEND_LOG_LEVEL chooses the lowest level shown (default INFO). */
void say_init(const char *who);
/* Standard error may be the file dirfd/name, which someone rotates by rename: look before each
 * line, and go on in the new file. Does nothing if it is another file. */
void say_follow(int dirfd, const char *name);
/* The same line again within 10 s is counted only, and told with the next other line; beyond 1,000
 * lines at once, and 100 a second, lines are left out, and their number told. */
void say(enum say_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Our own data contradicts itself: say where and abort(), so that a core shows it and the guardian
 * starts us again. */
_Noreturn void die_bug(const char *file, int line, const char *what);
#define BUG_ON(cond) \
	do { \
		if (__builtin_expect(!!(cond), 0)) \
			die_bug(__FILE__, __LINE__, #cond); \
	} while (0)

#endif
