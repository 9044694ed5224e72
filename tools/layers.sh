#!/bin/bash
# Fails on an #include that the layers do not allow: base <- shm, config, logread <- follower <- the daemons and the CLI. No daemon includes another's headers.
set -u
cd "$(dirname "$0")/.." || exit 1

declare -A allowed=(
	[base]="base"
	[lib/json]="json base"
	[shm]="shm base"
	[config]="config base"
	[follower]="follower shm base"
	[guardian]="guardian follower shm base"
	[logread]="logread base"
	[monitor]="monitor follower config shm base"
	[logger]="logger follower logread shm base"
	[spawner]="spawner config shm base"
	[registry]="registry base"
	[cli]="cli logread config shm base"
)
# What shm/ may use of base/: the parts that a program which only reads the table can carry along.
shm_base="fault clock str utf8 home role io pidref procfs"
# Who may include which outside library (everything else from outside is libc).
declare -A libraries=([cjson]="config monitor registry cli" [cJSON.h]="" [curl]="monitor" [lz4frame.h]="logread" [lz4.h]="logread" [sqlite3.h]="registry cli"
	[microhttpd.h]="registry" [check.h]="")

bad=0
complain() {
	echo "layers: $1: $2" >&2
	bad=1
}

shopt -s nullglob
for folder in "${!allowed[@]}"; do
	for file in "$folder"/*.[ch] "$folder"/*.def; do
		while IFS=: read -r line target; do
			where=$file:$line
			case $target in
			\"*)
				target=${target#\"}
				target=${target%%\"*}
				to=${target%%/*}
				if [ "$to" = "$target" ]; then
					complain "$where" "\"$target\" is not written from the top folder"
				elif [[ " ${allowed[$folder]} " != *" $to "* ]]; then
					complain "$where" "$folder/ may not include $target (allowed: ${allowed[$folder]})"
				elif [ "$folder" = shm ] && [ "$to" = base ]; then
					name=${target#base/}
					[[ " $shm_base " == *" ${name%.h} "* ]] || complain "$where" "shm/ may not include $target (allowed: $shm_base)"
				fi
				;;
			\<*)
				target=${target#<}
				library=${target%%[/>]*}
				[ -n "${libraries[$library]+set}" ] || continue
				[[ " ${libraries[$library]} " == *" $folder "* ]] || complain "$where" "$folder/ may not use <$library>"
				;;
			esac
		done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*(["<][^">]+[">]).*/\1/; T; =; p' "$file" | paste -d: - -)
	done
done
[ $bad = 0 ] && echo "layers: ok"
exit $bad
