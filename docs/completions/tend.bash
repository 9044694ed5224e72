# bash completion for tend and mcp_mesh_dev; installed as share/bash-completion/completions/tend.
# All it knows it asks tend for, at each Tab.
_tend() {
	local line current=${COMP_WORDS[COMP_CWORD]}
	[ "$current" != = ] || current=
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
			;;
		:dirs)
			compopt -o filenames
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current")
			;;
		*)
			COMPREPLY+=("${line%%$'\t'*}")
			;;
		esac
	done < <("${COMP_WORDS[0]}" complete "$COMP_CWORD" "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
	# bash has made a word of its own of what stands behind "=".
	[[ $current != --*=* && ${COMPREPLY[0]-} == *: ]] && compopt -o nospace
	return 0
}
complete -F _tend tend mcp_mesh_dev
