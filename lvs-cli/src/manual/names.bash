
# Names of nodes, services, real servers and clusters, which lvsctl reads where they are.
_lvsctl_names() {
    local cur=${COMP_WORDS[COMP_CWORD]#=} name
    COMPREPLY=()
    while IFS= read -r name; do
        [[ $name == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
    done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -gt 0 ]] || _lvsctl "$@"
}
complete -F _lvsctl_names -o bashdefault -o default lvsctl
