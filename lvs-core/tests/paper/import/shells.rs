//! What a script says with words of the shell: lists of values, arguments, subshells.

use lvs_core::import::Import;

use crate::import::{rules, sound};

/// Returns the services of a script, each with its destinations.
fn table(import: &Import) -> Vec<String> {
    let cluster = sound(import, "shell");
    let services = cluster.services().iter();
    let line = |service: &lvs_core::cluster::VirtualService| {
        let ends = service.destinations.iter();
        let ends = ends.map(|end| {
            let weight = end
                .weight
                .map_or_else(String::new, |weight| format!("*{weight}"));
            format!(" {}{weight}", end.real_server)
        });
        format!("{}:{}", service.service.id, ends.collect::<String>())
    };
    services.map(line).collect()
}

pub(crate) fn imported(script: &str) -> Import {
    rules(&format!("#!/bin/bash\n{script}")).unwrap_or_else(|error| panic!("{error}\n{script}"))
}

#[test]
fn lists_of_values_are_read() {
    let import = imported(
        "declare -A W=([10.0.0.7]=5 [10.0.0.8]=7)\nRS=(\n  10.0.0.7 # the first\n  \"10.0.0.8\"\n)\nPORTS=(80)\nPORTS+=(443)\n\
         for p in ${PORTS[@]}; do\nipvsadm -A -t 10.0.0.1:$p\nfor r in \"${RS[@]}\"; do\n\
         ipvsadm -a -t 10.0.0.1:$p -r $r:$p -m -w ${W[$r]}\ndone\ndone\n\
         ipvsadm -A -t 10.0.0.2:80\nipvsadm -a -t 10.0.0.2:80 -r ${RS[1]} -m -w ${#RS[@]}\n",
    );
    assert_eq!(
        table(&import),
        [
            "tcp 10.0.0.1:80: rs-10-0-0-7 rs-10-0-0-8*7",
            "tcp 10.0.0.1:443: rs-10-0-0-7 rs-10-0-0-8*7",
            "tcp 10.0.0.2:80: rs-10-0-0-8*2",
        ]
    );
    assert!(import.file.contains("weight = 5"), "{}", import.file);
}

#[test]
fn arguments_are_moved() {
    let import = imported(
        "RS=(10.0.0.7 10.0.0.8)\nadd() {\nlocal vip=$1 r\nshift\nipvsadm -A -t $vip:80\nfor r in \"$@\"; do\n\
         ipvsadm -a -t $vip:80 -r $r:80 -g\ndone\n}\nadd 10.0.0.1 \"${RS[@]}\"\nadd 10.0.0.2 10.0.0.9\n",
    );
    assert_eq!(
        table(&import),
        [
            "tcp 10.0.0.1:80: rs-10-0-0-7 rs-10-0-0-8",
            "tcp 10.0.0.2:80: rs-10-0-0-9",
        ]
    );
}

#[test]
fn a_subshell_is_read_like_other_lines() {
    let import = imported(
        "case \"$1\" in\n(start)\n(cd /tmp; ipvsadm -A -t 10.0.0.1:80; ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g) >/dev/null 2>&1\n\
         (\nipvsadm -A -t 10.0.0.2:80\n  ( ipvsadm -a -t 10.0.0.2:80 -r 10.0.0.8 -g )\n) &\n;;\nstop)\nipvsadm -C\n;;\nesac\n",
    );
    assert_eq!(
        table(&import),
        [
            "tcp 10.0.0.1:80: rs-10-0-0-7",
            "tcp 10.0.0.2:80: rs-10-0-0-8"
        ]
    );
}

/// The report has directives only.
#[test]
fn words_that_hold_a_script_together_are_no_directives() {
    let import = imported(
        "if [ \"$1\" = start ]; then\nipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g\nfi\n\
         while read line\ndo\necho $line\ndone < /etc/hosts\n",
    );
    let report = import.report.to_string();
    for word in ["left: fi", "left: do", "left: then"] {
        assert!(!report.contains(word), "{word}: {report}");
    }
    let counts = import.report.counts();
    let sum = counts.carried + counts.assumed + counts.left;
    assert_eq!(sum, counts.directives);
}

/// What the list is only the running script knows: the line is refused, and says where.
#[test]
fn a_list_that_another_program_makes_is_not_guessed() {
    let script = "#!/bin/bash\nRS=($(cat /etc/rs))\nipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r ${RS[0]} -g\n";
    let error = rules(script).unwrap_err();
    assert_eq!(error.place().line, 4, "{error}");
}

