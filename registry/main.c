/*
 * registry/main.c - tend-registry: the mesh registry's HTTP API on one host's loopback interface
 * (registry/README.md).
 *
 *   tend-registry [--host HOST] [--port PORT] [--db FILE] [--public] [--allow-host NAME]...
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inherited.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/privilege.h"
#include "base/say.h"
#include "base/str.h"
#include "http/server.h"
#include "registry/serve.h"
#include "registry/writer.h"

#define DATA_MAX (1ull << 30) /* own memory, whatever its clients send */

#define TELL_NS (1 * NS_PER_SEC) /* registrations within this time are one line */
/* heartbeats are stored this late: all that is lost by it is a time that is shown */
#define FLUSH_NS  (10 * NS_PER_SEC)
#define NAMES_MAX 300u

struct options {
	const char *host, *db;
	unsigned port;
	struct gate gate; /* who may ask */
};

struct service {
	struct api api;
	struct store *store;
	struct writer *writer;
	struct loop *loop;
	struct http_server *http;
	struct loop_timer flush, scan, tell;
	uint64_t scan_ns, seen_beat_real_ns, seen_changes;
	size_t new_agents;
	char new_names[NAMES_MAX]; /* the first of them, for one line in a second */
	bool store_failed;
};

static void set_clocks(void *arg)
{
	struct service *s = arg;

	s->api.now_boot_ns = clock_boot_ns();
	s->api.now_real_ns = clock_real_ns();
}

/* Said once, and once more when it works again. */
static int stored(struct service *s, int r, const struct fault *f)
{
	if (r < 0 && !s->store_failed)
		say(SAY_ERROR, "cannot write: %s; registrations are refused until that works",
			f->text);
	else if (r >= 0 && s->store_failed)
		say(SAY_INFO, "writing works again");
	s->store_failed = r < 0;
	return r;
}

static int on_store(void *arg, struct agent *a, struct fault *f)
{
	struct service *s = arg;
	size_t len = strlen(s->new_names);

	if (!a->left) {
		if (len + strlen(a->name) + 3 < NAMES_MAX)
			snprintf(s->new_names + len, NAMES_MAX - len, "%s%s", len ? ", " : "",
				a->name);
		s->new_agents++;
		if (!s->tell.at_boot_ns)
			(void)loop_timer_set(s->loop, &s->tell, s->api.now_boot_ns + TELL_NS);
	}
	return stored(s, store_put(s->store, a, f), f);
}

static void on_gone(void *arg, const struct agent *a)
{
	struct service *s = arg;
	struct fault f;

	say(SAY_INFO, "agent %s is forgotten: silent for too long", a->id);
	(void)stored(s, store_delete(s->store, a->id, &f), &f);
}

static void on_tell(void *arg)
{
	struct service *s = arg;
	char shown[4 * NAMES_MAX];

	if (s->new_agents) {
		str_visible(shown, sizeof(shown), s->new_names);
		say(SAY_INFO, "%zu agent%s registered: %s", s->new_agents,
			s->new_agents == 1 ? "" : "s", shown);
	}
	s->new_agents = 0;
	s->new_names[0] = 0;
}

static void flush_later(struct service *s)
{
	if (!s->flush.at_boot_ns)
		(void)loop_timer_set(s->loop, &s->flush, clock_boot_ns() + FLUSH_NS);
}

static void on_flush(void *arg)
{
	struct service *s = arg;

	if (writer_flush(s->writer, &s->api.table) < 0)
		flush_later(s);
}

static void on_written(void *arg, int r, const struct fault *why)
{
	struct service *s = arg;
	const struct store_beat *beats;
	size_t n;

	if (stored(s, r, why) >= 0)
		return;
	beats = writer_batch(s->writer, &n);
	for (size_t i = 0; i < n; i++) {
		struct agent *a = table_find(&s->api.table, beats[i].id);

		if (a)
			a->dirty = true;
	}
	flush_later(s);
}

