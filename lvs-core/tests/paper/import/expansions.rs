//! What a script cuts out of its values: `${s%%:*}` and the like have the values of the shells.

use std::fs;
use std::process::Command;

use crate::corpus::corpus;
use crate::import::shells::refused;
use crate::import::{rules, sound};

/// Where an expansion is known.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    /// In each POSIX shell.
    Posix,
    Bash,
}

/// What a script sets, an expansion, and what it stands for.
const EXPANSIONS: [(Known, &str, &str, &str); 74] = {
    use Known::{Bash, Posix};
    [
        (Posix, "s=10.0.0.2:80:5", "${s%%:*}", "10.0.0.2"),
        (Posix, "s=10.0.0.2:80:5", "${s%:*}", "10.0.0.2:80"),
        (Posix, "s=10.0.0.2:80:5", "${s#*:}", "80:5"),
        (Posix, "s=10.0.0.2:80:5", "${s##*:}", "5"),
        (Posix, "s=10.0.0.2/24", "${s%/*}", "10.0.0.2"),
        (Posix, "s=10.0.0.2/24", "${s##*/}", "24"),
        (Posix, "s=10.0.0.2", "${s%%:*}", "10.0.0.2"),
        (Posix, "s=10.0.0.2", "${s#*:}", "10.0.0.2"),
        (Posix, "s=", "${s%%:*}", ""),
        (Posix, "s=abc", "${s%}", "abc"),
        (Posix, "s=abc", "${s%%*}", ""),
        (Posix, "s=abc", "${s%*}", "abc"),
        (Posix, "s=abc", "${s##*}", ""),
        (Posix, "s=abc", "${s#?}", "bc"),
        (Posix, "s=abc", "${s%??}", "a"),
        (Posix, "s=abcabc", "${s#a*c}", "abc"),
        (Posix, "s=abcabc", "${s##a*c}", ""),
        (Posix, "s=abcabc", "${s%b*c}", "abca"),
        (Posix, "s=abcabc", "${s%%b*c}", "a"),
        (Posix, "s=x-a-b-y", "${s##*-*-}", "y"),
        (Posix, "s=eth0.12", "${s%%[0-9]*}", "eth"),
        (Posix, "s=eth0.12", "${s##*[!0-9]}", "12"),
        (Posix, "s=eth0.12", "${s%[[:digit:]]}", "eth0.1"),
        (Posix, "s=eth0.12", "${s%%[![:alpha:]]*}", "eth"),
        (Posix, "s=aBc", "${s#[a-z]}", "Bc"),
        (Posix, "s=aBc", "${s%[A-Z]?}", "a"),
        (Posix, "s=a]b", "${s%[]]*}", "a"),
        (Posix, "s=a-b", "${s%[x-]*}", "a"),
        (Posix, "s=a-b", "${s%[]-]*}", "a"),
        (Posix, "s=ab", "${s%[b-a]}", "ab"),
        (Posix, "s=ab", "${s%[b}", "ab"),
        (Posix, "s='a b  c'", "${s%% *}", "a"),
        (Posix, "s='a b  c'", "${s##* }", "c"),
        (Posix, "s='a b  c'", "${s#* }", "b  c"),
        (Posix, "s='a;b|c'", "${s%%;*}", "a"),
        (Posix, "s='a;b|c'", "${s##*|}", "c"),
        (Posix, "s='a}b'", "${s%\\}*}", "a"),
        (Posix, "s='a}b'", "${s%'}'*}", "a"),
        (Posix, "s='a}b'", "${s%\"}\"*}", "a"),
        (Posix, "s=a:b", "${s%':'*}", "a"),
        (Posix, "s=a:b", "${s%\":*\"}", "a:b"),
        (Posix, "s=a:b", "${s%:\\*}", "a:b"),
        (Posix, "s=a:b p=:", "${s%$p*}", "a"),
        (Posix, "s=a:b p=':*'", "${s%$p}", "a"),
        (Posix, "s=a:b p=':*'", "${s%\"$p\"}", "a:b"),
        (Posix, "s=a:b:c t=b:c", "${s%:${t#*:}}", "a:b"),
        (Posix, "s=a:b:c t=b:c", "${s%\"${t#b}\"}", "a:b"),
        (Posix, "s=10.0.0.2:80", "${#s}", "11"),
        (Posix, "s=", "${#s}", "0"),
        (Posix, "s=a", "${s:-b}", "a"),
        (Posix, "s=", "${s:-b}", "b"),
        (Posix, "s=", "${s-b}", ""),
        (Posix, "s=a", "${n-b}", "b"),
        (Posix, "s=a", "${n:-${s:-c}}d", "ad"),
        (Posix, "s=", "${s:=b}$s", "bb"),
        (Posix, "s=a", "${s:+b}${s+c}", "bc"),
        (Posix, "s=", "${s:+b}${s+c}${n+d}", "c"),
        (Posix, "s=a", "${s:?is not set}${s?}", "aa"),
        (Bash, "s=a:b:c", "${s/:/-}", "a-b:c"),
        (Bash, "s=a:b:c", "${s//:/ }", "a b c"),
        (Bash, "s=a:b:c", "${s//:}", "abc"),
        (Bash, "s=a:b:c", "${s/:*/=}", "a="),
        (Bash, "s=a:b:c", "${s/#a:/x}${s/#b/x}", "xb:ca:b:c"),
        (Bash, "s=a:b:c", "${s/%:c/x}${s/%/y}", "a:bxa:b:cy"),
        (Bash, "s=a/b/c", "${s//\\//-}${s////-}", "a-b-ca-b-c"),
        (Bash, "s=a:b p=: r=-", "${s/$p/\"$r\"}", "a-b"),
        (Bash, "s=; e=", "${s/*/x}${e/a/y}", "x"),
        (Bash, "s=abcdef", "${s:1}${s:1:2}${s::1}", "bcdefbca"),
        (Bash, "s=abcdef i=1", "${s:i:i+1}${s:$i:1}", "bcb"),
        (Bash, "s=abcdef", "${s: -2}${s:(-2):1}${s:1:-1}", "efebcde"),
        (Bash, "s=abcdef", "${s:9}${s:6}${s: -9}", ""),
        (Bash, "L=(a:1 b:2)", "${L[@]%%:*}", "a b"),
        (Bash, "L=(a:1 b:2)", "${L[1]#*:}${#L[0]}${#L[@]}", "232"),
        (Bash, "L=(a:1 b:2)", "${L[*]//:/-}", "a-1 b-2"),
    ]
};