#[test]
fn a_quote_is_read_to_its_end() {
    let import = imported(
        "VIPS=\"10.0.0.1 # no comment\n10.0.0.2\"\nRS='10.0.0.7\n  10.0.0.8'\nfor v in $VIPS; do\n[ $v = no ] || true\ndone\n\
         ipvsadm -A -t 10.0.0.1:80\nfor r in $RS; do ipvsadm -a -t 10.0.0.1:80 -r $r -g; done # don't\n",
    );
    assert_eq!(table(&import), ["tcp 10.0.0.1:80: rs-10-0-0-7 rs-10-0-0-8"]);
    let import =
        imported("VIPS=\"10.0.0.1\n10.0.0.2\"\nfor v in $VIPS; do\nipvsadm -A -t $v:80\ndone\n");
    assert_eq!(table(&import), ["tcp 10.0.0.1:80:", "tcp 10.0.0.2:80:"]);
}

#[test]
fn a_quote_that_is_never_closed_is_refused() {
    let error = rules(
        "ipvsadm -A -t 10.0.0.1:80\nRS=\"10.0.0.7\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g\n",
    );
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "rules:2: a quote of the line is never closed; close it"
    );
}

/// Returns why a script is refused, with what to write.
pub(crate) fn refused(script: &str) -> String {
    rules(script).unwrap_err().to_string()
}

/// The value of a line above is that of one director, and a condition gives another to the others.
#[test]
fn a_default_that_a_condition_may_replace_is_no_fact() {
    let start = "VIP=10.0.0.1\nW=(1 2)\nRS=10.0.0.7\n";
    let end = "ipvsadm -A -t $VIP:80\nipvsadm -a -t $VIP:80 -r $RS -g -w ${W[0]}\n";
    for (change, (line, name)) in [
        ("[ \"$(hostname -s)\" = lb2 ] && VIP=10.0.0.2", (5, "VIP")),
        ("if [ -f /etc/big ]; then W=(5 6); fi", (6, "W")),
        ("while read RS; do echo $RS; done < /etc/rs", (6, "RS")),
        ("for RS in $(cat /etc/rs); do echo $RS; done", (6, "RS")),
        ("read -r RS < /etc/rs", (6, "RS")),
        (
            "case $(hostname) in lb2) export VIP=10.0.0.2;; esac",
            (5, "VIP"),
        ),
    ] {
        let error = refused(&format!("{start}{change}\n{end}"));
        let told = format!("write what {name} is on this director right above this line");
        let is_told = error.contains(&told) || error.contains("lines cannot be read");
        assert!(is_told, "{change}: {error}");
        assert!(
            error.starts_with(&format!("rules:{line}: ")),
            "{change}: {error}"
        );
    }
    // Known to run, or not to.
    for change in [
        "if true; then W=(1 5); fi",
        "[ \"$1\" = stop ] && VIP=10.0.0.2",
        "false || W=(1 5)",
    ] {
        let is_known = rules(&format!("{start}{change}\n{end}")).is_ok();
        assert_eq!(is_known, !change.starts_with("false"), "{change}");
    }
}

#[test]
fn what_stands_behind_the_end_of_a_script_is_left() {
    let import = imported(
        "up() {\nipvsadm -A -t 10.0.0.1:80\nif [ -x /sbin/ipvsadm ]; then return 0; fi\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.9 -g\n}\n\
         [ $# -gt 0 ] || exit 1\n(cd /tmp; exit 1)\nup\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g || { echo failed; exit 1; }\nexit 0\n\
         for p in 1 2; do\nipvsadm -A -t 10.0.0.2:$p\ndone\nipvsadm -A -t 10.0.0.2:80\n",
    );
    assert_eq!(table(&import), ["tcp 10.0.0.1:80: rs-10-0-0-7"]);
    let report = import.report.to_string();
    for told in [
        "rules:5: left: ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.9 -g: it never runs: the function returns above",
        "rules:11: left: exit 0: nothing of the script runs after it",
        "rules:15: left: ipvsadm -A -t 10.0.0.2:80: it never runs: the script exits above",
    ] {
        assert!(report.contains(told), "{report}");
    }
}

#[test]
fn ipvsadm_is_read_wherever_a_program_calls_it() {
    let import = imported(
        "run() { \"$@\"; }\nipvsadm -A -t 10.0.0.1:80 -s rr\n( ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g )\n\
         time ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.8 -g\nnohup nice ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.9 -g &\n\
         /usr/bin/env A=b ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.10 -g\ncommand ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.11 -g\n\
         sudo -n ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.12 -g\nrun ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.13 -g\n\
         eval \"ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.14 -g\"\n\
         echo \"-a -t 10.0.0.1:80 -r 10.0.0.15 -g\" | ipvsadm -R\n\
         printf '%s\\n' \"-a -t 10.0.0.1:80 -r 10.0.0.16 -g\" '-a -t 10.0.0.1:80 -r 10.0.0.17 -g' | /sbin/ipvsadm-restore\n\
         echo \"ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.66 -g\"\nssh lb2 ipvsadm -A -t 10.0.0.2:80\ncommand -v ipvsadm >/dev/null\n",
    );
    let numbers = (7..=17).map(|number| format!(" rs-10-0-0-{number}"));
    let expected = format!("tcp 10.0.0.1:80:{}", numbers.collect::<String>());
    assert_eq!(table(&import), [expected], "{}", import.report);
    let report = import.report.to_string();
    assert!(
        report.contains("-A -t 10.0.0.2:80: another machine runs it"),
        "{report}"
    );
}

