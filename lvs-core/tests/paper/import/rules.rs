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
    assert_eq!(address.id.to_string(), "10.0.0.1/24 on eth5");
    assert_eq!(
        import.report.counts().to_string(),
        "5 directives: 3 carried, 1 assumed, 1 left"
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
