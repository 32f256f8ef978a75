//! What a script computes, and where the values of its variables end.

use lvs_core::import::Import;

use crate::import::shells::{imported, refused};
use crate::import::sound;

/// Returns the destinations that a script makes, with their weights.
fn ends(import: &Import) -> Vec<String> {
    let node = sound(import, "computed").node("director").unwrap();
    let services = node.services.iter();
    let ends = services.flat_map(|service| service.destinations.iter());
    ends.map(|end| format!("{} {}", end.value.id, end.value.weight))
        .collect()
}

#[test]
fn arithmetic_is_read() {
    const BY_HAND: &str = "VIP=172.16.5.11
ipvsadm -A -t $VIP:$((8000 + 80)) -s rr
";
    for (lines, servers) in [
        (
            "i=2\nwhile [ $i -le 4 ]; do\n  ipvsadm -a -t $VIP:8080 -r 10.0.0.$i -g -w $((i * 10))\n  i=$((i+1))\ndone\n",
            vec!["10.0.0.2:8080 20", "10.0.0.3:8080 30", "10.0.0.4:8080 40"],
        ),
        (
            "i=2\nuntil [ \"$i\" -gt 3 ]\ndo\n  ipvsadm -a -t $VIP:8080 -r 10.0.0.$i -g\n  i=`expr $i + 1`\ndone\n",
            vec!["10.0.0.2:8080 1", "10.0.0.3:8080 1"],
        ),
        (
            "RS=(10.0.0.7 10.0.0.9)\nW=(5 6)\nfor ((i = 0; i < ${#RS[@]}; i++)); do ipvsadm -a -t $VIP:8080 -r ${RS[i]} -g -w ${W[$i]}; done\n",
            vec!["10.0.0.7:8080 5", "10.0.0.9:8080 6"],
        ),
        (
            "w=3\nfor ip in 10.0.0.2 10.0.0.3; do ipvsadm -a -t $VIP:8080 -r $ip -g -w $w; ((w += 2)); done\n",
            vec!["10.0.0.2:8080 3", "10.0.0.3:8080 5"],
        ),
        (
            "n=0\nadd() { let n++; ipvsadm -a -t $VIP:8080 -r 10.0.0.$(expr $n \\* 4) -g; }\nfor x in a b; do add $x; done\n",
            vec![],
        ),
        (
            "n=0; add() { n=$(($n+1)); ipvsadm -a -t $VIP:8080 -r 10.0.$((n / 4)).$((n % 4)) -g; }\nfor x in a b c d; do add $x; done\n",
            vec![
                "10.0.0.1:8080 1",
                "10.0.0.2:8080 1",
                "10.0.0.3:8080 1",
                "10.0.1.0:8080 1",
            ],
        ),
    ] {
        let script = format!("{BY_HAND}{lines}");
        if servers.is_empty() {
            assert!(refused(&script).contains("$(expr"), "{lines}");
            continue;
        }
        assert_eq!(ends(&imported(&script)), servers, "{lines}");
    }
}

/// What a loop or a subshell changes, and what only the running script computes, is no fact behind it.
#[test]
fn arithmetic_that_is_not_known_is_not_guessed() {
    const SERVICE: &str = "ipvsadm -A -t 172.16.5.11:80\n";
    for (lines, problem) in [
        (
            "i=2; ((i += RANDOM))\nipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$i -g\n",
            "the running script computes it",
        ),
        (
            "i=2\nfor ((; i < N; i++)); do :; done\nipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$i -g\n",
            "a condition or a loop of the script decides it",
        ),
        (
            "i=2\nwhile [ $i -lt 9 ]; do ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$i -g; i=$(next $i); done\n",
            "how often the loop around it goes round",
        ),
        (
            "i=2\nwhile [ $i -lt 9 ]; do ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$i -g; done\n",
            "how often the loop around it goes round",
        ),
        (
            "ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$((2 ** 3)) -g\n",
            "10.0.0.$((2",
        ),
    ] {
        let told = refused(&format!("{SERVICE}{lines}"));
        assert!(told.contains(problem), "{lines}: {told}");
    }
    // It waits, and has no rules.
    let wait = "n=0\nwhile [ $n -lt 30 ]; do ping -c1 gw && break; n=$((n+1)); sleep 1; done\n";
    let rule = "ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.2 -g\n";
    let import = imported(&format!("{SERVICE}{wait}{rule}"));
    assert_eq!(ends(&import), ["10.0.0.2:80 1"]);
}

#[test]
fn a_subshell_changes_nothing_outside() {
    let import = imported(
        "W=1; PORT=80\n( W=9; ipvsadm -A -t 172.16.5.11:$PORT; exit 0; ipvsadm -A -t 172.16.5.11:81 )\n\
         add() { ( W=8; ipvsadm -a -t 172.16.5.11:80 -r $1 -g -w $W ) }\n\
         add 10.0.0.3\nipvsadm -a -t 172.16.5.11:80 -r 10.0.0.2 -g -w $W\n",
    );
    assert_eq!(ends(&import), ["10.0.0.3:80 8", "10.0.0.2:80 1"]);
    let report = import.report.to_string();
    assert!(
        report.contains("what is in brackets exits above"),
        "{report}"
    );
    let told = refused(
        "ipvsadm -A -t 172.16.5.11:80\n( W=9 )\nipvsadm -a -t 172.16.5.11:80 -r 10.0.0.2 -g -w $W\n",
    );
    assert!(told.contains("no line above sets W"), "{told}");
}

