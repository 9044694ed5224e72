/* monitor/alert.c - see monitor/alert.h. */
#include "monitor/alert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/say.h"
#include "base/str.h"
#include "http/client.h"
#include "monitor/run.h"
#include "shm/events.h"

#define ALERT_BYTES_MAX 4096u
#define ALERT_TEXT_MAX	512u
#define FIRST_DELAY_S	1u
#define LAST_DELAY_S	300u
#define BUSY_NS		(50 * NS_PER_MS) /* what is left of the command before is on its way out */
#define TRIES_MAX	12u		 /* about half an hour */

struct alerts {
	struct monitor *mo;
	const struct health_all *conf;
	int dir;
	struct waiting {
		uint64_t number; /* of its file */
		char *text;	 /* of one that could not be written to a file, else NULL; owned */
	} waiting[ALERTS_MAX];	 /* oldest first */
	unsigned n;
	uint64_t next;
	struct loop_timer timer; /* the next try, or the command's timeout */
	bool command_done;
	int command_error; /* why the command has not taken the first; positive errno, 0 = it has */
	unsigned tries;
	struct run *command;
	struct http_call *call;
};

static void go_on(struct alerts *a);

static void file_name(uint64_t number, char buf[static 32])
{
	(void)snprintf(buf, 32, "%020llu.json", (unsigned long long)number);
}

static void drop_first(struct alerts *a)
{
	char file[32];

	file_name(a->waiting[0].number, file);
	if (a->waiting[0].text)
		free(a->waiting[0].text);
	else
		(void)unlinkat(a->dir, file, 0);
	memmove(a->waiting, a->waiting + 1, (a->n - 1) * sizeof(a->waiting[0]));
	a->n--;
	a->command_done = false;
	a->command_error = 0;
	a->tries = 0;
	a->mo->state.alerts_queued = a->n;
}

static void lost(struct alerts *a, int error, const char *why)
{
	struct pt_event ev = { .kind = PT_EVENT_ALERT, .value = (uint64_t)error };

	(void)str_copy(ev.name, sizeof(ev.name), "alert");
	pt_event_add(a->mo->pt, &ev);
	a->mo->state.alerts_lost++;
	say(SAY_WARNING, "an alert could not be delivered: %s", why);
}

/* The first is done with: sent if both ways took it that there are, else lost. Counted once. */
static void settle(struct alerts *a, int error, const char *why)
{
	if (error || a->command_error)
		lost(a, error ? error : a->command_error, error ? why : strerror(a->command_error));
	else
		a->mo->state.alerts_sent++;
	drop_first(a);
	go_on(a);
}

/* --- the command --- */

static void command_failed(struct alerts *a, int error, const char *why)
{
	say(SAY_WARNING, "the command for alerts: %s", why);
	a->command_error = error;
}

static void on_command_end(void *arg, int error, const siginfo_t *si)
{
	struct alerts *a = arg;

	loop_timer_clear(a->mo->loop, &a->timer);
	if (error)
		command_failed(a, error, strerror(error));
	else if (si->si_code != CLD_EXITED || si->si_status != 0)
		command_failed(a, EIO, "it failed");
	go_on(a);
}