static void on_scan(void *arg)
{
	struct service *s = arg;
	size_t became;

	set_clocks(s);
	became = table_age(&s->api.table, s->api.now_boot_ns, on_gone, s);
	if (became) {
		say(SAY_INFO, "%zu agent%s became unhealthy", became, became == 1 ? "" : "s");
		flush_later(s);
	}
	if (s->api.table.n) /* nobody there: nothing to look at */
		(void)loop_timer_set(s->loop, &s->scan, clock_boot_ns() + s->scan_ns);
}

/* After an answer: heartbeats are written together. */
static void after_answer(struct service *s)
{
	bool changed = s->api.beat_real_ns != s->seen_beat_real_ns ||
		s->api.table.changes != s->seen_changes;

	if (changed)
		flush_later(s);
	s->seen_beat_real_ns = s->api.beat_real_ns;
	s->seen_changes = s->api.table.changes;
	if (s->api.table.n && !s->scan.at_boot_ns)
		(void)loop_timer_set(s->loop, &s->scan, s->api.now_boot_ns + s->scan_ns);
}

static void on_request(void *arg, const struct http_request *q, struct http_reply *ret)
{
	struct service *s = arg;

	set_clocks(s);
	serve_answer(&s->api, q, ret);
	after_answer(s);
}

static void on_complaint(void *arg, const char *text)
{
	(void)arg;
	say(SAY_DEBUG, "http: %s", text);
}

static void on_signal(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg, 0);
}

/* ---- options */

static int misuse(const char *what, const char *text)
{
	fprintf(stderr, "tend-registry: %s: %s\n", what, text);
	fprintf(stderr,
		"usage: tend-registry [--host HOST] [--port PORT] [--db FILE] [--public] [--allow-host NAME]...\n");
	return 2;
}

/* A number of seconds, or a duration, of the environment. */
static bool read_seconds(const char *variable, uint64_t otherwise_s, uint64_t *ret_ns)
{
	const char *text = getenv(variable);
	uint64_t ms = otherwise_s * 1000;

	if (text && *text && (str_duration_ms(text, &ms) < 0 || ms < 1000)) {
		fprintf(stderr, "tend-registry: %s must be a duration of at least a second\n",
			variable);
		return false;
	}
	*ret_ns = ms * NS_PER_MS;
	return true;
}

/* sqlite:///PATH, as the reference hands the database to a registry. */
static const char *default_db(void)
{
	static const char prefix[] = "sqlite:///";
	const char *url = getenv("MCP_MESH_DATABASE_URL");

	return url && strncmp(url, prefix, sizeof(prefix) - 1) == 0 && url[sizeof(prefix) - 1]
		? url + sizeof(prefix) - 1
		: "dev_registry.db";
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = { { "host", required_argument, NULL, 'h' },
		{ "port", required_argument, NULL, 'p' }, { "db", required_argument, NULL, 'd' },
		{ "public", no_argument, NULL, 'P' },
		{ "allow-host", required_argument, NULL, 'a' }, { "help", no_argument, NULL, '?' },
		{ 0 } };
	int64_t port;
	int opt;

	*o = (struct options){ .host = "localhost", .db = default_db(), .port = 8000 };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'h')
			o->host = optarg;
		else if (opt == 'd')
			o->db = optarg;
		else if (opt == 'P')
			o->gate.public = true;
		else if (opt == 'a' && o->gate.n_allowed == GATE_HOSTS_MAX)
			return misuse("--allow-host: too many, behind",
				o->gate.allowed[GATE_HOSTS_MAX - 1]);
		else if (opt == 'a')
			o->gate.allowed[o->gate.n_allowed++] = optarg;
		else if (opt != 'p')
			return 2;
		else if (str_int(optarg, 0, 65535, &port) < 0)
			return misuse("--port: expected a port from 0 (any) to 65535, not", optarg);
		else
			o->port = (unsigned)port;
	}
	return optind < argc ? misuse("takes no operands", argv[optind]) : 0;
}

/* ---- */

