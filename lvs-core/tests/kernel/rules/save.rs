//! Random tables, written and read back.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use lvs_core::Host;
use lvs_core::ipvs::Configuration;
use lvs_core::ipvs::ipvsadm::{Rules, save, save_compatible};
use lvs_lab::run_tool;

use crate::rules::{in_fresh, ipvsadm_restore, load_modules, sorted};

/// Xorshift with a fixed seed: a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as u32 % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u32) as usize]
    }

    /// Returns the address of any host.
    fn ipv4(&mut self) -> Ipv4Addr {
        let first = [1, 9, 100, 126, 128, 200, 223][self.below(7) as usize];
        Ipv4Addr::from_bits(first << 24 | self.below(1 << 24))
    }

    fn ipv6(&mut self) -> Ipv6Addr {
        let mut words = [0x2001, 0, 0, 0, 0, 0, 0, 1];
        for word in words.iter_mut().skip(1) {
            *word = [0, 1, 0x7fff, 0x8000, 0xffff][self.below(5) as usize];
        }
        words.into()
    }
}

/// Returns a text with every kind of service and destination; `plain` limits it to options of ipvsadm.
fn random_text(random: &mut Random, plain: bool) -> String {
    let mut text = String::new();
    for number in 1..=random.below(30) {
        let (id, six) = match random.below(5) {
            0 => (format!("-f {}", random.below(u32::MAX >> 1) * 2 + 1), false),
            1 => (format!("-f {number} -6"), true),
            2 => (format!("--sctp-service [{}]:{number}", random.ipv6()), true),
            3 => (format!("-u {}:{number}", random.ipv4()), false),
            _ => (format!("-t {}:{}", random.ipv4(), 60000 - number), false),
        };
        let scheduler = random.one(&[
            "rr",
            "wrr",
            "wlc",
            "sh -b sh-port",
            "mh -b mh-fallback,mh-port",
            "rr -b flag-1,flag-3",
        ]);
        let mask = if six { "-M 65" } else { "-M 255.255.254.0" };
        let persistence = random
            .one(&["", "-p 60", &format!("-p 99 {mask}"), "-p 7 --pe sip"])
            .to_owned();
        let ops = if id.starts_with("-u") {
            random.one(&["", "-o"])
        } else {
            ""
        };
        writeln!(text, "-A {id} -s {scheduler} {persistence} {ops}").unwrap();
        let mut servers = Vec::new();
        for _ in 0..random.below(6) {
            let other = random.below(4) == 0;
            let address = match six != other {
                true => format!("[{}]", random.ipv6()),
                false => random.ipv4().to_string(),
            };
            if servers.contains(&address) {
                continue;
            }
            writeln!(
                text,
                "-a {id} -r {address} {} {}",
                method(random, plain, other),
                weight(random, plain)
            )
            .unwrap();
            servers.push(address);
        }
    }
    text
}

fn method(random: &mut Random, plain: bool, tunnel: bool) -> &'static str {
    if tunnel || random.below(3) == 0 {
        return random.one(&[
            "-i",
            "-i --tun-type gue --tun-port 6080",
            "-i --tun-type gue --tun-port 9 --tun-remcsum",
            "-i --tun-type gre --tun-csum",
        ]);
    }
    let odd = ["--method local", "--method bypass", "--method 6"];
    match plain || random.below(2) == 0 {
        true => random.one(&["-m", "-g"]),
        false => random.one(&odd),
    }
}

fn weight(random: &mut Random, plain: bool) -> &'static str {
    match plain {
        true => random.one(&["", "-w 0", "-w 2147483647"]),
        false => random.one(&["", "-w 0 -x 5", "-w 2147483647 -x 70000 -y 3"]),
    }
}

fn make(host: &mut Host, text: &str) -> Configuration {
    let rules = Rules::parse(text).unwrap();
    let ipvs = host.ipvs().unwrap();
    ipvs.restore(&rules)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    ipvs.configuration().unwrap()
}

pub(crate) fn compatible_text_is_byte_equal() {
    load_modules();
    let mut random = Random(7);
    let mut lines = 0;
    for _ in 0..20 {
        let text = random_text(&mut random, false);
        let (table, theirs) = in_fresh(|host| both(host, &text));
        assert_eq!(save_compatible(&table), theirs);
        lines += theirs.lines().count();
    }
    assert!(lines > 300, "only {lines}");
}

/// Returns the table and the output of ipvsadm, read while the kernel kept its order: new kernels
/// rearrange their table in the background, and ipvsadm's order depends on it.
fn both(host: &mut Host, text: &str) -> (Configuration, String) {
    let mut table = make(host, text);
    loop {
        let theirs = run_tool("ipvsadm", &["-Sn"]).unwrap();
        let after = host.ipvs().unwrap().configuration().unwrap();
        if after == table {
            return (table, theirs);
        }
        table = after;
    }
}

pub(crate) fn saved_and_restored_is_the_same() {
    load_modules();
    let mut random = Random(8);
    for _ in 0..40 {
        let text = random_text(&mut random, false) + "--set 1000 0 77\n";
        let table = sorted(in_fresh(|host| make(host, &text)));
        let again = in_fresh(|host| make(host, &save(&table)));
        assert_eq!(sorted(again), table);
    }
}

pub(crate) fn ipvsadm_reads_what_we_save() {
    load_modules();
    let mut random = Random(9);
    for _ in 0..10 {
        let text = random_text(&mut random, true) + "--set 1000 50 77\n";
        let table = sorted(in_fresh(|host| make(host, &text)));
        let again = in_fresh(|host| {
            ipvsadm_restore(&save(&table));
            host.ipvs().unwrap().configuration().unwrap()
        });
        assert_eq!(sorted(again), table);
    }
}
