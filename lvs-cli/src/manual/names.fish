
# Names of nodes, services, real servers and clusters, which lvsctl reads where they are.
function __fish_lvsctl_names
    set -l words (commandline -opc)
    $words[1] __complete $words[2..] (commandline -ct) 2>/dev/null
end

complete -c lvsctl -n "count (__fish_lvsctl_names) >/dev/null" -l node -x -a "(__fish_lvsctl_names)"
complete -c lvsctl -n "count (__fish_lvsctl_names) >/dev/null" -l service -x -a "(__fish_lvsctl_names)"
complete -c lvsctl -n "count (__fish_lvsctl_names) >/dev/null" -l role -x -a "(__fish_lvsctl_names)"
complete -c lvsctl -n "count (__fish_lvsctl_names) >/dev/null" -l explain -x -a "(__fish_lvsctl_names)"
complete -c lvsctl -n "not __fish_lvsctl_needs_command" -a "(__fish_lvsctl_names)"