static int start_command(
	struct alerts *a, const struct health_all *conf, const char *text, size_t len)
{
	int fd = memfd_create("alert", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text, len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = run_begin(a->mo, &a->command, conf->alert_argv, fd, on_command_end, a);
	io_close(&fd);
	if (r == 0)
		r = loop_timer_set(a->mo->loop, &a->timer,
			clock_boot_ns() + conf->alert_timeout_ms * NS_PER_MS);
	if (r < 0)
		run_kill(a->command);
	return r;
}

/* --- the address --- */

static void try_later(struct alerts *a, const char *why)
{
	uint64_t delay = FIRST_DELAY_S;

	if (++a->tries >= TRIES_MAX) {
		settle(a, EHOSTUNREACH, why);
		return;
	}
	for (unsigned i = 1; i < a->tries && delay < LAST_DELAY_S; i++)
		delay *= 2;
	if (loop_timer_set(a->mo->loop, &a->timer, clock_boot_ns() + delay * NS_PER_SEC))
		say(SAY_ERROR, "no memory for a timer; alerts wait for the next one");
}

static void on_posted(void *arg, const struct http_answer *answer)
{
	struct alerts *a = arg;
	char why[HTTP_WHY_MAX];

	a->call = NULL;
	if (answer->ok && answer->status >= 200 && answer->status < 300) {
		settle(a, 0, "");
		return;
	}
	(void)snprintf(why, sizeof(why), "status %ld", answer->status);
	try_later(a, answer->ok ? why : answer->why);
}

static void post(struct alerts *a, const struct health_all *conf, const char *text)
{
	struct http_ask q = { .url = conf->alert_url,
		.body = text,
		.timeout_ms = conf->alert_timeout_ms,
		.body_max = 1u << 16 };

	q.headers[0] = "Content-Type: application/json";
	if (http_send(a->mo->http, &q, on_posted, a, &a->call) < 0)
		try_later(a, "the address can't be used");
}

/* --- one after the other --- */

static char *first_text(const struct alerts *a, size_t *ret_len)
{
	char file[32], *text = NULL;

	if (a->waiting[0].text) {
		*ret_len = strlen(a->waiting[0].text);
		return strdup(a->waiting[0].text);
	}
	file_name(a->waiting[0].number, file);
	return io_read_file(a->dir, file, ALERT_BYTES_MAX * 2, &text, ret_len) < 0 ? NULL : text;
}

/* False: wait; go_on() is called again. */
static bool command_is_over(
	struct alerts *a, const struct health_all *conf, const char *text, size_t len)
{
	int r;