/// Prints what each expansion stands for, on a line of its own.
fn told_by(shell: &str, known: Known) -> Option<Vec<String>> {
    let rows = EXPANSIONS
        .iter()
        .filter(|(least, ..)| known == Known::Bash || *least == known);
    let line = |(_, set, expansion, _): &(_, &str, &str, _)| {
        format!("( {set}; r=\"{expansion}\"; printf '%s\\n' \"$r\" )\n")
    };
    let script: String = rows.map(line).collect();
    let mut command = Command::new(shell);
    command.arg("-c").arg(script).env_clear().env("LC_ALL", "C");
    let Ok(output) = command.output() else {
        eprintln!("SKIPPED {shell}: it is not on this machine");
        return None;
    };
    let told = String::from_utf8(output.stdout).unwrap();
    Some(told.lines().map(str::to_owned).collect())
}

#[test]
fn the_shells_have_these_values() {
    for (shell, known) in [
        ("sh", Known::Posix),
        ("dash", Known::Posix),
        ("bash", Known::Bash),
    ] {
        let Some(told) = told_by(shell, known) else {
            continue;
        };
        let rows = EXPANSIONS
            .iter()
            .filter(|(least, ..)| known == Known::Bash || *least == known);
        let rows: Vec<_> = rows
            .map(|(_, set, text, value)| (set, text, *value))
            .collect();
        assert_eq!(told.len(), rows.len(), "{shell}: {told:?}");
        for ((set, text, value), told) in rows.into_iter().zip(told) {
            assert_eq!(told, value, "{shell}: {set}; {text}");
        }
    }
}

/// Returns whether a script has the value in its variable; nothing if the variable's value is not known.
fn has(lines: &str, variable: &str, value: &str) -> Option<bool> {
    let script = format!(
        "#!/bin/bash\n{lines}\nv='{value}'\nif [ \"{variable}\" = \"$v\" ]; then PORT=80; else PORT=81; fi\n\
         ipvsadm -A -t 172.16.5.11:$PORT\n"
    );
    let import = rules(&script).ok()?;
    let node = sound(&import, &script).node("director").unwrap();
    let ids: Vec<_> = node
        .services
        .iter()
        .map(|service| service.service.id.to_string())
        .collect();
    match ids.as_slice() {
        [id] if id.ends_with(":80") => Some(true),
        [id] if id.ends_with(":81") => Some(false),
        ids => panic!("{script}{ids:?}"),
    }
}

#[test]
fn expansions_have_the_values_of_the_shells() {
    for (_, set, text, value) in EXPANSIONS {
        let lines = format!("{set}\nr=\"{text}\"");
        assert_eq!(has(&lines, "$r", value), Some(true), "{set}; {text}");
        assert_eq!(has(&lines, "$r", "other"), Some(false), "{set}; {text}");
    }
}

