/*
 * shm/explain.c - the decoder (shm/explain.h). Everything comes out of a private copy through
 * explain_at(), which knows its end; no number from the copy is used as an index or a count before
 * it was compared with the layout that this program would have made.
 */
#include "shm/explain_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

void explain_problem(struct explain *v, const char *fmt, ...)
{
	va_list ap;

	if (v->problems++ >= EXPLAIN_PROBLEMS)
		return;
	fputs("  ! ", v->out);
	va_start(ap, fmt);
	vfprintf(v->out, fmt, ap);
	va_end(ap);
	fputc('\n', v->out);
}

const char *explain_text(const char *field, size_t size, char buf[static EXPLAIN_TEXT_MAX])
{
	char whole[600];

	size = size < sizeof(whole) ? size : sizeof(whole) - 1;
	memcpy(whole, field, size);
	whole[size] = 0;
	(void)str_visible(buf, EXPLAIN_TEXT_MAX, whole);
	return buf;
}

bool explain_at(const struct explain *v, enum seg_region_id id, uint32_t i, uint64_t skip,
	void *ret, size_t bytes)
{
	const struct seg_region *r = &v->region[id];
	uint64_t from = r->offset + (uint64_t)r->stride * i + skip;

	if (i >= r->count || skip + bytes > r->stride || from > v->bytes || bytes > v->bytes - from)
		return false;
	memcpy(ret, v->copy + from, bytes);
	return true;
}

bool explain_latched(
	const struct explain *v, enum seg_region_id id, uint32_t i, void *ret, size_t bytes)
{
	uint64_t version;

	return explain_at(v, id, i, 0, &version, 8) &&
		explain_at(v, id, i, 8 + (version & 1) * bytes, ret, bytes);
}

const char *explain_time(uint64_t real_ns, char buf[static CLOCK_TEXT_MAX])
{
	return real_ns ? clock_rfc3339(real_ns, buf) : "never";
}

static void explain_header(struct explain *v)
{
	const struct seg_header *h = &v->h;
	uint64_t magic = atomic_load(&h->magic);
	char text[EXPLAIN_TEXT_MAX], when[CLOCK_TEXT_MAX];
	struct fault f = { "" };

	fprintf(v->out, "segment: %" PRIu64 " bytes\nheader:\n", v->file_bytes);
	if (v->bytes < sizeof(*h))
		explain_problem(v,
			"cut short: a header alone has %zu bytes; what is missing is shown as 0",
			sizeof(*h));
	fprintf(v->out, "  magic           0x%016" PRIx64 "%s\n", magic,
		magic == SEG_MAGIC ? " ok" : "");
	fprintf(v->out, "  abi             %u%s\n", h->abi, h->abi == SEG_ABI ? " ok" : "");
	fprintf(v->out, "  header_bytes    %u%s\n", h->header_bytes,
		h->header_bytes == sizeof(*h) ? " ok" : "");
	fprintf(v->out, "  fingerprint     0x%016" PRIx64 "%s\n", h->fingerprint,
		h->fingerprint == seg_fingerprint() ? " ok" : "");
	fprintf(v->out, "  total_bytes     %" PRIu64 "%s\n", h->total_bytes,
		h->total_bytes == v->file_bytes ? " ok" : "");
	fprintf(v->out, "  created         %s\n", explain_time(h->created_real_ns, when));
	fprintf(v->out, "  pid_namespace   %" PRIu64 "\n  instance        %016" PRIx64 "\n",
		h->pid_namespace, h->instance);
	fprintf(v->out, "  uid             %u\n", h->uid);
	fprintf(v->out, "  capacity        %u%s\n", h->capacity,
		h->capacity >= 1 && h->capacity <= PT_CAPACITY_MAX ? " ok" : "");
	fprintf(v->out, "  commands        %u%s\n", h->commands,
		h->commands == PT_COMMANDS ? " ok" : "");
	fprintf(v->out, "  regions         %u%s\n", h->regions,
		h->regions == SEG_REGION_MAX ? " ok" : "");
	fprintf(v->out, "  boot_id         \"%s\"\n",
		explain_text(h->boot_id, sizeof(h->boot_id), text));
	fprintf(v->out, "  home            \"%s\"\n", explain_text(h->home, sizeof(h->home), text));
	if (seg_check(h, v->file_bytes, &f) < 0)
		explain_problem(v, "%s", f.text);
}

/* Which layout is it? The header's own word counts where it is the layout of some capacity; damage
 * in one place is survived. */
