
# Names of nodes, services, real servers and clusters, which lvsctl reads where they are; the rest where there are none.
functions[_lvsctl_words]=$functions[_lvsctl]
_lvsctl() {
    local -a names
    names=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n $names ]] && { compset -P '--*='; compadd -a names } || _lvsctl_words "$@"
}
