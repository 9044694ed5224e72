#!/bin/bash
# What tend is for, in a quarter of a minute, in a home of its own. Leaves nothing running and no
# file behind, also when it is interrupted. Environment: TEND_BIN. Exit status 1 if anything did not
# go as the text says, 130 after Ctrl-C.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # whoever runs make in here starts anew
: "${TEND_BIN:=$PWD/build/bin}"
PATH=$TEND_BIN:$PATH
TEND_HOME=$(mktemp -d "${TMPDIR:-/tmp}/tend-demo.XXXXXX") || exit 1
export TEND_HOME PATH
export TEND_REGISTRY=none # these three are no mesh agents
wrong=0
PATIENCE=20 # seconds that anything may take on a busy machine

bold='' red='' green='' plain=''
[ ! -t 1 ] || bold=$'\033[1m' red=$'\033[31m' green=$'\033[32m' plain=$'\033[0m'

# ---- telling

title() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
tell() { printf '%s\n' "$@"; }
# Show a command and what it prints; it must succeed.
show() {
	printf '%s$ %s%s\n' "$bold" "${*//"$TEND_HOME"/\$TEND_HOME}" "$plain"
	"$@" || failed "that command failed"
}
failed() {
	printf '   %sWRONG%s: %s\n' "$red" "$plain" "$1"
	wrong=1
}
check() { # check TEXT COMMAND...: say whether it holds
	local text=$1
	shift
	if "$@"; then printf '   %sok%s: %s\n' "$green" "$plain" "$text"; else failed "$text"; fi
}

# ---- looking

