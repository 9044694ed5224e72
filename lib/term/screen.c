/* term/screen.c - a terminal that is drawn on again and again (term/screen.h). */
#include "term/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "term/term.h"

/* What is wider than the terminal is cut, not wrapped: a picture has as many lines as it was made
 * of. */
#define ENTER "\033[?1049h\033[?7l\033[?25l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static struct {
	bool tty, keys;
	struct termios before;
	int signals;
} screen = { .signals = -1 };

static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	screen.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return screen.signals >= 0 ? 0 : -errno;
}

/* No line, no echo; Ctrl-C stays a signal, Ctrl-Z is none here: it would leave the terminal to the
 * shell as it is now. */
static void take_keys(void)
{
	struct termios raw;

	if (!term_is_tty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &screen.before) < 0)
		return;
	raw = screen.before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	screen.keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

int screen_begin(bool tty)
{
	int r = take_signals();

	if (r < 0)
		return r;
	screen.tty = tty;
	if (tty) {
		take_keys();
		fputs(ENTER, stdout);
	}
	return 0;
}

void screen_end(void)
{
	if (screen.tty) {
		fputs(LEAVE, stdout);
		(void)fflush(stdout); /* what fails is found by the last one who flushes */
	}
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
	screen.tty = screen.keys = false;
}

void screen_home(void)
{
	if (screen.tty)
		fputs("\033[H\033[K", stdout);
}

/* What is left of the picture before is erased in front of a line, not behind it: behind a line
 * that is as wide as the terminal the cursor still stands on its last character. */
void screen_line(void)
{
	fputs(screen.tty ? "\n\033[K" : "\n", stdout);
}

void screen_done(void)
{
	if (screen.tty)
		fputs("\033[J", stdout);
}

/* 'q', and what ends input. */
static bool key_quits(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0) {
		screen.keys = n < 0 && (errno == EINTR || errno == EAGAIN);
		if (!screen.keys)
			tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
		return n == 0;
	}
	return memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n) ||
		memchr(keys, 4, (size_t)n);
}

static enum screen_event read_signal(void)
{
	struct signalfd_siginfo info;
	enum screen_event what = SCREEN_RESIZE;

	while (read(screen.signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGWINCH)
			what = SCREEN_QUIT;
	return what;
}

enum screen_event screen_wait(uint64_t until_boot_ns, int changes_fd)
{
	struct pollfd p[3] = { { .fd = screen.signals, .events = POLLIN },
		{ .fd = changes_fd, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	uint64_t now;

	while ((now = clock_boot_ns()) < until_boot_ns) {
		p[2].fd = screen.keys ? STDIN_FILENO : -1;
		if (poll(p, 3,
			    (int)((until_boot_ns - now) / NS_PER_MS > 3600000
					    ? 3600000
					    : (until_boot_ns - now) / NS_PER_MS + 1)) <= 0)
			continue;
		if (p[0].revents)
			return read_signal();
		if (p[2].revents && key_quits())
			return SCREEN_QUIT;
		if (p[1].revents)
			return SCREEN_CHANGE;
	}
	return SCREEN_TICK;
}
