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

fn imported(script: &str) -> Import {
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
    let error =
        rules("ipvsadm -A -t 10.0.0.1:80\nRS=\"10.0.0.7\nipvsadm -a -t 10.0.0.1:80 -r $RS -g\n");
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "rules:2: a quote of the line is never closed; close it"
    );
}