# fact NAME pid|restarts: what the table says about a process; nothing when it does not run.
fact() {
	tend status --json 2>/dev/null | python3 -I -c '
import json, sys
for row in json.load(sys.stdin)["processes"]:
    if row["name"] == sys.argv[1] and row["state"] == "running":
        print(row[sys.argv[2]])' "$1" "$2" 2>/dev/null
}
pid_of() { fact "$1" pid; }
# The pid of a daemon, from the lock that it holds.
daemon_pid() { cut -d' ' -f1 "$TEND_HOME/run/$1.lock" 2>/dev/null; }
# A zombie has ended, even if nobody reaps it (PID 1 of some containers doesn't).
lives() { [ -n "${1:-}" ] && grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# Wait until a command succeeds.
soon() {
	local until=$((SECONDS + PATIENCE))
	while ! "$@"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}
# Wait until "COMMAND..." prints a living pid other than the first argument; sets $new.
new=
is_new() {
	new=$("${@:2}")
	[ "$new" != "$1" ] && lives "$new"
}
other_pid() { soon is_new "$@" || new=none; }
has_line() { grep -qs -- "$1" "$TEND_HOME/logs/$2.log"; }

# echo_agent numbers its heartbeats, and begins at 1 again in each run: is there any gap, any line
# twice, any line torn?
heartbeats_are_whole() {
	python3 -I - "$TEND_HOME/logs/echo_agent.log" <<'PYTHON'
import json, sys
expected = 1
for line in open(sys.argv[1]):
    if not line.endswith("\n"):
        break  # it is being written just now
    record = json.loads(line)  # a torn line is not JSON
    if record["event"] == "ready":
        expected = 1
    elif record["event"] == "heartbeat":
        if record["beats"] != expected:
            sys.exit(f"heartbeat {record['beats']} follows {expected - 1}")
        expected += 1
PYTHON
}

# Everything that runs for this home says so in its environment. This script does not: its
# environment is older than the home.
left_over() {
	local pid file files
	# All of it first: grep itself has the mark, and must be gone.
	files=$(grep -lzsFx "TEND_HOME=$TEND_HOME" /proc/[0-9]*/environ)
	for file in $files; do
		pid=${file#/proc/}
		pid=${pid%/environ}
		! lives "$pid" || echo "$pid"
	done
}

clean_up() {
	trap '' INT TERM HUP
	trap - EXIT
	if [ -d "$TEND_HOME/run" ]; then
		tend stop --force >/dev/null 2>&1
		for pid in $(left_over); do
			kill -9 "$pid" 2>/dev/null
		done
	fi
	rm -rf "$TEND_HOME"
	exit "$1"
}
trap 'clean_up $((wrong != 0))' EXIT
trap 'echo; echo "Interrupted; stopping everything."; clean_up 130' INT TERM HUP

# ---- the tour

title "1. Start three small agents"
tell "echo_agent reads its input to the end, family_agent has a child process, crash_agent crashes after 3 seconds."
show tend start examples/agents/echo_agent.py examples/agents/family_agent.py \
	examples/agents/crash_agent.py --background --env HEARTBEAT=0.1
show tend status
echo_pid=$(pid_of echo_agent)
family_pid=$(pid_of family_agent)
runs() { lives "$(pid_of "$1")"; }
check "three agents run" soon runs crash_agent
[ $wrong = 0 ] || exit 1 # there is nothing to show

title "2. An agent's input stays open"
tell "Agents that speak over standard input end when their input ends. Under tend it never does, and anyone may write to it:"
tell "$bold\$ echo hello > \$TEND_HOME/run/echo_agent.in$plain"
echo hello >"$TEND_HOME/run/echo_agent.in"
soon has_line '"text": "hello"' echo_agent
show grep hello "$TEND_HOME/logs/echo_agent.log"
check "it answered, and runs on (pid $echo_pid)" lives "$echo_pid"

title "3. An agent dies: it comes back"
show kill -9 "$echo_pid"
other_pid "$echo_pid" pid_of echo_agent
check "echo_agent is back: pid $echo_pid -> $new" lives "$new"
echo_pid=$new

title "4. An agent crashes by itself: tend tells why, and what it does next"
crashed() { [ "$(fact crash_agent restarts)" -ge 1 ] 2>/dev/null; }
soon crashed
show tend why crash_agent
show tail -n 5 "$TEND_HOME/logs/crash_agent.log"
check "the traceback is in its log" has_line KeyError crash_agent

title "5. tend's own daemons die, three at once: the agents don't notice"
spawner=$(daemon_pid spawner) logger=$(daemon_pid logger) monitor=$(daemon_pid monitor)
show kill -9 "$spawner" "$logger" "$monitor" # spawner, logger, monitor
for role in spawner logger monitor; do
	other_pid "${!role}" daemon_pid $role
	check "the guardian started a new $role: pid ${!role} -> $new" lives "$new"
done
check "echo_agent is still the same process, $echo_pid" [ "$(pid_of echo_agent)" = "$echo_pid" ]
check "family_agent is still the same process, $family_pid" \
	[ "$(pid_of family_agent)" = "$family_pid" ]
tell "Is supervision back? The new spawner did not start family_agent, but it looks after it:"
show kill -9 "$family_pid"
other_pid "$family_pid" pid_of family_agent
check "family_agent is back: pid $family_pid -> $new" lives "$new"
family_pid=$new

title "6. The guardian dies: the spawner takes its place"
guardian=$(daemon_pid guardian) spawner=$(daemon_pid spawner)
show kill -9 "$guardian"
other_pid "$guardian" daemon_pid guardian
check "pid $spawner, the spawner until now, is the guardian" [ "$new" = "$spawner" ]
other_pid "$spawner" daemon_pid spawner
check "and it started a new spawner, $new" lives "$new"

title "7. All four daemons die at once: the agents run on, and status still works"
all=("$(daemon_pid guardian)" "$(daemon_pid spawner)" "$(daemon_pid monitor)" \
	"$(daemon_pid logger)")
show kill -9 "${all[@]}"
all_dead() { for pid in "${all[@]}"; do ! lives "$pid" || return 1; done; }
soon all_dead
show tend status
check "echo_agent is still the same process, $echo_pid" lives "$echo_pid"
tell "The next start takes over what runs, instead of starting it twice:"
show tend start
check "echo_agent is still the same process, $echo_pid" [ "$(pid_of echo_agent)" = "$echo_pid" ]
check "family_agent is still the same process, $family_pid" \
	[ "$(pid_of family_agent)" = "$family_pid" ]
show kill -9 "$echo_pid"
other_pid "$echo_pid" pid_of echo_agent
check "and is supervised again: pid $echo_pid -> $new" lives "$new"
more_beats() { [ "$(grep -c heartbeat "$TEND_HOME/logs/echo_agent.log")" -gt "$beats" ]; }
beats=$(grep -c heartbeat "$TEND_HOME/logs/echo_agent.log")
soon more_beats
check "through all of this, no line of echo_agent's log was lost, torn or repeated ($beats heartbeats)" heartbeats_are_whole

title "8. An agent of a mesh: registered, healthy, silent, unhealthy"
tell "tend brings a registry of its own. It takes an agent that was silent for 2 seconds for unhealthy; 20 would be usual."
unset TEND_REGISTRY
export DEFAULT_TIMEOUT_THRESHOLD=2 HEALTH_CHECK_INTERVAL=1 QUIET_FILE=$TEND_HOME/quiet
show tend start examples/agents/mesh_agent.py --background \
	--registry-port "$((20000 + RANDOM % 10000))" --db-path "$TEND_HOME/registry.db" \
	--env HEARTBEAT=0.5
mesh_pid=$(pid_of mesh_agent)
health_is() { [ "$(fact mesh_agent health_check)" = "$1" ]; }
check "mesh_agent is healthy: the registry hears of it" soon health_is healthy
show tend monitor
tell "Now it stops its heartbeats, but it runs on:"
show touch "$QUIET_FILE"
check "mesh_agent is unhealthy" soon health_is unhealthy
show tend monitor
check "and it is still the same process, $mesh_pid: what a registry says restarts nobody" [ "$(pid_of mesh_agent)" = "$mesh_pid" ]

title "9. Everything stops, the daemons last"
show tend status --verbose
show tend stop
left=$(left_over)
check "nothing is left running${left:+ (pids: ${left//$'\n'/ })}" [ -z "$left" ]
segment=$(grep -ls "$TEND_HOME" "/dev/shm/tend-$(id -u)-"* 2>/dev/null)
check "nothing is left in shared memory" [ -z "$segment" ]

echo
if [ $wrong = 0 ]; then
	tend=${TEND_BIN#"$PWD"/}/tend
	echo "That is tend. Try it yourself: $tend start examples/agents/mesh_agent.py"
else
	echo "Something did not go as it should: see WRONG above." >&2
fi