	if (a->command_done || !conf->alert_argv)
		return true;
	r = start_command(a, conf, text, len);
	if (r == -EBUSY && loop_timer_set(a->mo->loop, &a->timer, clock_boot_ns() + BUSY_NS) == 0)
		return false;
	a->command_done = true;
	if (r < 0)
		command_failed(a, r == -EDEADLK ? ETIMEDOUT : -r,
			r == -EDEADLK ? "the one before can't be killed" : strerror(-r));
	return r < 0;
}

static void go_on(struct alerts *a)
{
	const struct health_all *conf = a->conf;
	char *text;
	size_t len;

	if (a->n == 0 || run_is_on(a->command) || a->call || a->timer.at_boot_ns)
		return;
	text = first_text(a, &len);
	if (!text) {
		drop_first(a); /* someone took it away */
		go_on(a);
		return;
	}
	if (command_is_over(a, conf, text, len)) {
		if (conf->alert_url[0])
			post(a, conf, text);
		else
			settle(a, 0, "");
	}
	free(text);
}

static void on_timer(void *arg)
{
	struct alerts *a = arg;

	if (run_is_on(a->command)) {
		run_kill(a->command);
		command_failed(a, ETIMEDOUT, "it took longer than its timeout");
	}
	go_on(a);
}

/* The folder is there only once there is something to keep. */
static int need_folder(struct alerts *a)
{
	if (a->dir >= 0)
		return 0;
	if (mkdirat(a->mo->home.run_fd, "alerts", 0700) < 0 && errno != EEXIST)
		return -errno;
	a->dir = io_open(a->mo->home.run_fd, "alerts", O_RDONLY | O_DIRECTORY, 0);
	return a->dir < 0 ? a->dir : 0;
}

/* In a file, where another monitor finds it if this one dies; in memory if that can't be: a full
 * disk is no reason not to tell that the disk is full. */
static bool keep(struct alerts *a, const char *text, size_t len)
{
	struct waiting *w = &a->waiting[a->n];
	char file[32];
	int r;

	a->next += a->next == 0;
	*w = (struct waiting){ .number = a->next };
	file_name(w->number, file);
	r = need_folder(a);
	if (r == 0)
		r = io_replace(a->dir, file, text, len, IO_NO_SYNC);
	if (r < 0 && !(w->text = strdup(text))) {
		lost(a, -r, strerror(-r));
		return false;
	}
	a->n++;
	a->next++;
	a->mo->state.alerts_queued = a->n;
	return true;
}

void alert_begin(struct json_out *o, const char *kind, const char *name)
{
	*o = (struct json_out){ .one_line = true };
	json_open(o, NULL, '{');
	json_text(o, "alert", kind);
	json_text(o, "process", name);
	json_time(o, "timestamp", clock_real_ns());
}

void alert_text(struct json_out *o, const char *key, const char *text)
{
	char seen[ALERT_TEXT_MAX];

	(void)str_visible(seen, sizeof(seen), text);
	json_text(o, key, seen);
}

static void queue(struct alerts *a, const char *text, size_t len)
{
	if (a->n == ALERTS_MAX) {
		lost(a, ENOBUFS, "too many are waiting");
		if (run_is_on(a->command) || a->call)
			return; /* the first is on its way */
		drop_first(a);
	}
	if (keep(a, text, len))
		go_on(a);
}

void alert_send(struct monitor *mo, struct json_out *o)
{
	const struct health_all *conf = mo->alerts->conf;
	int r;

	json_close(o);
	json_raw(o, NULL, "\n", 1);
	r = json_end(o);
	if (!conf->alert_argv && !conf->alert_url[0])
		r = -ENOENT; /* nobody wants it */
	else if (r < 0)
		lost(mo->alerts, -r, strerror(-r));
	if (r == 0)
		queue(mo->alerts, o->text, o->len);
	json_free(o);
}

static int by_number(const void *x, const void *y)
{
	uint64_t a = ((const struct waiting *)x)->number, b = ((const struct waiting *)y)->number;

	return a < b ? -1 : a > b;
}

/* What an earlier monitor did not deliver. */
static void find_waiting(struct alerts *a)
{
	(void)io_sweep(a->dir, NULL, NULL);
	int fd = io_open(a->dir, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	unsigned long long number;
	char end;

	while (d && (e = readdir(d)) && a->n < ALERTS_MAX)
		if (strlen(e->d_name) == 25 &&
			sscanf(e->d_name, "%20llu.jso%c", &number, &end) == 2)
			a->waiting[a->n++] = (struct waiting){ .number = number };
	if (d)
		(void)closedir(d);
	else
		io_close(&fd);
	qsort(a->waiting, a->n, sizeof(a->waiting[0]), by_number);
	a->next = a->n ? a->waiting[a->n - 1].number + 1 : 1;
	a->mo->state.alerts_queued = a->n;
}

int alerts_new(struct monitor *mo, const struct health_all *conf, struct alerts **ret)
{
	struct alerts *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->mo = mo;
	a->conf = conf;
	loop_timer_init(&a->timer, on_timer, a);
	a->dir = io_open(mo->home.run_fd, "alerts", O_RDONLY | O_DIRECTORY, 0);
	if (a->dir >= 0)
		find_waiting(a);
	*ret = a;
	return 0;
}

void alerts_begin(struct alerts *a)
{
	a->mo->state.alerts_queued = a->n; /* what the table said was the earlier monitor's count */
	if (a->n)
		go_on(a);
}

void alerts_free(struct alerts *a)
{
	if (!a)
		return;
	run_leave(&a->command);
	http_cancel(a->mo->http, a->call);
	loop_timer_clear(a->mo->loop, &a->timer);
	for (unsigned i = 0; i < a->n; i++)
		free(a->waiting[i].text);
	io_close(&a->dir);
	(void)unlinkat(a->mo->home.run_fd, "alerts", AT_REMOVEDIR); /* stays if anything waits */
	free(a);
}
