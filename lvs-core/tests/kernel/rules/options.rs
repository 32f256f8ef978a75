//! Every option of ipvsadm(8): the same line makes the same table in ipvsadm and in lvs-core.

use lvs_core::Host;
use lvs_core::ipvs::Configuration;
use lvs_core::ipvs::ipvsadm::Rules;
use lvs_lab::run_tool;

use crate::rules::{in_fresh, ipvsadm_restore, load_modules, sorted};

/// The lines of `ipvsadm -R` that are tried for an option. `@` stands for an address that belongs to the
/// row, `%` for a number.
const CHANGES: &[(&str, &str)] = &[
    ("-A", "-A -t @:80"),
    ("--add-service", "--add-service -t @:80"),
    ("-E", "-A -t @:80 -s rr\n-E -t @:80 -s wrr"),
    (
        "--edit-service",
        "-A -t @:80 -s rr -p 7\n--edit-service -t @:80",
    ),
    ("-D", "-A -t @:80\n-A -t @:81\n-D -t @:80"),
    (
        "--delete-service",
        "-A -t @:80\n-A -t @:81\n--delete-service -t @:80",
    ),
    (
        "-a",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80\n-a -t @:80 -r 10.9.0.2:80",
    ),
    (
        "--add-server",
        "-A -t @:80\n--add-server -t @:80 -r 10.9.0.1:80",
    ),
    (
        "-e",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80 -m -w 5 -x 9 -y 3\n-e -t @:80 -r 10.9.0.1:80 -m",
    ),
    (
        "--edit-server",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80\n--edit-server -t @:80 -r 10.9.0.1 -w 0",
    ),
    (
        "-d",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80\n-a -t @:80 -r 10.9.0.2:80\n-d -t @:80 -r 10.9.0.1",
    ),
    (
        "--delete-server",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:8080 -m\n--delete-server -t @:80 -r 10.9.0.1:8080",
    ),
    ("-t", "-A -t @:80"),
    ("--tcp-service", "-A --tcp-service @:80"),
    ("-u", "-A -u @:80"),
    ("--udp-service", "-A --udp-service=@:80"),
    ("--sctp-service", "-A --sctp-service @:80"),
    (
        "-f",
        "-A -f %\n-a -f % -r 10.9.0.1:80\n-a -f % -r 10.9.0.2 -m",
    ),
    ("--fwmark-service", "-A --fwmark-service %"),
    (
        "-6",
        "-A -f % -6 -p 60 -M 64\n-a -f % -6 -r [2001:db8:9::1]:0 -m",
    ),
    ("--ipv6", "-A -f % --ipv6"),
    ("-s", "-A -t @:80 -s wrr"),
    ("--scheduler", "-A -t @:80 --scheduler=rr"),
    ("-p", "-A -t @:80 -p 77\n-A -t @ -p\n-A -u @:1 -p77"),
    (
        "--persistent",
        "-A -t @:80 --persistent 77\n-A -t @:0 --persistent",
    ),
    (
        "-M",
        "-A -t @:80 -p 7 -M 255.255.0.0\n-A -t @:81 -p -M 0.0.0.0\n-A -t @:82 -M 255.0.0.0",
    ),
    ("--netmask", "-A -t @:80 -p 7 --netmask=255.0.255.0"),
    ("--pe", "-A -u @:5060 -p 60 --pe sip"),
    (
        "-b",
        "-A -t @:80 -s sh -b sh-fallback,sh-port\n-A -t @:81 -s mh -b mh-port\n-A -t @:82 -b flag-1,flag-3",
    ),
    (
        "--sched-flags",
        "-A -t @:80 -s mh --sched-flags=mh-fallback",
    ),
    ("-o", "-A -u @:80 -o"),
    ("--ops", "-A -u @:80 --ops"),
    (
        "-r",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1\n-a -t @:80 -r 10.9.0.2:8080",
    ),
    (
        "--real-server",
        "-A -t @:80\n-a -t @:80 --real-server 10.9.0.1:80",
    ),
    ("-g", "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80 -g"),
    (
        "--gatewaying",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:8080 --gatewaying",
    ),
    (
        "-i",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80 -i\n-a -t @:80 -r [2001:db8:9::1]:80 -i",
    ),
    ("--ipip", "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80 --ipip"),
    (
        "-m",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:8080 -m\n-a -t @:80 -r 10.9.0.1 -m",
    ),
    (
        "--masquerading",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1:80 --masquerading",
    ),
    (
        "--tun-type",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -i --tun-type ipip\n-a -t @:80 -r 10.9.0.2 -i --tun-type gre",
    ),
    (
        "--tun-port",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -i --tun-type gue --tun-port 6080",
    ),
    (
        "--tun-nocsum",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -i --tun-type gre --tun-nocsum",
    ),
    (
        "--tun-csum",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -i --tun-type gre --tun-csum",
    ),
    (
        "--tun-remcsum",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -i --tun-type gue --tun-port 5 --tun-remcsum",
    ),
    (
        "-w",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -w 2147483647\n-a -t @:80 -r 10.9.0.2 -mw0",
    ),
    (
        "--weight",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 --weight=70000",
    ),
    ("-x", "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -x 65535"),
    (
        "--u-threshold",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 --u-threshold=5",
    ),
    ("-y", "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -x 5 -y 5"),
    (
        "--l-threshold",
        "-A -t @:80\n-a -t @:80 -r 10.9.0.1 -x 5 --l-threshold 2",
    ),
    ("-Z", "-Z"),
    ("--zero", "-A -t @:80\n--zero -t @:80"),
    ("--set", "--set 800 0 250"),
];

