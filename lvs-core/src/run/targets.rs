//! Files of targets that are read again and again: one that is absent, wrong or empty keeps no other back.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::cluster::{Cluster, DocumentError, DocumentErrors};

/// The texts of files of targets, or why one cannot be read, by path.
type Texts = BTreeMap<String, Result<String, String>>;

/// Reads a cluster file again and again, and remembers the targets of each file that it names (`file-sd`).
///
/// ```
/// use lvs_core::run::TargetFiles;
/// let text = r#"
///     name = "web"
///     forwarding = "nat"
///     defaults = { interface = "eth0" }
///     [director]
///     addresses = [
///       { interface = "eth0", address = "172.16.5.11/16" },
///       { interface = "eth1", address = "192.168.1.11/24" },
///     ]
///     [[services]]
///     address = "172.16.5.11:80"
///     destinations = [{ file-sd = "/run/web.json" }]
/// "#;
/// let mut files = TargetFiles::default();
/// let json = r#"[{"targets": ["192.168.1.12:80"]}]"#;
/// let (before, _) = files.read(text, &|_| Ok(json.to_owned()))?;
/// let (after, refused) = files.read(text, &|_| Ok("[]".to_owned()))?;
/// assert_eq!(before, after);
/// assert!(refused[0].to_string().contains("/run/web.json: has no targets"));
/// # Ok::<(), lvs_core::cluster::DocumentErrors>(())
/// ```
#[derive(Debug, Default)]
pub struct TargetFiles {
    /// As they were when the cluster was read last.
    kept: Texts,
}

impl TargetFiles {
    /// Parses a cluster file as [`Cluster::from_toml_with`] does. A file of targets with which that fails has the text
    /// that it had before, and the mistakes are returned beside the cluster.
    ///
    /// # Errors
    /// The file has mistakes whatever its files of targets say, or one that it did not name before cannot be used.
    pub fn read(
        &mut self,
        text: &str,
        read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(Cluster, Vec<DocumentError>), DocumentErrors> {
        let found = RefCell::new(Texts::new());
        let once = |path: &str| {
            let mut found = found.borrow_mut();
            let entry = found.entry(path.to_owned());
            entry.or_insert_with(|| read(path)).clone()
        };
        let whole = Cluster::from_toml_with(text, &once);
        let found = found.into_inner();
        match whole {
            Ok(cluster) => {
                self.kept = found;
                Ok((cluster, Vec::new()))
            }
            Err(mistakes) => self.one_by_one(text, found).ok_or(mistakes),
        }
    }

    /// Takes the new texts that can be used, each beside the others as they are by then; nothing if it is not they that
    /// are wrong.
    fn one_by_one(
        &mut self,
        text: &str,
        mut found: Texts,
    ) -> Option<(Cluster, Vec<DocumentError>)> {
        let mut changed = Texts::new();
        for (path, new) in &mut found {
            if let Some(kept) = self.kept.get(path).filter(|kept| *kept != new) {
                changed.insert(path.clone(), std::mem::replace(new, kept.clone()));
            }
        }
        let mut cluster = parsed(text, &found).ok().filter(|_| !changed.is_empty())?;
        let mut refused = Vec::new();
        for (path, new) in changed {
            let kept = found.insert(path.clone(), new);
            match parsed(text, &found) {
                Ok(taken) => cluster = taken,
                Err(mistakes) => {
                    refused.extend(mistakes);
                    found.extend(kept.map(|kept| (path, kept)));
                }
            }
        }
        self.kept = found;
        Some((cluster, refused))
    }
}

fn parsed(text: &str, files: &Texts) -> Result<Cluster, DocumentErrors> {
    Cluster::from_toml_with(text, &|path| {
        let unread = || Err(format!("{path}: was not read"));
        files.get(path).cloned().unwrap_or_else(unread)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        name = "web"
        forwarding = "nat"
        defaults = { interface = "eth1" }
        [director]
        addresses = [
          { interface = "eth0", address = "172.16.5.11/16" },
          { interface = "eth1", address = "192.168.1.11/24" },
        ]
        [[services]]
        address = "172.16.5.11:80"
        destinations = [{ file-sd = "/a" }]
        [[services]]
        address = "172.16.5.11:81"
        destinations = [{ file-sd = "/b" }]
    "#;

    fn targets(last: &[u8]) -> String {
        let targets = last.iter().map(|last| format!("\"192.168.1.{last}:80\""));
        let targets: Vec<String> = targets.collect();
        format!("[{{\"targets\": [{}]}}]", targets.join(", "))
    }

    /// The number of destinations of each service, and of refused files.
    fn counts(files: &mut TargetFiles, a: &str, b: &str) -> Option<([usize; 2], usize)> {
        let text = |path: &str| match path {
            "/a" => a.to_owned(),
            _ => b.to_owned(),
        };
        let read = |path: &str| match text(path).is_empty() {
            true => Err(format!("{path}: is absent")),
            false => Ok(text(path)),
        };
        let (cluster, refused) = files.read(FILE, &read).ok()?;
        let count = |place: usize| cluster.services()[place].destinations.len();
        Some(([count(0), count(1)], refused.len()))
    }

    #[test]
    fn a_file_that_is_wrong_for_a_time_keeps_no_other_back() {
        let mut files = TargetFiles::default();
        let (one, two, three) = (targets(&[2]), targets(&[2, 3]), targets(&[2, 3, 4]));
        assert_eq!(counts(&mut files, &one, ""), None);
        assert_eq!(counts(&mut files, &one, &two), Some(([1, 2], 0)));
        for wrong in ["", "[{", "[]"] {
            assert_eq!(counts(&mut files, wrong, &three), Some(([1, 3], 1)));
        }
        assert_eq!(counts(&mut files, "", "[]"), Some(([1, 3], 2)));
        assert_eq!(counts(&mut files, &two, "[]"), Some(([2, 3], 1)));
        assert_eq!(counts(&mut files, &three, &one), Some(([3, 1], 0)));
    }

    #[test]
    fn a_mistake_of_the_cluster_file_is_told_as_before() {
        let mut files = TargetFiles::default();
        let read = |_: &str| Ok(targets(&[2]));
        files.read(FILE, &read).unwrap();
        let mistaken = FILE.replace("nat", "nta");
        let mistakes = files.read(&mistaken, &|_| Ok("[]".to_owned())).unwrap_err();
        assert!(mistakes.to_string().contains("nta"), "{mistakes}");
    }
}
