/* cli/out.c - what the program says (cli/out.h). */
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/term.h"

#define STDOUT_BUFFER (64u * 1024)
#define TEXT_MAX      4096u

static const struct command *current;
static bool progress_shown;
static int lost; /* errno of the first output that could not be written */

void out_init(void)
{
	static char buffer[STDOUT_BUFFER];

	/* Opened for reading on purpose: printing to a stdout that was closed stays the error that it is. */
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
	setvbuf(stderr, NULL, _IOLBF, TEXT_MAX); /* a line in one write, so that those of several commands don't mix */
}

void out_command(const struct command *c)
{
	current = c;
}

const char *out_program(void)
{
	static const char other[] = "mcp_mesh_dev";

	return strcmp(program_invocation_short_name, other) == 0 ? other : "tend";
}

/* Where "tend " begins a command: behind a quotation mark, or indented as an example. */
static const char *next_command(const char *text)
{
	for (const char *p = text; (p = strstr(p, "tend ")) != NULL; p += 5)
		if (p - text >= 1 && (p[-1] == '"' || (p[-1] == ' ' && p - text >= 2 && (p[-2] == ' ' || p[-2] == ':'))))
			return p;
	return NULL;
}

void out_text(FILE *to, const char *text)
{
	const char *p;

	while ((p = next_command(text)) != NULL) {
		fprintf(to, "%.*s%s", (int)(p - text), text, out_program());
		text = p + 4;
	}
	fputs(text, to);
}

static void complain(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
static void complain(const char *fmt, va_list args)
{
	char text[TEXT_MAX], shown[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	str_visible(shown, sizeof(shown), text);
	out_progress(NULL);
	(void)out_flush(); /* so that on a terminal both streams keep their order */
	fprintf(stderr, "%s%s%s: ", out_program(), current ? " " : "", current ? current->name : "");
	out_text(stderr, shown);
	fputc('\n', stderr);
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
		command_usage(current, stderr);
	else
		out_text(stderr, "usage: tend COMMAND [OPTION...]; \"tend help\" lists the commands\n");
	return EXIT_MISUSE;
}

bool out_flush(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	if (!lost)
		lost = errno ? errno : EIO; /* stdio drops what it could not write: only the first failure knows why */
	return false;
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

void out_progress(const char *text)
{
	if (!text && !progress_shown)
		return;
	if (!term_is_tty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%s", text ? text : "");
	fflush(stderr);
	progress_shown = text != NULL;
}
