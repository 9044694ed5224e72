/* cli/out.c - what the program says (cli/out.h). */
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/program.h"
#include "cli/usage.h"
#include "term/term.h"
#include "term/textwidth.h"

#define STDOUT_BUFFER	  (64u * 1024)
#define TEXT_MAX	  4096u
#define PROGRESS_AFTER_NS (NS_PER_SEC / 2) /* what is done sooner needs no explanation */

static const struct command *current;
static char progress[256]; /* the line of progress, "" = none */
static pthread_mutex_t speaking = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static bool is_quiet;
static int lost; /* errno of the first output that could not be written */

void out_init(void)
{
	static char buffer[STDOUT_BUFFER];

	/* Opened for reading on purpose: printing to a stdout that was closed stays the error that
	 * it is. */
	while (true) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fd > 2) {
			if (fd > 2)
				close(fd);
			break;
		}
		(void)fcntl(fd, F_SETFD, 0);
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	/* a line in one write, so that those of several commands don't mix */
	setvbuf(stderr, NULL, _IOLBF, TEXT_MAX);
}

void out_quiet(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && fflush(stdout) == 0)
		(void)dup2(fd, STDOUT_FILENO);
	if (fd >= 0)
		close(fd);
	is_quiet = true;
}

void out_command(const struct command *c)
{
	current = c;
}

static void complain(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
static void complain(const char *fmt, va_list args)
{
	char text[TEXT_MAX], shown[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	str_visible(shown, sizeof(shown), text);
	out_hold();
	progress[0] = 0;
	(void)out_flush(); /* so that on a terminal both streams keep their order */
	fprintf(stderr, "%s%s%s: ", program_name(), current ? " " : "",
		current ? current->name : "");
	program_text(stderr, shown);
	fputc('\n', stderr);
	out_release();
}

int out_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	return EXIT_FAIL;
}

void out_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
}

int out_misuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	if (current)
		usage_print(current, stderr);
	else
		program_text(stderr,
			"usage: tend COMMAND [OPTION...]; \"tend help\" lists the commands\n");
	return EXIT_MISUSE;
}

/* stdio drops what it could not write, and unless we were flushing it keeps the reason to itself.
 * What was printed is not whole any more, so that one more character does no harm. */
static int reason_of_loss(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR))
		return EPIPE;
	return write(STDOUT_FILENO, "\n", 1) < 0 ? errno : EIO;
}

bool out_flush(void)
{
	bool fine;

	pthread_mutex_lock(&speaking);
	errno = 0;
	fine = fflush(stdout) == 0 && !ferror(stdout);
	if (!fine && !lost)
		lost = errno ? errno : reason_of_loss();
	pthread_mutex_unlock(&speaking);
	return fine;
}

/* A line that wraps could not be taken away again. */
static void draw(const char *text)
{
	fprintf(stderr, "\r\033[K%.*s", (int)textwidth_bytes(text, term_columns(STDERR_FILENO) - 1),
		text);
	fflush(stderr);
}

void out_hold(void)
{
	pthread_mutex_lock(&speaking);
	if (progress[0])
		draw("");
	flockfile(stdout);
}

void out_release(void)
{
	funlockfile(stdout);
	if (progress[0]) {
		(void)out_flush();
		draw(progress);
	}
	pthread_mutex_unlock(&speaking);
}

int out_finish(int status)
{
	out_progress(NULL);
	if (out_flush())
		return status;
	if (lost == EPIPE)
		return status == EXIT_MISUSE ? status : EXIT_OK;
	return out_fail("cannot write to standard output: %s", strerror(lost));
}

void out_waiting(uint64_t since_boot_ns, const char *fmt, ...)
{
	char text[256], span[CLOCK_TEXT_MAX];
	uint64_t ns = clock_boot_ns() - since_boot_ns;
	va_list args;
	size_t len;

	if (ns < PROGRESS_AFTER_NS)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, " (%s) ...", clock_span(ns, span));
	out_progress(text);
}

void out_progress(const char *text)
{
	pthread_mutex_lock(&speaking);
	if ((text || progress[0]) && !is_quiet && term_is_tty(STDERR_FILENO)) {
		(void)str_copy(progress, sizeof(progress), text ? text : "");
		draw(progress);
	}
	pthread_mutex_unlock(&speaking);
}
