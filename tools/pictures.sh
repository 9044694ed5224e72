#!/bin/bash
# Makes docs/pictures/*.svg from what tend really prints, in a terminal of tmux: tools/pictures.sh
# [TEND_BIN]. Needs tmux and python3.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-build/bin}")
folder=$(mktemp -d /tmp/tour.XXX)
export TEND_HOME=$folder/home TEND_REGISTRY=none PATH=$bin:$PATH
socket=tend-pictures-$$

clean() {
	tmux -L "$socket" kill-server 2>/dev/null || true
	tend stop --quiet --force 2>/dev/null || true
	rm -rf "$folder"
}
trap clean EXIT

mkdir -p "$folder/agents" docs/pictures
cat >"$folder/agents/weather.py" <<'P'
import signal, sys, time
def bye(*_):
    print("INFO the last forecast is out"); sys.exit(0)
signal.signal(signal.SIGTERM, bye)
print("INFO forecasts for 12 cities")
for n in range(1000):
    print("WARNING station 7 is silent" if n % 3 == 1 else f"INFO forecast {n + 1} sent")
    time.sleep(0.7)
P
cat >"$folder/agents/news.py" <<'P'
import time
print("INFO reading 4 feeds")
for n in range(1000):
    time.sleep(1)
    if n == 2:
        raise ConnectionError("feed 3 has gone away")
    print(f"INFO {n + 3} headlines")
P

terminal() { tmux -L "$socket" "$@"; }
begin() { # COLUMNS LINES
	terminal -f /dev/null new-session -d -x "$1" -y "$2" -c "$folder/agents" \
		"env PS1='\$ ' NO_COLOR= bash --norc --noprofile -i"
	terminal set -g status off
	until terminal capture-pane -p | grep -q '^\$'; do sleep 0.1; done
	terminal clear-history
}
type_in() {
	terminal send-keys -l "$1"
	terminal send-keys Enter
}
# Type a command and wait until the next prompt stands there.
run() {
	local before
	before=$(terminal capture-pane -p | grep -c '^\$' || true)
	type_in "$1"
	until [ "$(terminal capture-pane -p | grep -c '^\$' || true)" -gt "$before" ]; do
		sleep 0.1
	done
}
picture() { # NAME TITLE
	terminal capture-pane -p -e | tools/picture.py "$2" >"docs/pictures/$1.svg"
	terminal kill-session
	tend stop --quiet --force 2>/dev/null || true
	echo "docs/pictures/$1.svg"
}

begin 96 32
run "tend start weather.py --background --group site"
run "tend start --name web --restart always --group site --background -- python3 -m http.server 8123"
sleep 6 # for the first samples
run "kill -9 \$(pgrep -f 'http.server 8123' | head -1)"
sleep 1
run "tend status"
run "tend why web"
picture tour "tend status and tend why"

begin 96 26
type_in "tend start weather.py news.py"
until terminal capture-pane -p | grep -q 'gone away'; do sleep 0.1; done
sleep 1.2
terminal send-keys C-c
until terminal capture-pane -p | grep -q '^weather: '; do sleep 0.1; done
sleep 0.5
picture foreground "tend start in the foreground: output behind names, a crash and its restart, Ctrl-C"

begin 96 14
run "tend start weather.py --background --quiet"
run "tend start --name web --background --quiet -- python3 -m http.server 8123"
run "tend start --name broken --restart no --background --quiet -- sh -c 'sleep 1; exit 3'"
sleep 6
type_in "tend monitor --continuous"
sleep 1.5
picture monitor "tend monitor --continuous"
