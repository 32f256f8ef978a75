//! Rules of ipvsadm and scripts of them.

use crate::import::{rules, sound};

#[test]
fn names_are_looked_up_wherever_they_stand() {
    let import =
        rules("-A -t lb.lvs.test:http -s rr\n-a -tlb.lvs.test:http -rweb1.lvs.test:webcache -m\n")
            .unwrap();
    let cluster = sound(&import, "names");
    let service = &cluster.services()[0];
    assert_eq!(service.service.id.to_string(), "tcp 198.51.100.81:80");
    assert_eq!(
        service.destinations[0].real_server.as_str(),
        "web1.lvs.test"
    );
    assert_eq!(service.destinations[0].port, Some(8080));
}

#[test]
fn a_script_has_variables_and_addresses() {
    let import = rules(
        "VIP=10.0.0.1\nip addr add $VIP/24 dev eth5\n/sbin/ipvsadm -A -t ${VIP}:80 -s rr\n\
         /sbin/ipvsadm -a -t $VIP:80 -r 10.0.0.7 -g -w 2\necho done\n",
    )
    .unwrap();
    let cluster = sound(&import, "script");
    let address = &cluster.directors()[0].addresses[0];
    assert_eq!(address.id.to_string(), "10.0.0.1/32 on eth5");
    // It would be the source of packets to a real server that has it too.
    assert!(
        import.file.contains("an address of its own in 10.0.0.0/24"),
        "{}",
        import.file
    );
    assert_eq!(
        import.report.counts().to_string(),
        "5 directives: 2 carried, 2 assumed, 1 left"
    );
}

#[test]
fn a_line_that_cannot_be_read_is_refused() {
    let error = rules("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r nowhere.invalid -m\n").unwrap_err();
    assert_eq!(error.place().line, 2);
    assert_eq!(
        error.to_string(),
        "rules:2: no address of \"nowhere.invalid\" is known here; write the number, or import where the name is \
         known"
    );
}

/// Editors of another system write one first.
#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let import = rules("\u{feff}-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.7 -g\n");
    let import = import.unwrap();
    sound(&import, "mark");
    assert_eq!(import.report.counts().left, 0, "{}", import.report);
}

/// What an init script of a director does.
#[test]
fn loops_are_followed_and_the_branch_for_stop_is_not() {
    let import = rules(
        "VIP=10.0.0.1\ncase \"$1\" in\nstart)\n/sbin/ifconfig eth4:1 $VIP netmask 255.255.255.255 up\n\
         echo 1 > /proc/sys/net/ipv4/ip_forward\nipvsadm -C\nipvsadm -A -t $VIP:80 -s rr\nfor RIP in 10.0.1.{1..3}\ndo\n\
         ipvsadm -a -t $VIP:80 -r $RIP -m\ndone\n;;\nstop)\nipvsadm -D -t $VIP:80\n;;\nesac\n",
    )
    .unwrap();
    let cluster = sound(&import, "init");
    assert_eq!(
        cluster.services()[0].destinations.len(),
        3,
        "{}",
        import.file
    );
    let director = &cluster.directors()[0];
    assert_eq!(director.addresses[0].id.to_string(), "10.0.0.1/32 on eth4");
    assert_eq!(director.addresses[0].label.as_deref(), Some("eth4:1"));
    assert_eq!(director.ip_forward, Some(true));
    let in_one_line = rules(
        "-A -t 10.0.0.1:80\nfor i in 1 2; do ipvsadm -a -t 10.0.0.1:80 -r 10.0.1.$i -m; done\n",
    );
    let cluster = sound(&in_one_line.unwrap(), "one line");
    assert_eq!(cluster.services()[0].destinations.len(), 2);
    let nested = "for p in 80 81; do ipvsadm -A -t 10.0.0.1:$p; for i in 1 2; do\nif x; then echo; fi\n\
                  ipvsadm -a -t 10.0.0.1:$p -r 10.0.1.$i -m; done; done\n";
    assert_eq!(destinations(nested), [2, 2]);
    let joined = nested.replace("; for i", "; done; for p in 80 81; do for i");
    assert_eq!(destinations(&joined), [2, 2]);
}

#[test]
fn a_refused_line_says_what_to_write() {
    for (text, line, hint) in [
        (
            "IP Virtual Server version 1.2.1 (size=4096)\n",
            1,
            "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel",
        ),
        (
            "ipvsadm -C\nTCP 10.0.0.1:80 rr\n-> 10.0.0.2:80 Route 1 0 0\n",
            3,
            "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel",
        ),
        (
            "ipvsadm -A -t ${VIP}:80\n",
            1,
            "no line above sets VIP: add one, as in VIP=VALUE",
        ),
        (
            "ipvsadm -A -t 10.0.0.1:$((80 ** 1))\n",
            1,
            "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel",
        ),
    ] {
        let error = rules(text).unwrap_err();
        assert_eq!(
            (error.place().line, error.hint()),
            (line, Some(hint)),
            "{error}"
        );
    }
}