/// Shells differ, or the script does not say what the value is.
#[test]
fn expansions_that_are_not_known_are_not_guessed() {
    for (set, text) in [
        ("s=10.0.0.2:80", "${s%%[^0-9.]*}"),
        ("s=aé", "${s%?}"),
        ("s=a:b", "${s%+(b)}"),
        ("s=a:b", "${s/b/&&}"),
        ("s=a:b", "${s/:/\\n}"),
        ("s=a:b", "${s^^}"),
        ("s=a:b", "${!s}"),
        ("s=a:b", "${s@Q}"),
        ("s=a:b", "${s%$(cat x)}"),
        ("s=a:b", "${s%$p}"),
        ("s=a:b", "${s:1:-9}"),
        ("s=a:b", "${s:x}"),
        ("s=", "${s:?}"),
        ("s=a:b", "${t%:*}"),
        ("s=$(cat x)", "${s%:*}"),
        ("read s", "${s:-a}"),
        ("s=\"a\nb\"", "${s% *}"),
        ("s=a:b", "${s//}"),
        ("s=a:b", "${s/[!]a]/x}"),
        ("s=", "${s:-\\}}"),
    ] {
        let lines = format!("{set}\nr=\"{text}\"");
        assert_eq!(has(&lines, "$r", "a"), None, "{set}; {text}");
    }
    let told = refused("s=10.0.0.2:80\nipvsadm -A -t ${s^^}\n");
    assert!(told.contains("what the braces stand for"), "{told}");
    let told = refused("ipvsadm -A -t ${s%:*}:80\n");
    assert!(told.contains("no line above sets s"), "{told}");
}

#[test]
fn the_arm_of_a_value_is_read() {
    for (lines, value) in [
        ("case $s in *:*) r=b;; *) r=c;; esac", "b"),
        (
            "case \"${s#*:}\" in\n(*:*)\n  r=b\n  ;;\n[0-9]*|x)\n  r=c\n  ;;\n*) r=d\nesac",
            "c",
        ),
        (
            "case $s in a) r=b;; \"a\"*\":\"??) r=c;; *) r=d;; esac",
            "c",
        ),
        ("r=b; case $s in x) r=c;; esac", "b"),
        ("f() { case $1 in -p) r=$2;; *) r=c;; esac; }\nf -p b", "b"),
        (
            "for s in x y:1; do case $s in *:*) r=${s#*:};; *) r=0;; esac; done",
            "1",
        ),
    ] {
        let lines = format!("s=ab:80\n{lines}");
        assert_eq!(has(&lines, "$r", value), Some(true), "{lines}");
        let printed = Command::new("bash")
            .arg("-c")
            .arg(format!("{lines}\nprintf %s \"$r\""))
            .output();
        match printed {
            Ok(printed) => assert_eq!(String::from_utf8_lossy(&printed.stdout), value, "{lines}"),
            Err(_) => eprintln!("SKIPPED bash: it is not on this machine"),
        }
    }
    for lines in [
        "case $s in $p) r=a;; *) r=b;; esac",
        "case $s in [^a]*) r=a;; *) r=b;; esac",
        "case $(cat x) in a) r=a;; *) r=b;; esac",
    ] {
        assert_eq!(
            has(&format!("s=ab\nr=c\n{lines}"), "$r", "a"),
            None,
            "{lines}"
        );
    }
}

/// It is called with `start`, whatever it does without an argument.
#[test]
fn what_a_script_is_called_with_is_no_value() {
    for lines in [
        "case \"${1:-}\" in start) r=a;; stop) r=b;; esac",
        "c=${1:-status}\ncase $c in stop) r=b;; start) r=a;; esac",
        "c=${1-}; x=$c\ncase \"$x\" in stop) r=b;; start) r=a;; esac",
        "if [ \"${1:-}\" = start ]; then r=a; else r=b; fi",
    ] {
        assert_eq!(has(lines, "$r", "a"), Some(true), "{lines}");
    }
}