#[test]
fn a_script_that_is_read_may_set_what_is_imported() {
    let import = imported(
        "#!/bin/sh\n. /lib/lsb/init-functions\nW=2\n[ -r /etc/default/ipvs ] && . /etc/default/ipvs\n: ${x}\nPORT=80\n\
         ipvsadm -A -t 172.16.5.11:$PORT\nipvsadm -a -t 172.16.5.11:80 -r ${RS:-10.0.0.2} -g -w $W\n",
    );
    assert_eq!(ends(&import), ["10.0.0.2:80 2"]);
    let note = "# Not imported: . /etc/default/ipvs (rules:5): it may set RS, W, of which the values and defaults of \
                this script are imported.";
    let file = import.file.replace("\n# ", " ").replace("# ", "");
    assert!(file.contains(&note[2..]), "{}", import.file);
    assert!(!file.contains("functions ("), "{}", import.file);
}

/// As scripts of init write the values that a file of theirs may replace.
#[test]
fn defaults_are_set_and_are_of_lists_too() {
    let import = imported(
        "declare -A W=( [10.0.0.2]=5 )\nN=2\n: ${VIP:=172.16.5.11}\n: \"${PORT:=80}\"\n\
         ipvsadm -A -t $VIP:$PORT\nfor r in 10.0.0.2 10.0.0.3; do\n\
         ipvsadm -a -t ${VIP:?no address}:$PORT -r $r -g -w ${W[$r]:-$((N + 1))}\ndone\n",
    );
    assert_eq!(ends(&import), ["10.0.0.2:80 5", "10.0.0.3:80 3"]);
    let told = refused(
        "[ -n \"$A\" ] && W=(1 2)\nipvsadm -A -t 172.16.5.11:80\n\
         ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.2 -g -w ${W[0]:-1}\n",
    );
    assert!(
        told.contains("a condition or a loop of the script decides it"),
        "{told}"
    );
}

/// What `continue` and `break` leave out is left out, where the script says when; else it is not guessed.
#[test]
fn rounds_end_early() {
    const SERVICE: &str = "MODE=nat\nipvsadm -A -t 172.16.5.11:80\n";
    let add = "ipvsadm -a -t 172.16.5.11:80 -r 10.0.0.$n -g";
    for (lines, servers) in [
        (
            format!("for n in 2 3 4; do\n[ $n -eq 3 ] && continue\n{add}\ndone\n"),
            vec!["10.0.0.2:80 1", "10.0.0.4:80 1"],
        ),
        (
            format!(
                "for n in $(seq 2 2 8); do\nif [ $n -gt 4 ]; then break; fi\n{add}\ndone\nn=9; {add}\n"
            ),
            vec!["10.0.0.2:80 1", "10.0.0.4:80 1", "10.0.0.9:80 1"],
        ),
        (
            format!(
                "for n in 10.0.0.{{2,3}}; do {}; done\n",
                add.replace("10.0.0.$n", "$n")
            ),
            vec!["10.0.0.2:80 1", "10.0.0.3:80 1"],
        ),
        (
            format!(
                "n=2\nwhile [ $n -lt 9 ]; do\n{add}\nif [ $n = 3 ]; then break; else n=$((n+1)); fi\ndone\n"
            ),
            vec!["10.0.0.2:80 1", "10.0.0.3:80 1"],
        ),
        (
            format!("n=2\nif [ \"$MODE\" != nat ]; then {add}; else n=5; {add}; fi\n"),
            vec!["10.0.0.5:80 1"],
        ),
        (
            format!("n=2\n! [ -z \"$MODE\" ] && {add}\ntest -n \"$MODE\" || {{ n=3; {add}; }}\n"),
            vec!["10.0.0.2:80 1"],
        ),
    ] {
        let import = imported(&format!("{SERVICE}{lines}"));
        assert_eq!(ends(&import), servers, "{lines}\n{}", import.report);
    }
    // The first one is reached whatever the condition, and the others are named.
    let script = format!(
        "{SERVICE}for n in 2 3; do\nping -c1 10.0.0.$n || continue\n{add}\ndone\nn=7\n{add}\n\
         for n in 4 5; do\n{add}\nis_enough && break\ndone\nn=8\n{add}\n"
    );
    let import = imported(&script);
    assert_eq!(
        ends(&import),
        ["10.0.0.7:80 1", "10.0.0.4:80 1", "10.0.0.8:80 1"],
        "{}",
        import.report
    );
    assert!(import.file.contains("10.0.0.2"), "{}", import.file);
    assert!(import.file.contains("10.0.0.5"), "{}", import.file);
}
