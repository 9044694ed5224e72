/* shm/explain_rows.c - the decoder's half for what is many: rows, commands, events. Nonsense in one
 * spoils only itself. */
#include "shm/explain_parts.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"

#define SHOWN_EVENTS 5u

static void check_ident(struct explain *v, uint32_t slot, uint32_t gen, const struct pt_ident *id)
{
	struct fault f = { "" };

	if (id->gen != gen)
		explain_problem(v, "row %u: its ident is of incarnation %u", slot, id->gen);
	if (!memchr(id->name, 0, sizeof(id->name)) || !memchr(id->command, 0, sizeof(id->command)))
		explain_problem(v, "row %u: a string without an end", slot);
	else if (name_check(id->name, &f) < 0)
		explain_problem(v, "row %u: %s", slot, f.text);
	if (id->policy >= PT_POLICY_MAX || id->service >= PT_SERVICE_MAX)
		explain_problem(v, "row %u: restart policy %u, service type %u", slot, id->policy,
			id->service);
}

static void check_life(struct explain *v, uint32_t slot, uint32_t gen, const struct pt_life *l)
{
	if (l->gen != gen)
		explain_problem(v, "row %u: its life is of incarnation %u", slot, l->gen);
	if (l->state >= PT_STATE_MAX || l->reason >= PT_REASON_MAX ||
		l->launch_stage >= PT_STAGE_MAX || l->exit_kind > PT_EXIT_LOST)
		explain_problem(v, "row %u: state %u, reason %u, launch stage %u, exit kind %u",
			slot, l->state, l->reason, l->launch_stage, l->exit_kind);
	else if (l->pid < 0 || (l->pid > 0 && !(pt_state_traits(l->state) & PT_TRAIT_PID)))
		explain_problem(
			v, "row %u: pid %d while %s", slot, l->pid, pt_state_label(l->state));
}

static void explain_exits(struct explain *v, uint32_t slot, uint32_t gen)
{
	static const enum role writers[] = { ROLE_GUARDIAN, ROLE_MONITOR, ROLE_LOGGER };
	struct pt_exit box;
	char when[CLOCK_TEXT_MAX];

	for (unsigned i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		if (!explain_latched(v, seg_exits_of(writers[i]), slot, &box, sizeof(box)) ||
			box.gen != gen || box.pid == 0)
			continue;
		fprintf(v->out,
			"    exit mailbox of the %s: pid %d ended %s with wait status 0x%x\n",
			role_name(writers[i]), box.pid, explain_time(box.real_ns, when),
			(unsigned)box.wait_status);
		if (box.pid < 0)
			explain_problem(v, "row %u: pid %d in the %s's exit mailbox", slot, box.pid,
				role_name(writers[i]));
	}
}

/* What the other daemons say of it. Nothing, or something about an incarnation before, is fine. */
static void explain_others(struct explain *v, uint32_t slot, uint32_t gen)
{
	struct pt_health h;
	struct pt_log log;
	char text[EXPLAIN_TEXT_MAX], when[CLOCK_TEXT_MAX];

	if (explain_latched(v, SEG_HEALTHS, slot, &h, sizeof(h)) && h.gen == gen) {
		fprintf(v->out,
			"    health %s, sampled %s, %" PRIu64
			" bytes, cpu %u permille, %u processes, failures %u, error \"%s\"\n",
			pt_health_label(h.verdict), explain_time(h.sampled_real_ns, when),
			h.memory_bytes, h.cpu_permille, h.processes, h.failures,
			explain_text(h.error, sizeof(h.error), text));
		if (h.verdict >= PT_HEALTH_MAX || !memchr(h.error, 0, sizeof(h.error)))
			explain_problem(v, "row %u: verdict %u, or an error without an end", slot,
				h.verdict);
	}
	if (explain_latched(v, SEG_LOGS, slot, &log, sizeof(log)) && log.gen == gen) {
		fprintf(v->out,
			"    log %s, %" PRIu64 " bytes captured, %" PRIu64
			" in the file, error %d\n",
			pt_log_label(log.state), log.captured_bytes, log.file_bytes, log.error);
		if (log.state >= PT_LOG_MAX)
			explain_problem(v, "row %u: log state %u", slot, log.state);
	}
	explain_exits(v, slot, gen);
}

static void explain_row(struct explain *v, uint32_t slot, uint32_t gen)
{
	struct pt_ident id;
	struct pt_life l;
	char text[EXPLAIN_TEXT_MAX], when[CLOCK_TEXT_MAX];
	int32_t cell = 0;

	if (!explain_latched(v, SEG_IDENTS, slot, &id, sizeof(id)) ||
		!explain_latched(v, SEG_LIVES, slot, &l, sizeof(l))) {
		explain_problem(v, "row %u: in use, and the file ends before its blocks", slot);
		return;
	}
	(void)explain_at(v, SEG_PIDS, slot, 0, &cell, sizeof(cell));
	if (v->problems < EXPLAIN_PROBLEMS) { /* a table of nonsense need not be shown whole */
		fprintf(v->out, "  row %u gen %u \"%s\"\n", slot, gen,
			explain_text(id.name, sizeof(id.name), text));
		fprintf(v->out,
			"    %s since %s, reason %s, want %s, pid %d (launch cell %d), run %u, restarts %u\n",
			pt_state_label(l.state), explain_time(l.since_real_ns, when),
			pt_reason_label(l.reason), l.want ? "up" : "down", l.pid, cell, l.life,
			l.restarts);
		fprintf(v->out, "    %s, restart %s, command \"%s\"%s\n",
			pt_service_label(id.service), pt_policy_label(id.policy),
			explain_text(id.command, sizeof(id.command), text),
			id.command_cut ? " (cut)" : "");
		explain_others(v, slot, gen);
	}
	check_ident(v, slot, gen, &id);
	check_life(v, slot, gen, &l);
}

