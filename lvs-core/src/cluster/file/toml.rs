//! The cluster file as TOML text: every mistake with its line and column.

use std::collections::HashMap;
use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, Deserializer, Error};
use serde::Deserialize;

use super::Document;
use super::discovery::Read;
use super::layout::{Lines, Place, place_at, places};
use super::removed::Removed;
use super::syntax;
use super::wording::explain;
use crate::cluster::model::{Cluster, DocumentError, DocumentErrorKind, DocumentErrors, Mistakes};

impl Cluster {
    /// Parses a cluster file in TOML and validates the cluster.
    ///
    /// ```
    /// use lvs_core::Cluster;
    /// let text = "name = \"Web\"\nforwardin = \"nat\"\n[director]\naddresses = 1\n";
    /// let mistakes = Cluster::from_toml(text).unwrap_err();
    /// let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.position().unwrap().line).collect();
    /// assert_eq!(lines, [1, 1, 2, 4]);
    /// let unknown = mistakes.iter().nth(2).unwrap().to_string();
    /// assert_eq!(unknown, "forwardin: unknown key `forwardin`; did you mean `forwarding`?");
    /// ```
    ///
    /// # Errors
    /// The text is not TOML or not a cluster file, or the cluster is not valid. All mistakes are returned, in the order
    /// of the text, each with line and column, the problem, and in most cases a hint what to write instead; but none
    /// that only follows from another. Of a text that is not TOML only the first is.
    pub fn from_toml(text: &str) -> Result<Self, DocumentErrors> {
        Self::from_toml_with(text, &|path| {
            Err(format!("{path}: files of targets are not read here"))
        })
    }

    /// Parses a cluster file as [`from_toml`](Self::from_toml) does, and reads the files of targets (`file-sd`) that it
    /// names: `read` returns the text of the one at a path, or why it cannot be read.
    ///
    /// ```
    /// use lvs_core::Cluster;
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
    /// let json = r#"[{"targets": ["192.168.1.12:80", "192.168.1.13:8080"]}]"#;
    /// let cluster = Cluster::from_toml_with(text, &|_| Ok(json.to_owned()))?;
    /// assert_eq!(cluster.real_servers()[1].name.as_str(), "192.168.1.13");
    /// # Ok::<(), lvs_core::cluster::DocumentErrors>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`from_toml`](Self::from_toml); and a file of targets cannot be read, is not in Prometheus' format, or has
    /// no targets.
    pub fn from_toml_with(
        text: &str,
        read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, DocumentErrors> {
        let document = Document::deserialize(Deserializer::from(parse(text)?)).ok();
        let cluster = document.map(|mut document| {
            let mut mistakes = Mistakes::default();
            document.discover(read, &mut mistakes);
            let cluster = document.into_cluster(&Removed::default(), &mut mistakes);
            mistakes.finish(cluster)
        });
        match cluster {
            Some(Ok(cluster)) => Ok(cluster),
            _ => Survey::new(text)?.finish(read),
        }
    }
}

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, DocumentError> {
    let refused = |problem: String| DocumentError::new(DocumentErrorKind::Syntax, "", problem);
    let (length, most) = (text.len(), Document::MAX_LENGTH);
    if length > most {
        let problem = format!("the file has {length} bytes, but at most {most} are read");
        return Err(refused(problem));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().unwrap_or_default().start;
        syntax::refused(text, &error).at(Lines::of(text).position(offset))
    })?;
    match table.get_ref().is_empty() {
        false => Ok(table),
        true => Err(refused("the file is empty".to_owned()).with_hint(
            "a cluster has at least a name, a forwarding method, [director], [[services]] and \
             [[real-servers]]",
        )),
    }
}

/// Reads a text that has mistakes: what cannot be read is removed, until the rest can be.
struct Survey<'a> {
    table: Spanned<DeTable<'a>>,
    lines: Lines<'a>,
    /// The paths as they are written; in the table an element moves up when one before it is removed.
    written: HashMap<(Option<Range<usize>>, Range<usize>), String>,
    found: Vec<DocumentError>,
    removed: Removed,
    /// The largest number of values that are removed.
    most: usize,
}

impl<'a> Survey<'a> {
    /// About so many bytes are read again and again.
    const WORK: usize = 1 << 28;

    fn new(text: &'a str) -> Result<Self, DocumentErrors> {
        let table = parse(text)?;
        Ok(Self {
            written: places(table.get_ref())
                .into_iter()
                .map(|place| (place.id(), place.path))
                .collect(),
            table,
            lines: Lines::of(text),
            found: Vec::new(),
            removed: Removed::default(),
            most: (Self::WORK / text.len().max(1)).clamp(10, 1000),
        })
    }

