#!/bin/bash
# The Debian packages that tend needs, in one place.
#   tools/deps.sh need SET...      name what is missing and how to get it; exit 1 if anything is
#   tools/deps.sh install SET...   install what is missing, as root or by sudo; silent when nothing
#                                  is
# SET: build check model fuzz demo bench memcheck coverage format lint
set -u

declare -A packages=(
	[build]="gcc make pkg-config libcjson-dev libcurl4-openssl-dev liblz4-dev libmicrohttpd-dev libsqlite3-dev"
	[check]="check clang-format lz4 openssl spin strace python3 python3-jsonschema python3-prometheus-client python3-pytest python3-pytest-xdist python3-pytest-timeout"
	[fuzz]="clang"
	[model]="gcc spin"
	[demo]="python3"
	[bench]="python3 strace"
	[memcheck]="valgrind"
	[coverage]="clang llvm"
	[format]="clang-format python3"
	[lint]="clang-format clang-tidy cppcheck shellcheck"
)

usage() {
	echo "usage: tools/deps.sh need|install ${!packages[*]}" >&2
	exit 2
}

# Print those of the arguments that are not installed.
missing_of() {
	local installed
	installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed://p' | tr '\n' ' ')"
	for p in "$@"; do
		[[ $installed == *" $p "* ]] || echo "$p"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif [ -t 0 ]; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Does apt know a version of each? If not, its lists are missing or too old.
apt_knows() {
	local p
	for p in "$@"; do
		apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
	done
}

install_missing() {
	local command="apt-get install ${missing[*]}"
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "tend needs packages that are not installed: ${missing[*]}" >&2
		echo "You are not root and there is no sudo. As root:  $command" >&2
		exit 1
	fi
	echo "Installing what is missing: ${missing[*]}"
	apt_knows "${missing[@]}" || as_root apt-get -qq update || true
	local install=(apt-get -y --no-install-recommends install)
	as_root "${install[@]}" -qq "${missing[@]}" >/dev/null ||
		{ as_root apt-get -qq update && as_root "${install[@]}" "${missing[@]}"; } || {
		echo "Could not install: ${missing[*]}. As root:  apt-get update && $command" >&2
		exit 1
	}
}

[ $# -ge 2 ] || usage
action=$1
shift
wanted=()
for set in "$@"; do
	[ -n "${packages[$set]:-}" ] || usage
	read -r -a more <<<"${packages[$set]}"
	wanted+=("${more[@]}")
done

# On a system without dpkg nobody can know from here what is there; the compiler will say what it
# misses.
if ! command -v dpkg-query >/dev/null; then
	[ "$action" = need ] || echo "Not a Debian system: make sure that you have what Debian calls: ${wanted[*]}" >&2
	exit 0
fi

mapfile -t missing < <(missing_of "${wanted[@]}" | sort -u)
[ ${#missing[@]} -gt 0 ] || exit 0
case $action in
need)
	echo "tend needs packages that are not installed: ${missing[*]}" >&2
	echo "As root:  apt-get install ${missing[*]}      (make deps does it)" >&2
	exit 1
	;;
install) install_missing ;;
*) usage ;;
esac
