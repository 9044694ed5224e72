/*
 * tests/bin/env_printer.c - tells as one line of JSON what kind of world its parent gave it:
 * everything that a careless launch leaks or forgets.
 *
 *   env_printer [SECONDS]        stays for SECONDS afterwards (default: for ever)
 *
 *   pid ppid pgid sid cwd umask nofile_soft nofile_hard
 *   env        the environment, an array of "KEY=VALUE" as they came
 *   args       the arguments
 *   fds        every open descriptor: number, kind (fifo file char socket pipe dir other), target,
 *              flags (octal, as /proc shows them), cloexec
 *   blocked, ignored    arrays of signal numbers
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* A JSON string. Bytes above 127 go out as they are: the tests that use them send UTF-8. */
static void put_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_strings(const char *key, char **list)
{
	printf(", \"%s\": [", key);
	for (char **p = list; *p; p++) {
		if (p != list)
			fputs(", ", stdout);
		put_string(*p);
	}
	putchar(']');
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "fifo";
	case S_IFREG:
		return "file";
	case S_IFCHR:
		return "char";
	case S_IFSOCK:
		return "socket";
	case S_IFDIR:
		return "dir";
	default:
		return "other";
	}
}

static void put_fd(int fd)
{
	char link[64], target[4096];
	struct stat st;
	int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof target - 1);
	target[n < 0 ? 0 : n] = '\0';
	printf("{\"fd\": %d, \"kind\": \"%s\", \"target\": ", fd,
		fstat(fd, &st) == 0 ? kind_of(st.st_mode) : "other");
	put_string(target);
	printf(", \"flags\": \"%o\", \"access\": \"%s\", \"nonblock\": %s, \"cloexec\": %s}",
		(unsigned)flags,
		(flags & O_ACCMODE) == O_RDONLY		  ? "r"
			: (flags & O_ACCMODE) == O_WRONLY ? "w"
							  : "rw",
		flags & O_NONBLOCK ? "true" : "false", fd_flags & FD_CLOEXEC ? "true" : "false");
}

static void put_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const char *separator = "";
	struct dirent *e;

	fputs(", \"fds\": [", stdout);
	while (dir && (e = readdir(dir))) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		fputs(separator, stdout);
		put_fd(fd);
		separator = ", ";
	}
	if (dir)
		closedir(dir);
	putchar(']');
}

static void put_signals(void)
{
	struct sigaction sa;
	const char *separator = "";
	sigset_t blocked;

	fputs(", \"blocked\": [", stdout);
	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int s = 1; s <= SIGRTMAX; s++)
		if (sigismember(&blocked, s) == 1) {
			printf("%s%d", separator, s);
			separator = ", ";
		}
	fputs("], \"ignored\": [", stdout);
	separator = "";
	for (int s = 1; s <= SIGRTMAX; s++)
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) {
			printf("%s%d", separator, s);
			separator = ", ";
		}
	putchar(']');
}

int main(int argc, char **argv)
{
	struct rlimit nofile = { 0, 0 };
	char *cwd = getcwd(NULL, 0);
	mode_t mask = umask(0);

	(void)umask(mask);
	(void)getrlimit(RLIMIT_NOFILE, &nofile);
	printf("{\"pid\": %d, \"ppid\": %d, \"pgid\": %d, \"sid\": %d, \"umask\": \"%04o\", \"nofile_soft\": %llu, \"nofile_hard\": %llu, \"cwd\": ",
		(int)getpid(), (int)getppid(), (int)getpgrp(), (int)getsid(0), (unsigned)mask,
		(unsigned long long)nofile.rlim_cur, (unsigned long long)nofile.rlim_max);
	put_string(cwd ? cwd : "");
	put_strings("args", argv);
	put_strings("env", environ);
	put_fds();
	put_signals();
	puts("}");
	fflush(stdout);
	free(cwd);
	if (argc > 1)
		(void)sleep((unsigned)atoi(argv[1]));
	else
		for (;;)
			pause();
	return 0;
}