static int load(struct service *s, const struct options *o, struct fault *f)
{
	size_t damaged = 0;
	int r = store_open(o->db, &s->store, f);

	if (r == 0)
		r = store_load(s->store, &s->api.table, s->api.now_boot_ns, &damaged, f);
	if (r == 0 && damaged)
		say(SAY_WARNING, "%zu damaged entries of %s are left out", damaged, o->db);
	s->api.table.registrations = 0;
	return r;
}

static int start(struct service *s, const struct options *o, struct fault *f)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct http_sockets on = { .n = 0 };
	struct loop_watch *watch;
	int sfd, r = http_listen(o->host, o->port, o->gate.public, &on, f);

	if (r == 0)
		r = load(s, o, f);
	if (r < 0) /* the sockets end with us */
		return r;
	r = loop_new(&s->loop);
	if (r < 0 || (sfd = loop_signalfd(signals, 2)) < 0 ||
		(r = loop_watch(s->loop, sfd, EPOLLIN, on_signal, s->loop, &watch)) < 0)
		return fault_errno(f, r < 0 ? r : -EIO, "cannot make an event loop");
	loop_timer_init(&s->flush, on_flush, s);
	loop_timer_init(&s->scan, on_scan, s);
	loop_timer_init(&s->tell, on_tell, s);
	s->api.store = on_store;
	s->api.store_arg = s;
	s->api.gate = o->gate;
	s->api.gate.own = o->host;
	r = writer_start(o->db, s->loop, on_written, s, &s->writer, f);
	if (r == 0)
		r = http_serve(s->loop, &on,
			&(struct http_handler){ .body_max = API_BODY_MAX,
				.answer = on_request,
				.refuse = serve_refusal,
				.is_light = serve_is_light,
				.complain = on_complaint,
				.arg = s },
			&s->http, f);
	if (r < 0)
		return r;
	if (s->api.table.n)
		(void)loop_timer_set(s->loop, &s->scan, clock_boot_ns() + s->scan_ns);
	say(SAY_INFO, "listening on %s, database %s, %zu agents known", on.shown, o->db,
		s->api.table.n);
	return 0;
}

/* The last signs of life. */
static void end_writing(struct service *s)
{
	struct store_beat *beats = NULL;
	struct fault f = { "" };
	int n;

	writer_stop(s->writer);
	n = s->store ? store_take(&s->api.table, &beats) : 0;
	if (n < 0)
		fault_errno(&f, n, "no memory");
	if (n < 0 || (n > 0 && store_beats(s->store, beats, (size_t)n, &f) < 0))
		say(SAY_ERROR, "cannot write: %s", f.text);
	free(beats);
}

static int serve_registry(int argc, char **argv)
{
	static struct service s;
	struct options o;
	struct fault f = { "" };
	int r;

	inherited_reset();
	r = read_options(argc, argv, &o);
	if (r)
		return r;
	say_init("registry");
	umask(077);
	(void)io_raise_nofile();
	if (!read_seconds(
		    "DEFAULT_TIMEOUT_THRESHOLD", AGENT_TIMEOUT_S, &s.api.table.rules.timeout_ns) ||
		!read_seconds(
			"MCP_MESH_RETENTION", AGENT_RETENTION_S, &s.api.table.rules.retention_ns) ||
		!read_seconds("HEALTH_CHECK_INTERVAL", AGENT_SCAN_S, &s.scan_ns))
		return 2;
	set_clocks(&s);
	s.api.started_boot_ns = s.api.now_boot_ns;
	s.api.started_real_ns = s.api.now_real_ns;
	r = start(&s, &o, &f);
	if (r == 0) {
		/* The capability: the database may lie in the folder of a user for whom root runs
		 * this. */
		privilege_drop(PRIVILEGE_NETWORK, 1ull << CAP_DAC_OVERRIDE, DATA_MAX);
		r = loop_run(s.loop);
	} else
		say(SAY_ERROR, "%s", f.text);
	http_server_stop(s.http);
	if (s.loop)
		on_tell(&s);
	end_writing(&s);
	store_close(s.store);
	table_done(&s.api.table);
	loop_free(s.loop);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	return inherited_run(serve_registry, argc, argv);
}