static bool choose_layout(struct explain *v)
{
	const uint32_t candidates[] = { v->h.capacity, v->h.region[SEG_GENS].count,
		v->h.region[SEG_LOGS].count };
	bool ours = v->h.abi == SEG_ABI || v->h.fingerprint == seg_fingerprint();

	for (unsigned i = 0; ours && i < 3; i++) {
		uint32_t capacity = candidates[i];
		uint64_t total;

		if (capacity < 1 || capacity > PT_CAPACITY_MAX)
			continue;
		total = seg_plan(capacity, v->region);
		if (memcmp(v->region, v->h.region, sizeof(v->region)) == 0 ||
			total == v->h.total_bytes || total == v->file_bytes) {
			v->capacity = capacity;
			return true;
		}
	}
	return false;
}

static void explain_regions(struct explain *v)
{
	fprintf(v->out, "regions:\n");
	for (unsigned i = 0; i < SEG_REGION_MAX; i++) {
		const struct seg_region *r = &v->h.region[i], *plan = &v->region[i];

		fprintf(v->out, "  %-16s offset %" PRIu64 " stride %u count %u\n",
			seg_region_label(i), r->offset, r->stride, r->count);
		if (memcmp(r, plan, sizeof(*r)) != 0)
			explain_problem(v,
				"%s: should be offset %" PRIu64
				" stride %u count %u, and is read there",
				seg_region_label(i), plan->offset, plan->stride, plan->count);
		if (plan->offset + (uint64_t)plan->stride * plan->count > v->bytes)
			explain_problem(v, "%s: lies behind the end of the file, at least in part",
				seg_region_label(i));
	}
}

static void explain_lock(struct explain *v, const struct seg_shared *s)
{
	const int kind = 128 + 16 + PTHREAD_MUTEX_ERRORCHECK; /* as shm/lock.c makes it */
	unsigned word = (unsigned)s->lock.__data.__lock;

	fprintf(v->out, "lock:\n");
	if (s->lock.__data.__kind != kind)
		explain_problem(v, "these bytes are not a lock: type %d instead of %d",
			s->lock.__data.__kind, kind);
	else if (s->lock.__data.__owner == 0x7fffffff - 1) /* glibc's mark of ENOTRECOVERABLE */
		explain_problem(v,
			"it can't be recovered: someone unlocked it without having repaired what a dead holder left");
	if (word == 0)
		fprintf(v->out, "  free\n");
	else
		fprintf(v->out, "  word 0x%08x: %s thread %u%s\n", word,
			word & 0x40000000u ? "its owner died, who was" : "held by",
			word & 0x3fffffffu, word & 0x80000000u ? ", others wait" : "");
	fprintf(v->out, "  holder          %d\n", (int)atomic_load(&s->holder));
}

static void explain_journal(struct explain *v, const struct seg_journal *j)
{
	uint32_t n = atomic_load(&j->n);

	fprintf(v->out, "journal:\n  entries         %u%s\n", n,
		n ? " (committed, to be applied by the next taker of the lock)" : "");
	if (n > SEG_JOURNAL_MAX)
		explain_problem(v, "more entries than the %u that there are", SEG_JOURNAL_MAX);
	for (uint32_t i = 0; i < n && i < SEG_JOURNAL_MAX; i++)
		fprintf(v->out, "  word at %u width %u becomes %" PRIu64 "\n",
			atomic_load(&j->e[i].offset), atomic_load(&j->e[i].width),
			atomic_load(&j->e[i].value));
}

static void explain_shared(struct explain *v)
{
	struct seg_shared s;
	uint32_t used = 0, high = 0, gen;

	if (!explain_at(v, SEG_SHARED, 0, 0, &s, sizeof(s))) {
		explain_problem(v, "no lock and no counters: the file ends before");
		return;
	}
	explain_lock(v, &s);
	explain_journal(v, &s.journal);
	fprintf(v->out,
		"counters:\n  changes         %u\n  used            %u\n  high            %u\n  next_ticket     %" PRIu64
		"\n",
		atomic_load(&s.changes), atomic_load(&s.used), atomic_load(&s.high),
		atomic_load(&s.next_ticket));
	for (uint32_t i = 0; i < v->capacity && explain_at(v, SEG_GENS, i, 0, &gen, 4); i++)
		if (gen & 1) {
			used++;
			high = i + 1;
		}
	if (used != atomic_load(&s.used))
		explain_problem(v, "used: %u rows are in use", used);
	if (high > atomic_load(&s.high) || atomic_load(&s.high) > v->capacity)
		explain_problem(v, "high: rows up to %u of %u are in use", high, v->capacity);
}