#[test]
fn a_line_that_calls_ipvsadm_in_another_way_is_refused() {
    for line in [
        "ip netns exec lb ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g",
        "docker exec lvs ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g",
        "echo 10.0.0.7 | xargs -n1 -I{} ipvsadm -a -t 10.0.0.1:80 -r {} -g",
        "echo 'ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g' | sudo sh",
        "sh -c 'ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g'",
        "sudo -u root ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g",
        "RC=$(ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.7 -g)",
    ] {
        let error = refused(&format!("ipvsadm -A -t 10.0.0.1:80\n{line}\n"));
        assert!(
            error.starts_with("rules:2: it calls ipvsadm through"),
            "{line}: {error}"
        );
    }
}

/// A file that looks whole says what of the source it lacks.
#[test]
fn the_head_of_the_file_names_what_is_lost() {
    let import = imported(
        "ssl() {\nipvsadm -A -t 10.0.0.3:443\n}\nadd() { ipvsadm -a -t 10.0.0.1:80 -r $1 -g; }\nipvsadm -A -t 10.0.0.1:80\nadd 10.0.0.7\n\
         ipvsadm -A -t 10.0.0.2:80 -s roundrobin\nipvsadm -a -t 10.0.0.2:80 -r 10.0.0.7 -g\n\
         [ -f /etc/x ] && ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.8 -g\n[ -f /etc/y ] && add 10.0.0.9\n\
         for r in $(cat /etc/rs); do ipvsadm -a -t 10.0.0.1:80 -r $r -g; done\nipvsadm -a -t 10.0.0.4:80 -r 10.0.0.7 -g\n\
         ipvsadm-restore < /etc/rules\nif [ \"$1\" = stop ]; then ipvsadm -A -t 10.0.0.6:80; fi\n",
    );
    assert_eq!(table(&import), ["tcp 10.0.0.1:80: rs-10-0-0-7"]);
    let lines = import.file.lines();
    let head = lines
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#'));
    let head = head.collect::<String>();
    for told in [
        "Not imported: ipvsadm -A -t 10.0.0.3:443 (rules:3): no line that is imported calls its function.",
        "Not imported: tcp 10.0.0.2:80 (rules:8): Linux has no scheduler roundrobin.",
        "Not imported: ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.8 -g (rules:10), add 10.0.0.9 (rules:11): a condition",
        "(rules:12): a loop that is not followed decides",
        "Not imported: 10.0.0.7:80 of tcp 10.0.0.4:80 (rules:13): no line above adds its service.",
        "(rules:14): it reads rules from elsewhere: import those too.",
    ] {
        assert!(head.contains(told), "{told}:\n{}", import.file);
    }
    for other in ["10.0.0.6", "10.0.0.7:80 of tcp 10.0.0.2"] {
        assert!(!head.contains(other), "{}", import.file);
    }
}

#[test]
fn a_loop_over_the_arguments_of_a_function_is_followed() {
    let import = imported(
        "add() {\nipvsadm -a -t 10.0.0.1:$1 -r $2 -g\n}\nsvc() {\nipvsadm -A -t 10.0.0.1:$1 -s ${2:-rr}\nshift; shift\n\
         while [ $# -gt 0 ]; do\nadd 80 $1\nshift\ndone\n}\nsvc 80 wlc 10.0.0.7 10.0.0.8\nsvc 443\n",
    );
    assert_eq!(
        table(&import),
        [
            "tcp 10.0.0.1:80: rs-10-0-0-7 rs-10-0-0-8",
            "tcp 10.0.0.1:443:"
        ]
    );
    let error = refused(
        "svc() {\nipvsadm -A -t 10.0.0.1:80\nwhile [ -n \"$1\" ]; do\nipvsadm -a -t 10.0.0.1:80 -r $1 -g\n[ -f /x ] && shift\ndone\n}\n\
         svc 10.0.0.7\n",
    );
    assert!(error.starts_with("rules:4: "), "{error}");
}

#[test]
fn a_quoted_document_has_no_variables() {
    let script = "VIP=10.0.0.1\nipvsadm -R <<'EOF'\n-A -t $VIP:80\nEOF\n";
    let error = refused(script);
    assert!(
        error.starts_with("rules:3: no variable is replaced below <<'WORD'"),
        "{error}"
    );
    assert!(rules(&script.replace('\'', "")).is_ok());
}

#[test]
fn a_mark_of_ipv6_is_told_with_its_option() {
    let error = refused("-A -f 3 -6\n-a -f 3 -r [2001:db8::5]:0 -g\n");
    assert!(
        error.ends_with("; add -6, as on the line of the service"),
        "{error}"
    );
}