/// The options of the synchronisation daemon, which excludes real servers of another family.
const DAEMONS: &[(&str, &str)] = &[
    ("--start-daemon", "--start-daemon master"),
    ("--mcast-interface", "--mcast-interface lo"),
    ("--syncid", "--syncid 7"),
    ("--sync-maxlen", "--sync-maxlen 1400"),
    ("--mcast-group", "--mcast-group 224.0.0.99"),
    ("--mcast-port", "--mcast-port 9000"),
    ("--mcast-ttl", "--mcast-ttl 3"),
];

/// The options that have a test of their own below.
const ELSEWHERE: &[&str] = &[
    "-C",
    "--clear",
    "-R",
    "--restore",
    "-S",
    "--save",
    "-n",
    "--numeric",
    "--stop-daemon",
];

/// The options that select what is shown and how.
const SHOWING: &[&str] = &[
    "-L",
    "-l",
    "--list",
    "-h",
    "--help",
    "-c",
    "--connection",
    "--timeout",
    "--daemon",
    "--stats",
    "--rate",
    "--exact",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--nosort",
    "--sort",
];

/// Returns the lines of a row with its address and number.
fn lines(row: usize, text: &str) -> String {
    let address = format!("10.8.{}.1", row + 1);
    text.replace('@', &address)
        .replace('%', &(row + 1).to_string())
        + "\n"
}

/// The help of ipvsadm lists no other option.
pub(crate) fn no_option_is_missing() {
    let help = run_tool("ipvsadm", &["--help"]).unwrap();
    let tables = CHANGES.iter().chain(DAEMONS).map(|(option, _)| *option);
    let known: Vec<_> = tables
        .chain(ELSEWHERE.iter().copied())
        .chain(SHOWING.iter().copied())
        .collect();
    let words = help.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let options: Vec<_> = words.filter(|word| is_option(word)).collect();
    assert!(options.len() > 50, "{help}");
    for option in options {
        assert!(known.contains(&option), "{option} is not tried");
    }
}

fn is_option(word: &str) -> bool {
    let letters = word.trim_start_matches('-');
    let dashes = word.len() - letters.len();
    (dashes == 2 && letters.len() > 1) || (dashes == 1 && letters.len() == 1)
}

pub(crate) fn every_option_means_the_same() {
    load_modules();
    let rows = CHANGES.iter().enumerate();
    let text: String = rows.map(|(row, (_, text))| lines(row, text)).collect();
    let (theirs, ours) = both(&text);
    assert!(theirs.services.len() >= CHANGES.len() - 3, "{theirs:#?}");
    for (row, (option, text)) in CHANGES.iter().enumerate() {
        let address = format!(" 10.8.{}.1:", row + 1);
        let mark = format!("fwmark {} ", row + 1);
        let of_row = |table: &Configuration| -> Vec<_> {
            let entries = table.services.iter().cloned();
            entries
                .filter(|entry| {
                    let id = entry.service.id.to_string();
                    id.contains(&address) || id.starts_with(&mark)
                })
                .collect()
        };
        assert_eq!(of_row(&ours), of_row(&theirs), "{option}\n{text}");
    }
    assert_eq!(ours, theirs);
}

pub(crate) fn every_option_of_daemons_means_the_same() {
    let words: Vec<_> = DAEMONS.iter().map(|(_, words)| *words).collect();
    let (theirs, ours) = both(&(words.join(" ") + "\n"));
    assert_eq!(theirs.daemons.iter().flatten().count(), 1);
    assert_eq!(ours, theirs);
}

pub(crate) fn clearing_means_the_same() {
    for clear in ["-C", "--clear"] {
        let (theirs, ours) = both(&format!("-A -f 1\n-A -t 10.0.0.1:80\n{clear}\n-A -f 2\n"));
        assert_eq!(theirs.services.len(), 1);
        assert_eq!(ours, theirs);
    }
}

pub(crate) fn stopping_a_daemon_means_the_same() {
    let start = Rules::parse("--start-daemon backup --mcast-interface lo").unwrap();
    let [theirs, ours] = [true, false].map(|theirs| {
        in_fresh(|host| {
            host.ipvs().unwrap().restore(&start).unwrap();
            if theirs {
                run_tool("ipvsadm", &["--stop-daemon", "backup"]).unwrap();
            } else {
                let stop = Rules::parse("--stop-daemon backup").unwrap();
                host.ipvs().unwrap().restore(&stop).unwrap();
            }
            host.ipvs().unwrap().configuration().unwrap()
        })
    });
    assert_eq!(theirs.daemons, Some(Vec::new()));
    assert_eq!(ours, theirs);
}

/// Returns the tables that ipvsadm and lvs-core make of a text, after ipvsadm has shown the same for both.
fn both(text: &str) -> (Configuration, Configuration) {
    let (theirs, shown) = in_fresh(|host| {
        ipvsadm_restore(text);
        (read(host), show())
    });
    let (ours, ours_shown) = in_fresh(|host| {
        let rules = Rules::parse(text).unwrap();
        host.ipvs().unwrap().restore(&rules).unwrap();
        (read(host), show())
    });
    assert_eq!(ours_shown, shown);
    (theirs, ours)
}

fn read(host: &mut Host) -> Configuration {
    sorted(host.ipvs().unwrap().configuration().unwrap())
}

/// Returns everything that ipvsadm shows of a table.
fn show() -> String {
    let views: [&[&str]; 5] = [
        &["-Sn"],
        &["-Ln", "--thresholds"],
        &["-Ln", "--tun-info"],
        &["-L", "--timeout"],
        &["-L", "--daemon"],
    ];
    views
        .iter()
        .map(|view| run_tool("ipvsadm", view).unwrap())
        .collect()
}