static void explain_daemons(struct explain *v)
{
	struct pt_daemon d;
	char when[CLOCK_TEXT_MAX];

	fprintf(v->out, "daemons:\n");
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (!explain_latched(v, SEG_DAEMONS, role, &d, sizeof(d))) {
			explain_problem(v, "%s: the file ends before", role_name(role));
			continue;
		}
		fprintf(v->out, "  %-15s pid %d since %s restarts %u%s%s\n", role_name(role), d.pid,
			explain_time(d.since_real_ns, when), d.restarts,
			d.flags & PT_DAEMON_SHUTDOWN ? " shutting-down" : "",
			d.flags & PT_DAEMON_REPLACED ? " replaced-by-another-segment" : "");
		if (d.pid < 0 || d.exit_kind > PT_EXIT_LOST || d.flags > 3 ||
			(role != ROLE_GUARDIAN && d.flags))
			explain_problem(v, "%s: pid %d, exit kind %u, flags %u make no sense",
				role_name(role), d.pid, d.exit_kind, d.flags);
	}
}

static void explain_monitor(struct explain *v)
{
	struct pt_monitor m;
	char url[EXPLAIN_TEXT_MAX], why[EXPLAIN_TEXT_MAX], when[CLOCK_TEXT_MAX];

	if (!explain_latched(v, SEG_MONITOR, 0, &m, sizeof(m))) {
		explain_problem(v, "monitor: the file ends before");
		return;
	}
	fprintf(v->out,
		"monitor:\n  registry        %s \"%s\", answered %s, %u agents, error \"%s\"\n",
		pt_registry_label(m.registry_state),
		explain_text(m.registry_url, sizeof(m.registry_url), url),
		explain_time(m.registry_answered_real_ns, when), m.registry_agents,
		explain_text(m.registry_error, sizeof(m.registry_error), why));
	fprintf(v->out,
		"  brake           since %s \"%s\"\n  cycles          %" PRIu64
		", the last took %" PRIu64 " ns of CPU\n",
		explain_time(m.brake_since_real_ns, when),
		explain_text(m.brake_reason, sizeof(m.brake_reason), why), m.cycles,
		m.cycle_cpu_ns);
	fprintf(v->out, "  configuration   \"%s\"\n",
		explain_text(m.conf_error, sizeof(m.conf_error), why));
	if (m.registry_state >= PT_REGISTRY_MAX ||
		!memchr(m.registry_url, 0, sizeof(m.registry_url)) ||
		!memchr(m.registry_error, 0, sizeof(m.registry_error)) ||
		!memchr(m.brake_reason, 0, sizeof(m.brake_reason)) ||
		!memchr(m.conf_error, 0, sizeof(m.conf_error)))
		explain_problem(v, "monitor: registry state %u, or a string without an end",
			m.registry_state);
}

/* Copy what there is, but no more than the largest segment has. */
static int copy_file(struct explain *v, int fd)
{
	uint64_t most = seg_plan(PT_CAPACITY_MAX, v->region), want;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	v->file_bytes = (uint64_t)st.st_size;
	want = v->file_bytes < most ? v->file_bytes : most;
	v->copy = malloc(want ? want : 1);
	if (!v->copy)
		return -ENOMEM;
	while (v->bytes < want) {
		ssize_t n = pread(fd, v->copy + v->bytes, want - v->bytes, (off_t)v->bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		v->bytes += (uint64_t)n;
	}
	memcpy(&v->h, v->copy, v->bytes < sizeof(v->h) ? v->bytes : sizeof(v->h));
	return 0;
}

int pt_explain(int fd, FILE *out)
{
	struct explain v = { .out = out };
	int r = copy_file(&v, fd);

	if (r < 0)
		goto out;
	explain_header(&v);
	if (choose_layout(&v)) {
		explain_regions(&v);
		explain_shared(&v);
		explain_daemons(&v);
		explain_monitor(&v);
		explain_rows(&v);
		explain_commands(&v);
		explain_events(&v);
	} else {
		explain_problem(&v,
			"what lies behind the header is unknown: it has the layout of another program, or none");
	}
	if (v.problems > EXPLAIN_PROBLEMS)
		fprintf(out, "  ! and %u more\n", v.problems - EXPLAIN_PROBLEMS);
	fprintf(out, v.problems ? "%u things are wrong\n" : "nothing is wrong\n", v.problems);
	if (fflush(out) != 0 || ferror(out))
		r = -EIO;
	else if (v.problems)
		r = -EBADMSG;
out:
	free(v.copy);
	return r;
}
