//! Sources of imports: whatever is imported is a cluster file and a complete report.

use super::lines;
use crate::cluster::Cluster;
use crate::import::{self, Import, ImportError, Options};

/// Checks that keepalived.conf becomes a cluster file, or is refused at one of its lines.
pub fn keepalived_conf(bytes: &[u8]) {
    // Files that include each other, and one that is there.
    let mut read = |path: &str| {
        let text = match path.contains("again") {
            true => "include again\n",
            false => "real_server 10.0.0.9 80 {\n}\n",
        };
        Ok(vec![(path.to_owned(), text.to_owned())])
    };
    check(bytes, |text, options| {
        import::keepalived("source", text, options, &mut read)
    });
}

/// Checks the same of ldirectord.cf.
pub fn ldirectord_cf(bytes: &[u8]) {
    let mut resolve = |host: &str| host.len().is_multiple_of(2).then(|| [10, 0, 0, 7].into());
    check(bytes, |text, options| {
        import::ldirectord("source", text, options, &mut resolve)
    });
}

/// Checks the same of rules of ipvsadm and of scripts.
pub fn ipvsadm_script(bytes: &[u8]) {
    let mut resolve = |host: &str| host.len().is_multiple_of(2).then(|| [10, 0, 0, 7].into());
    check(bytes, |text, options| {
        import::rules("source", text, options, &mut resolve)
    });
}

fn check(bytes: &[u8], import: impl FnOnce(&str, &Options) -> Result<Import, ImportError>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (Ok(name), Ok(node)) = ("web".parse(), "director".parse()) else {
        return;
    };
    match import(text, &Options::new(name, node)) {
        Ok(import) => {
            let counts = import.report.counts();
            assert_eq!(
                counts.carried + counts.assumed + counts.left,
                counts.directives
            );
            let cluster = Cluster::from_toml(&import.file);
            assert!(cluster.is_ok(), "{cluster:?}\n{}", import.file);
        }
        Err(error) => {
            let line = error.place().line;
            assert!((1..=lines(bytes)).contains(&line), "{error}");
            // What cannot be in a cluster file is left, so that the rest can be.
            assert!(
                !error.problem().starts_with("the cluster file would be"),
                "{error}"
            );
        }
    }
}
