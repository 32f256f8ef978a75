//! Command lines as an operator types them.

use super::super::*;
use crate::ipvs::arbitrary::random_table;
use crate::ipvs::{Command, Configuration, Forwarding};
use crate::testing::Random;

/// Returns whether ipvsadm has words for everything that the command says.
fn can_be_typed(command: &Command) -> bool {
    let has_no_option = matches!(
        command,
        Command::AddDestination(_, destination)
            if matches!(destination.forwarding, Forwarding::Local | Forwarding::Bypass)
    );
    !has_no_option && command.check().is_ok()
}

#[test]
fn a_typed_command_line_is_read_as_the_command() {
    let mut random = Random::new(6);
    let mut typed = 0;
    for _ in 0..300 {
        let table = random_table(&mut random);
        for command in Configuration::default().commands_to(&table) {
            let line = command_line(&command);
            // No name has a blank: what a shell makes of a quoted word is the word without its quotes.
            let words = line
                .replace(r"'\''", "\u{0}")
                .replace('\'', "")
                .replace('\u{0}', "'");
            let read = Rules::parse(&words).map(|rules| rules.commands());
            if can_be_typed(&command) {
                assert_eq!(read, Ok(vec![command]), "{line}");
                typed += 1;
            }
        }
    }
    assert!(typed > 100, "only {typed} commands were compared");
}

#[test]
fn a_typed_command_line_has_the_words_of_an_operator() {
    let text = "\
-A -t 10.0.0.1:80 -s sh -p 60 -M 255.255.255.0 --pe sip -b sh-port
-E -f 7 -6 -s wlc
-D -u 10.0.0.1:53
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9
-e -t 10.0.0.1:80 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -i
-d -t 10.0.0.1:80 -r 10.1.0.1:8080
-Z -f 7
-Z
-C
--set 900 0 300
--start-daemon master --mcast-interface eth0 --syncid 7 --mcast-ttl 1
--stop-daemon backup
";
    let lines: Vec<_> = Rules::parse(text)
        .unwrap()
        .commands()
        .iter()
        .map(command_line)
        .collect();
    assert_eq!(
        lines,
        [
            "ipvsadm -A -t 10.0.0.1:80 -s sh -b sh-port -p 60 -M 255.255.255.0 --pe sip",
            "ipvsadm -E -f 7 -6 -s wlc",
            "ipvsadm -D -u 10.0.0.1:53",
            "ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9 -y 0",
            "ipvsadm -e -t 10.0.0.1:80 -r 10.1.0.2:80 -i --tun-type gue --tun-port 6080 \
             --tun-csum -w 1",
            "ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.3:80 -i -w 1",
            "ipvsadm -d -t 10.0.0.1:80 -r 10.1.0.1:8080",
            "ipvsadm -Z -f 7",
            "ipvsadm -Z",
            "ipvsadm -C",
            "ipvsadm --set 900 0 300",
            "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 7 --mcast-ttl 1",
            "ipvsadm --stop-daemon backup",
        ]
    );
}
