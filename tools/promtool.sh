#!/bin/bash
# Print the path of promtool: an installed one, else that of Debian's prometheus package, fetched
# once into build/ and not installed.
set -u
cd "$(dirname "$0")/.." || exit 1
command -v promtool && exit 0
folder=$PWD/build/promtool
tool=$folder/usr/bin/promtool
if [ ! -x "$tool" ]; then
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"
	(cd "$work" && timeout 180 apt-get download prometheus &&
		dpkg -x prometheus_*.deb tree) >&2 || {
		echo "promtool.sh: cannot fetch Debian's prometheus package; apt-get update may help" >&2
		exit 1
	}
	mkdir -p "$folder/usr/bin"
	cp "$work/tree/usr/bin/promtool" "$tool.new" && mv "$tool.new" "$tool" || exit 1
fi
echo "$tool"