#[test]
fn a_director_without_an_own_address_is_told() {
    let text = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.7 -g\n";
    let note = "# The director has an address of its own that the source does not name";
    assert!(rules(text).unwrap().file.contains(note));
    let with = format!("ip addr add 10.0.0.5/24 dev eth0\n{text}");
    assert!(!rules(&with).unwrap().file.contains(note));
}

/// Returns how many destinations the services of a script have.
#[track_caller]
fn destinations(text: &str) -> Vec<usize> {
    let import = rules(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let cluster = sound(&import, text);
    let services = cluster.services().iter();
    services.map(|service| service.destinations.len()).collect()
}

#[test]
fn every_command_of_a_line_counts() {
    let two = "ipvsadm -A -t 10.0.0.1:443 -s rr; ipvsadm -a -t 10.0.0.1:443 -r 10.0.0.2 -g\n\
               ipvsadm -A -t 10.0.0.1:80 && ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g -w 3 || exit 1\n";
    assert_eq!(destinations(two), [1, 1]);
    let long =
        "ipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 \\\n  -r 10.0.0.2 -g 2>/dev/null\n";
    assert_eq!(destinations(long), [1]);
    let report = rules(two).unwrap().report.to_string();
    assert!(report.contains("left: exit 1"), "{report}");
}

#[test]
fn a_function_that_stops_is_not_followed() {
    let script = "start() {\nipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g\n}\n\
                  stop() {\n[ -x /sbin/ipvsadm ] || { echo none; exit 1; }\nipvsadm -D -t 10.0.0.1:80\n}\n\
                  start\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.3 -g\n";
    assert_eq!(destinations(script), [2]);
    let in_one_line = script.replace("}\nstop", "}\nstop() { ipvsadm -C; }\nfunction stop");
    assert_eq!(destinations(&in_one_line), [2]);
}

#[test]
fn rules_from_a_file_are_another_source() {
    let text =
        "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.2 -g\nipvsadm -R < /etc/ipvsadm.rules\n";
    let report = rules(text).unwrap().report.to_string();
    assert!(
        report.contains("it reads rules from elsewhere: import those too"),
        "{report}"
    );
}

/// A file that refuses a sysctl would be refused as a whole.
#[test]
fn sysctls_of_ipvs_are_in_the_file() {
    let service = "ipvsadm -A -t 10.0.0.1:80\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g\n";
    for (line, written) in [
        ("sysctl -w net.ipv4.vs.conntrack=1", Some("conntrack = 1")),
        (
            "/sbin/sysctl -q -w net.ipv4.vs.expire_nodest_conn=1 net.ipv4.ip_forward=1",
            Some("expire-nodest-conn = 1"),
        ),
        (
            "echo 1 > /proc/sys/net/ipv4/vs/expire_quiescent_template",
            Some("expire-quiescent-template = 1"),
        ),
        (
            "echo \"3 50\" | tee /proc/sys/net/ipv4/vs/sync_threshold",
            Some("sync-threshold = \"3 50\""),
        ),
        ("sysctl -w net.ipv4.vs.conntrack=x", None),
        ("sysctl -w net.ipv4.vs.nonsense=1", None),
        ("sysctl -w net.ipv4.vs.lblc_expiration=9", None),
        ("sysctl -w net.ipv4.conf.all.send_redirects=0", None),
        ("echo 0 > /proc/sys/net/ipv4/ip_forward", None),
    ] {
        let import = rules(&format!("{service}{line}\n")).unwrap();
        sound(&import, line);
        assert_eq!(
            import.file.contains("[ipvs]"),
            written.is_some(),
            "{}",
            import.file
        );
        let found = written.is_none_or(|written| import.file.contains(written));
        assert!(found, "{line}\n{}", import.file);
        let left = usize::from(written.is_none());
        assert_eq!(import.report.counts().left, left, "{}", import.report);
    }
    let twice = "sysctl -w net.ipv4.vs.conntrack=1\necho 0 > /proc/sys/net/ipv4/vs/conntrack\n";
    let import = rules(&format!("{service}{twice}")).unwrap();
    let report = import.report.to_string();
    assert!(
        report.contains("left: sysctl -w net.ipv4.vs.conntrack=1: a line below"),
        "{report}"
    );
    assert!(import.file.contains("conntrack = 0"), "{}", import.file);
}

/// Returns how a directive whose text begins so is told.
#[track_caller]
fn told(report: &str, text: &str) -> String {
    let line = report.lines().find(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("{text}\n{report}"))
        .to_owned()
}

const TWO: &str =
    "ipvsadm -A -t 10.0.0.1:80 -s rr\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g -w 5\n";

/// A cluster file says what is: a condition of a script is not evaluated.
#[test]
fn what_a_condition_decides_is_left() {
    let edit = "ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2 -g -w 0";
    for lines in [
        format!("if [ -n \"$MAINT\" ]; then\n{edit}\nfi\n"),
        format!("if [ -n \"$MAINT\" ]; then :\nelse {edit}\nfi\n"),
        format!("if [ a = $B ]; then :\nelif true; then {edit}; fi\n"),
        format!("[ \"$(hostname)\" = lb2 ] && {edit}\n"),
        format!("[ \"$(hostname)\" = lb2 ] &&\n{edit}\n"),
        format!("grep -q x /etc/y || {edit}\n"),
        format!("ipvsadm -Ln | grep -q x || {{ echo no; {edit}; }}\n"),
        format!("case \"$1\" in\ndrain)\n{edit}\n;;\nesac\n"),
        format!("case \"$(hostname)\" in lb1) {edit} ;; esac\n"),
        format!("while read ip; do\n{edit}\ndone < servers\n"),
        format!("until false; do {edit}; break; done\n"),
        format!("for ((i=1;i<=N;i++)); do\n{edit}\ndone\n"),
        format!("for r in `cat /etc/rs`; do {edit}; done\n"),
        format!("if x; then\nfor a in 1 2; do for b in 3; do {edit}; done; done\nfi\n"),
        format!("modprobe ip_vs || {edit}\n"),
        format!("if [ \"$1\" = stop ]; then {edit}; fi\n"),
        format!("drain() {{\n{edit}\n}}\n"),
    ] {
        let tail =
            "ipvsadm -A -t 10.0.0.1:443 -s wlc\nipvsadm -a -t 10.0.0.1:443 -r 10.0.0.2 -g -w 3\n";
        let script = format!("{TWO}{lines}{tail}");
        let import = rules(&script).unwrap_or_else(|error| panic!("{error}\n{script}"));
        let cluster = sound(&import, &lines);
        let report = import.report.to_string();
        assert!(
            told(&report, "-w 0").contains(": left: "),
            "{lines}\n{report}"
        );
        assert!(!report.contains("not known here"), "{report}");
        let without = rules(&format!("{TWO}{tail}")).unwrap();
        assert_eq!(
            cluster,
            sound(&without, "without"),
            "{lines}\n{}",
            import.file
        );
    }
}

#[test]
fn what_runs_at_the_start_is_carried() {
    for script in [
        format!("if [ \"$1\" = \"start\" ]; then\n{TWO}elif [ \"$1\" = stop ]; then\nipvsadm -C\nfi\n"),
        format!("if [ \"x$1\" == xstop ]; then ipvsadm -C\nelse\n{TWO}fi\n"),
        format!("if [ -x /sbin/ipvsadm ]; then\n{TWO}fi\n"),
        format!("[ -x $IPVSADM ] || exit 0\n{TWO}"),
        TWO.replace(" rr\n", " rr && "),
        format!("start() {{\n{TWO}}}\nstop() {{ ipvsadm -C; }}\ncase $1 in\nstart|restart) stop; start ;;\n*) exit 1 ;;\nesac\n"),
        format!("stop() {{ ipvsadm -C; }}\nstart()\n{{\n{TWO}}}\n\"$1\"\n"),
        format!("start() {{\n{TWO}}}\n"),
        "add() { ipvsadm -a -t 10.0.0.1:$1 -r $2 -g -w ${3:-1}; }\nipvsadm -A -t 10.0.0.1:80\nadd 80 10.0.0.2\n".to_owned(),
        format!("ipvsadm -A -t 10.0.0.9:80\nipvsadm -a -t 10.0.0.9:80 -r 10.0.0.2 -g\nipvsadm -C\n{TWO}"),
    ] {
        assert_eq!(destinations(&script), [1], "{script}");
    }
}

#[test]
fn a_variable_that_a_condition_sets_is_told() {
    let script = "if [ $(hostname) = a ]; then W=1; else W=2; fi\nipvsadm -A -t 10.0.0.1:80\n\
                  ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g -w $W\n";
    let error = rules(script).unwrap_err();
    let hint = "a condition or a loop of the script decides it: write what W is on this director right above this \
                line, as in W=VALUE";
    assert_eq!((error.place().line, error.hint()), (3, Some(hint)));
}

#[test]
fn variables_are_set_in_several_ways() {
    let script = "export VIP=${VIP:-10.0.0.1} PORT=80\nreadonly RIP=10.0.0.2\nSCHED=${1:-wrr}\n\
                  ipvsadm -A -t ${VIP}:$PORT -s $SCHED\nipvsadm -a -t $VIP:80 -r $RIP -g\n";
    assert_eq!(destinations(script), [1]);
    assert_eq!(rules(script).unwrap().report.counts().left, 0);
    let again = format!("W=1\nW=2\n{TWO}");
    let report = rules(&again).unwrap().report.to_string();
    assert!(
        told(&report, "W=1").contains("sets the variable again"),
        "{report}"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let script = "-A -t 10.0.0.1:80 -q\n-A -t 10.0.0.1:99999\n-a -t 10.0.0.1:80 -r 10.0.0.300 -g\n\
                  -A -t 10.0.0.1:82 -s rr\n";
    let error = rules(script).unwrap_err();
    assert_eq!(
        (error.place().line, error.problem()),
        (1, "3 lines cannot be read")
    );
    let report = error.report().unwrap();
    let mistakes = report
        .directives()
        .iter()
        .filter(|directive| !directive.follows);
    assert_eq!(
        mistakes
            .map(|mistake| mistake.place.line)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(report.counts().directives, 4);
}

#[test]
fn the_default_route_is_the_gateway() {
    for (lines, gateway) in [
        (
            "ip addr add 10.0.3.5/24 dev eth1\nroute add default gw 10.0.3.254\n",
            Some("gateway = \"10.0.3.254\""),
        ),
        (
            "ip addr add 10.0.3.5/24 dev eth1\nip route add default via 10.0.3.254 dev eth1\n",
            Some("gateway = { address = \"10.0.3.254\", interface = \"eth1\" }"),
        ),
        ("route add default gw 10.0.3.254\n", None),
        (
            "ip addr add 10.0.3.5/24 dev eth1\nip addr del 10.0.3.5/24 dev eth1\nroute add default gw 10.0.3.254\n",
            None,
        ),
    ] {
        let import = rules(&format!("{lines}{TWO}")).unwrap();
        sound(&import, lines);
        assert!(
            gateway.is_none_or(|gateway| import.file.contains(gateway)),
            "{}",
            import.file
        );
        assert_eq!(
            import.file.contains("gateway"),
            gateway.is_some(),
            "{}",
            import.file
        );
        let left = import.report.to_string().contains("on its network");
        assert_eq!(left, gateway.is_none(), "{}", import.report);
    }
}

#[test]
fn the_text_of_another_command_is_no_rule() {
    let script = format!("cat > /etc/rules <<X\n-A -t 10.0.0.9:80 -s rr\nX\n{TWO}");
    assert_eq!(destinations(&script), [1]);
    let script =
        "ipvsadm -R <<'EOF'\n-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2 -g\nEOF\n";
    assert_eq!(destinations(script), [1]);
    let report = rules(script).unwrap().report.to_string();
    assert!(
        told(&report, "-R").contains("the rules that it reads are imported"),
        "{report}"
    );
}

#[test]
fn a_line_of_several_sysctls_is_carried_as_far_as_it_goes() {
    let script = format!(
        "sysctl -w net.ipv4.vs.conntrack=1 net.ipv4.vs.nosuch=1 net.ipv4.ip_forward=1\n{TWO}"
    );
    let import = rules(&script).unwrap();
    assert_eq!(
        sound(&import, "sysctls").directors()[0].ip_forward,
        Some(true)
    );
    assert!(import.file.contains("conntrack = 1"), "{}", import.file);
    let report = import.report.to_string();
    let line = told(&report, "nosuch");
    assert!(
        line.contains("assumed") && line.contains("without net.ipv4.vs.nosuch: "),
        "{line}"
    );
}

#[test]
fn what_is_no_directors_is_said() {
    use lvs_core::import::Format;
    let script = "#!/bin/sh\nifconfig lo:0 10.0.0.1 netmask 255.255.255.255\n\
                  echo 1 >/proc/sys/net/ipv4/conf/lo/arp_ignore\n";
    assert_eq!(Format::of(script), Some(Format::Rules));
    let other = "for h in lb1 lb2; do\n scp /etc/x $h:\ndone\nip addr add 10.0.0.1/32 dev lo\n";
    assert_eq!(Format::of(other), None);
    let error = rules(script).unwrap_err();
    assert!(
        error.problem().starts_with("a script of a real server"),
        "{error}"
    );
    let file = rules(TWO).unwrap().file;
    let error = crate::import::keepalived(&file).unwrap_err();
    assert!(
        error.problem().starts_with("this is a cluster file"),
        "{error}"
    );
}