    fn finish(mut self, read: Read<'_>) -> Result<Cluster, DocumentErrors> {
        let mut mistakes = Mistakes::default();
        self.remove_lists();
        let document = self.document();
        let cluster = document.map(|mut document| {
            document.discover(read, &mut mistakes);
            document.into_cluster(&self.removed, &mut mistakes)
        });
        let places: HashMap<String, Place> = places(self.table.get_ref())
            .into_iter()
            .map(|place| (place.path.clone(), place))
            .collect();
        let others: Vec<_> = mistakes
            .take()
            .into_iter()
            .filter(|mistake| !self.removed.explains(mistake))
            .map(|mistake| self.located(mistake, &places))
            .collect();
        self.found.extend(others);
        if cluster.is_none() && self.found.is_empty() {
            self.found.push(unreadable());
        }
        self.found.sort_by_key(DocumentError::position);
        mistakes.extend(self.found);
        mistakes
            .finish(cluster)
            .and_then(|cluster| cluster.ok_or_else(|| unreadable().into()))
    }

    /// Removes lists in place of tables: serde would read their entries as the values of keys.
    fn remove_lists(&mut self) {
        const TABLES: [&str; 7] = [
            "tunnel", "defaults", "director", "time", "sync", "ipvs", "health",
        ];
        for key in TABLES {
            let value = self.table.get_ref().get(key);
            let Some(list) = value.filter(|value| value.get_ref().is_array()) else {
                continue;
            };
            let position = self.lines.position(list.span().start);
            let mistake = explain(key, "invalid type: sequence, expected a map").mistake;
            self.found.push(mistake.at(position));
            self.removed.push(String::new(), key.to_owned());
            self.table.get_mut().remove(key);
        }
    }

    /// Returns what can be read; nothing if there are too many mistakes.
    fn document(&mut self) -> Option<Document> {
        for _ in 0..self.most {
            match Document::deserialize(Deserializer::from(self.table.clone())) {
                Ok(document) => return Some(document),
                Err(error) => self.remove(&error)?,
            }
        }
        None
    }

    /// Removes what an error is about.
    fn remove(&mut self, error: &Error) -> Option<()> {
        let span = error.span().unwrap_or_default();
        let place = place_at(self.table.get_ref(), &span)?;
        let message = match place.is_date {
            true => "a date or a time has no meaning here",
            false => error.message(),
        };
        let explained = explain(self.path(&place), message);
        let position = self.lines.position(span.start);
        let removed = match explained.mistake.kind() {
            DocumentErrorKind::UnknownKey => explained.key.clone(),
            _ => Some(place.key.clone()),
        };
        let follows = explained.mistake.kind() == DocumentErrorKind::Missing
            && explained
                .key
                .is_some_and(|key| self.removed.has_at(&place.path, &key));
        let is_unknown = explained.mistake.kind() == DocumentErrorKind::UnknownKey;
        if !follows {
            self.found.push(explained.mistake.at(position));
        }
        // What it holds is read as that of the key which was meant.
        if let Some(meant) = removed.as_deref().filter(|_| is_unknown)
            && place.rename_in(self.table.get_mut(), meant)
        {
            return Some(());
        }
        if let Some(key) = removed {
            self.removed.push(place.table.clone(), key);
        }
        place.remove_from(self.table.get_mut());
        Some(())
    }

    fn path<'b>(&'b self, place: &'b Place) -> &'b str {
        self.written.get(&place.id()).unwrap_or(&place.path)
    }

    /// Adds the position of a mistake's path, and of a path that is not written that of its nearest ancestor, or the
    /// start of the text.
    fn located(&self, mistake: DocumentError, places: &HashMap<String, Place>) -> DocumentError {
        let path = mistake.path().to_owned();
        let mut candidate = Some(path.as_str());
        while let Some(ancestor) = candidate {
            if let Some(place) = places.get(ancestor) {
                let below = path.get(ancestor.len()..).unwrap_or_default();
                return mistake
                    .moved_to(format!("{}{below}", self.path(place)))
                    .at(self.lines.position(place.value.start));
            }
            candidate = ancestor
                .rfind(['.', '['])
                .and_then(|end| ancestor.get(..end));
        }
        mistake.at(self.lines.position(0))
    }
}

fn unreadable() -> DocumentError {
    DocumentError::new(DocumentErrorKind::Syntax, "", "the file cannot be read")
}
