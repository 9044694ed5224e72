/* term/term.c - the terminal and Ctrl-C (term/term.h). */
#include "term/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"

#define MIN_COLUMNS 20

static volatile sig_atomic_t caught;
static int interrupted; /* the status that Ctrl-C ends the program with */
/* the first two are never meant for someone else where a command stays with what it started */
static const int ours[] = { SIGINT, SIGTERM, SIGHUP };

bool term_is_tty(int fd)
{
	return isatty(fd) == 1;
}

unsigned term_columns(int fd)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	int64_t n;

	if (columns && str_int(columns, MIN_COLUMNS, 10000, &n) == 0)
		return (unsigned)n;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < MIN_COLUMNS ? MIN_COLUMNS : size.ws_col;
}

unsigned term_width(void)
{
	return term_is_tty(STDOUT_FILENO) ? term_columns(STDOUT_FILENO) : 0;
}

unsigned term_height(void)
{
	struct winsize size;

	return term_is_tty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0
		? size.ws_row
		: 0;
}

static bool wants_colour(void)
{
	static int known = -1;

	if (known < 0) {
		const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

		known = term_is_tty(STDOUT_FILENO) && !(no_color && *no_color) &&
			!(term && strcmp(term, "dumb") == 0);
	}
	return known;
}

const char *term_colour(enum term_colour c)
{
	static const char *const sequence[] = {
		[TERM_PLAIN] = "\033[0m",
		[TERM_GREEN] = "\033[32m",
		[TERM_YELLOW] = "\033[33m",
		[TERM_RED] = "\033[31m",
		[TERM_DIM] = "\033[2m",
		[TERM_BOLD] = "\033[1m",
		[TERM_CYAN] = "\033[36m",
		[TERM_MAGENTA] = "\033[35m",
		[TERM_BLUE] = "\033[34m",
	};

	return wants_colour() ? sequence[c] : "";
}

static void leave(int signo)
{
	(void)signo;
	_exit(interrupted);
}

static void count(int signo)
{
	(void)signo;
	if (caught < 1000)
		caught++;
}

void term_signals(int status)
{
	struct sigaction now, ignore = { .sa_handler = SIG_IGN }, end = { .sa_handler = leave },
			      dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	interrupted = status;
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* a limit on the size of files: the write says so */
	/* ignored, it would take the status of each child from us */
	sigaction(SIGCHLD, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Started in the background by a shell without job control, SIGINT is ignored and means
	 * someone else. */
	if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		sigaction(SIGINT, &end, NULL);
}

void term_obey(void)
{
	struct sigaction now, end = { .sa_handler = leave };

	for (unsigned i = 0; i < 2; i++)
		if (sigaction(ours[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			sigaction(ours[i], &end, NULL);
}

void term_catch(void)
{
	struct sigaction now, act = { .sa_handler = count }; /* no SA_RESTART: it shall interrupt */

	caught = 0;
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (sigaction(ours[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaction(ours[i], &act, NULL);
}

int term_caught(void)
{
	return caught;
}

/* The signals are held back from the question to the sleep, so that none can fall in between. */
int term_wait(int fd)
{
	struct pollfd watch[] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	sigset_t held, before;
	int r;

	sigemptyset(&held);
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigaddset(&held, ours[i]);
	sigprocmask(SIG_BLOCK, &held, &before);
	do
		r = caught ? -EINTR : ppoll(watch, 2, NULL, &before) < 0 ? -errno : 0;
	while (r == -EINTR && !caught); /* another signal, as of a terminal that changes its size */
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r == 0 && (watch[1].revents & (POLLERR | POLLHUP)))
		return -EPIPE;
	return r;
}