/// A value outside of quotes is as many words as space parts, for a function, `set` and a loop.
#[test]
fn values_become_words_as_in_the_shells() {
    for (lines, variable, value) in [
        ("l='a b'\nf() { r=$2-$#; }\nf $l c", "$r", "b-3"),
        ("l='a b'\nf() { r=$2-$#; }\nf \"$l\" c", "$r", "c-2"),
        ("e=\nf() { r=$1-$#; }\nf $e b", "$r", "b-1"),
        ("s='a|b>c'\nf() { r=$1-$#; }\nf $s", "$r", "a|b>c-1"),
        ("e=\nf() { r=$2-$#; }\nf \"$e\" b", "$r", "b-2"),
        ("f() { r=$1; }\nf ${s:-a} > /dev/null", "$r", "a"),
        ("s='a;b'\nf() { r=$1; }\nf \"${s%\";\"*}\"", "$r", "a"),
        (
            "s='a b'\nf() { r=$1-$2; }\nf ${s% *} \"${s#* }\"",
            "$r",
            "a-b",
        ),
        (
            "L=('a:1' b:2)\nf() { r=$2-$#; }\nf \"${L[@]%%:*}\"",
            "$r",
            "b-2",
        ),
        ("s=a:b:c\nset -- ${s//:/ }\nr=$3-$1", "$r", "c-a"),
        (
            "s=a:b\nf() { set -- ${1%:*} x; r=$1-$2; }\nf $s y z",
            "$r",
            "a-x",
        ),
        (
            "l='a b'\nO=$IFS; IFS=:; IFS=$O\nfor r in $l; do :; done",
            "$r",
            "b",
        ),
        (
            "l=(a:b c)\nIFS=:\nfor r in \"${l[@]}\"; do break; done",
            "$r",
            "a:b",
        ),
    ] {
        assert_eq!(has(lines, variable, value), Some(true), "{lines}");
        assert_eq!(has(lines, variable, "other"), Some(false), "{lines}");
        let printed = Command::new("bash")
            .arg("-c")
            .arg(format!("{lines}\nprintf %s \"{variable}\""))
            .output();
        match printed {
            Ok(printed) => assert_eq!(String::from_utf8_lossy(&printed.stdout), value, "{lines}"),
            Err(_) => eprintln!("SKIPPED bash: it is not on this machine"),
        }
    }
    for lines in [
        "s=a:b\nIFS=:\nfor r in $s; do break; done",
        "s=a:b\nIFS=:\nset -- $s\nr=${1:-a}",
        "f() { set -- $(cat x); r=${1:-a}; }\nf a",
        "s=a:b\nIFS=:\nf() { r=$1; }\nf $s",
    ] {
        assert_eq!(has(lines, "$r", "a"), None, "{lines}");
    }
}

/// However a pattern and a value are made, reading ends soon.
#[test]
fn expansions_have_a_limit() {
    let doubled = "s=$s$s\n".repeat(16);
    for text in [
        format!("${{s//{}b/x}}", "*a".repeat(64)),
        "${s//a/$s}".to_owned(),
        "${s:-".repeat(20_000),
        "${s:-".repeat(20_000) + "}",
        "\\${s".repeat(20_000),
    ] {
        let lines = format!("s=aaaaaaaa\n{doubled}r={text}");
        assert_eq!(has(&lines, "$r", "a"), None);
    }
}

/// As the seed of the fuzz target has them: `ip:port:weight`, `ip/prefix`.
#[test]
fn a_script_that_splits_its_values_is_read() {
    let mut seeds = corpus("ipvsadm_script").into_iter();
    let seed = seeds.find(|path| path.ends_with("values-that-are-split"));
    let import = rules(&fs::read_to_string(seed.unwrap()).unwrap()).unwrap();
    let (_, file) = import.file.split_once("[director]").unwrap();
    let expected = "
name = \"director\"
ip-forward = true
addresses = [
    { interface = \"bond0\", address = \"172.16.5.11/16\" },
]

# rules:28
[[services]]
addresses = [\"172.16.5.11:80\", \"172.16.5.11:443\"]
scheduler = \"wlc\"
destinations = [
    { real-server = \"rs-192-168-1-12\", port = 8080 },
    { real-server = \"rs-192-168-1-13\", port = 8080 },
    { real-server = \"rs-192-168-1-14\" },
]

[[real-servers]]
name = \"rs-192-168-1-12\"
address = \"192.168.1.12/24\" # assumed: interface and prefix length
weight = 3

[[real-servers]]
name = \"rs-192-168-1-13\"
address = \"192.168.1.13/24\" # assumed: interface and prefix length
weight = 1

[[real-servers]]
name = \"rs-192-168-1-14\"
address = \"192.168.1.14/24\" # assumed: interface and prefix length
weight = 1
";
    assert_eq!(file, expected);
    // Each arm of the case is read in one of the rounds.
    let report = import.report.to_string();
    let of_an_arm = report.lines().filter(|line| line.contains("rport="));
    assert_eq!(
        of_an_arm
            .clone()
            .filter(|line| line.contains("carried"))
            .count(),
        4,
        "{report}"
    );
}
