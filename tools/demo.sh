#!/bin/bash
# What tend is for, in half a minute, in a home of its own under /tmp. Leaves nothing running, also when it is interrupted.
# Environment: TEND_BIN. Exit status 1 if anything did not go as the text says.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # whoever runs make in here starts anew
: "${TEND_BIN:=$PWD/build/bin}"
PATH=$TEND_BIN:$PATH
TEND_HOME=$(mktemp -d /tmp/tend-demo.XXXXXX) || exit 1
export TEND_HOME PATH
wrong=0

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() {
	printf '%s$ %s%s\n' "$bold" "$*" "$plain"
	"$@" || wrong=1
}
check() { # check TEXT COMMAND...: say whether it holds
	local text=$1
	shift
	if "$@"; then
		echo "   ok: $text"
	else
		echo "   WRONG: $text"
		wrong=1
	fi
}

# The pid of a process in the table; empty when it has none.
pid_of() {
	tend status --json 2>/dev/null | python3 -c '
import json, sys
for row in json.load(sys.stdin)["processes"]:
    if row["name"] == sys.argv[1] and row["status"] == "running":
        print(row["pid"] or "")' "$1" 2>/dev/null
}
# The pid of a daemon, from the lock that it holds.
daemon_pid() { cut -d' ' -f1 "$TEND_HOME/run/$1.lock" 2>/dev/null; }
lives() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# Wait until "COMMAND..." prints a living pid other than the first argument; print it. Ten seconds at most.
other_pid() {
	local old=$1 new i
	shift
	for ((i = 0; i < 200; i++)); do
		new=$("$@")
		if [ "$new" != "$old" ] && lives "$new"; then
			echo "$new"
			return 0
		fi
		sleep 0.05
	done
	return 1
}

# Everything that runs for this home says so in its environment. This script and its own children do not: their environment is older.
left_over() {
	local pid
	while IFS=/ read -r _ _ pid _; do
		# grep itself has the mark as well, and is gone by now.
		! lives "$pid" || echo "$pid"
	done < <(grep -lzsFx "TEND_HOME=$TEND_HOME" /proc/[0-9]*/environ)
}

clean_up() {
	trap - EXIT INT TERM
	tend stop --force >/dev/null 2>&1
	rm -rf "$TEND_HOME"
	exit $((wrong != 0))
}
trap clean_up EXIT
trap 'wrong=1; clean_up' INT TERM

title "Three small agents: one reads its input, one has a child process, one crashes after 3 seconds"
show tend start examples/agents/echo_agent.py examples/agents/family_agent.py examples/agents/crash_agent.py --background
show tend status
echo_pid=$(pid_of echo_agent)
family_pid=$(pid_of family_agent)
check "echo_agent runs although nobody types: its input never ends" lives "$echo_pid"
[ $wrong = 0 ] || exit 1 # there is nothing to show

title "An agent dies: killed with SIGKILL, it comes back"
show kill -9 "$echo_pid"
new=$(other_pid "$echo_pid" pid_of echo_agent)
check "echo_agent is back, pid $echo_pid -> ${new:-none}" [ -n "$new" ]
echo_pid=$new

title "An agent crashes by itself: tend says what happened and what it will do next"
for ((i = 0; i < 100; i++)); do
	grep -qs KeyError "$TEND_HOME/logs/crash_agent.log" && break
	sleep 0.1
done
show tend why crash_agent
check "its last words are in its log" grep -qs "KeyError" "$TEND_HOME/logs/crash_agent.log"

title "tend's own daemons die, three at once: the agents don't notice"
spawner=$(daemon_pid spawner) logger=$(daemon_pid logger) monitor=$(daemon_pid monitor)
show kill -9 "$spawner" "$logger" "$monitor"
check "echo_agent still has pid $echo_pid" lives "$echo_pid"
check "family_agent still has pid $family_pid" lives "$family_pid"
for role in spawner logger monitor; do
	new=$(other_pid "${!role}" daemon_pid $role)
	check "a new $role is there, pid ${!role} -> ${new:-none}" [ -n "$new" ]
done
check "echo_agent is still the same process" [ "$(pid_of echo_agent)" = "$echo_pid" ]

title "Supervision is back, too: the agent that the dead spawner had started is looked after by the new one"
show kill -9 "$family_pid"
new=$(other_pid "$family_pid" pid_of family_agent)
check "family_agent is back, pid $family_pid -> ${new:-none}" [ -n "$new" ]
show tend status

title "Everything stops, the daemons last"
show tend stop
left=$(left_over)
check "nothing is left running${left:+ (pids: ${left//$'\n'/ })}" [ -z "$left" ]

echo
if [ $wrong = 0 ]; then
	echo "That is tend. Try it: build/bin/tend start examples/agents/echo_agent.py"
else
	echo "Something did not go as it should: see WRONG above." >&2
fi