void explain_rows(struct explain *v)
{
	uint32_t gen;

	fprintf(v->out, "rows in use:\n");
	for (uint32_t i = 0; i < v->capacity; i++) {
		if (!explain_at(v, SEG_GENS, i, 0, &gen, 4)) {
			explain_problem(v, "rows from %u on: the file ends before", i);
			break;
		}
		if (gen & 1)
			explain_row(v, i, gen);
	}
}

static void explain_command(struct explain *v, uint32_t i, const struct seg_command *c)
{
	static const char *const labels[SEG_COMMAND_STATE_MAX] = { "free", "filling", "ready",
		"running", "done" };
	uint32_t state = atomic_load(&c->state);
	char name[EXPLAIN_TEXT_MAX], spec[EXPLAIN_TEXT_MAX];

	if (state == SEG_FREE)
		return;
	fprintf(v->out,
		"  entry %u ticket %" PRIu64
		" %s: %s \"%s\" spec \"%s\" flags %u from pid %d, progress %" PRIu64 "\n",
		i, atomic_load(&c->ticket), state < SEG_COMMAND_STATE_MAX ? labels[state] : "?",
		pt_command_label(c->req.kind), explain_text(c->req.name, sizeof(c->req.name), name),
		explain_text(c->req.spec, sizeof(c->req.spec), spec), c->req.flags, c->pid,
		atomic_load(&c->progress));
	if (state == SEG_DONE)
		fprintf(v->out, "    answer %d pid %d detail %u \"%s\"\n", c->answer.code,
			c->answer.pid, c->answer.detail,
			explain_text(c->answer.text, sizeof(c->answer.text), name));
	if (state >= SEG_COMMAND_STATE_MAX)
		explain_problem(v, "entry %u: state %u", i, state);
	else if (state != SEG_FILLING &&
		(c->req.kind >= PT_COMMAND_MAX || !memchr(c->req.name, 0, sizeof(c->req.name)) ||
			!memchr(c->req.spec, 0, sizeof(c->req.spec))))
		explain_problem(
			v, "entry %u: command kind %u, or a string without an end", i, c->req.kind);
}

void explain_commands(struct explain *v)
{
	struct seg_command c;

	fprintf(v->out, "commands in use:\n");
	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		if (!explain_at(v, SEG_COMMANDS, i, 0, &c, sizeof(c))) {
			explain_problem(v, "entries from %u on: the file ends before", i);
			return;
		}
		explain_command(v, i, &c);
	}
}

static void explain_event(struct explain *v, unsigned role, uint64_t pos)
{
	enum seg_region_id id = seg_events_of(role);
	char text[EXPLAIN_TEXT_MAX], when[CLOCK_TEXT_MAX];
	struct pt_event ev;

	if (!explain_at(
		    v, id, 1 + (uint32_t)(pos % (v->region[id].count - 1)), 0, &ev, sizeof(ev))) {
		explain_problem(v, "event %" PRIu64 ": the file ends before", pos);
		return;
	}
	fprintf(v->out,
		"    %" PRIu64 " %s %s \"%s\" %u -> %u reason %s pid %d value %" PRIu64 "\n", pos,
		explain_time(ev.real_ns, when), pt_event_label(ev.kind),
		explain_text(ev.name, sizeof(ev.name), text), ev.from, ev.to,
		pt_reason_label(ev.reason), ev.pid, ev.value);
	if (ev.seq != pos + 1)
		explain_problem(
			v, "event %" PRIu64 ": its entry holds number %" PRIu64, pos, ev.seq);
	else if (ev.kind == 0 || ev.kind >= PT_EVENT_MAX || ev.reason >= PT_REASON_MAX ||
		!memchr(ev.name, 0, sizeof(ev.name)))
		explain_problem(v,
			"event %" PRIu64 ": kind %u, reason %u, or a name without an end", pos,
			ev.kind, ev.reason);
}

void explain_events(struct explain *v)
{
	fprintf(v->out, "events:\n");
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		uint64_t head = 0;

		if (!explain_at(v, seg_events_of(role), 0, 0, &head, 8))
			explain_problem(v, "%s: the file ends before", role_name(role));
		fprintf(v->out, "  %-15s %" PRIu64 " so far\n", role_name(role), head);
		for (uint64_t back = head < SHOWN_EVENTS ? head : SHOWN_EVENTS; back > 0; back--)
			explain_event(v, role, head - back);
	}
}
