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
            "for a in 1; do\nfor b in 2; do\n",
            2,
            "import what ipvsadm -Sn prints",
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
                  ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.3 -g\n";
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
