//! Lines as a tree of directives: words, and perhaps a block.

use super::expand::Line;
use crate::import::ImportError;
use crate::import::limits::DEPTH;
use crate::import::report::Place;
use crate::import::tally::{DirectiveId, Tally};

/// A directive.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: DirectiveId,
    pub(super) place: Place,
    pub(super) words: Vec<String>,
    pub(super) block: Option<Vec<Self>>,
}

impl Node {
    /// Returns a word by its index; "" where there is none.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    pub(super) fn children(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Returns whether a block with this name shows that another one was not closed above.
    fn closes(&self, open: &Self) -> bool {
        match self.word(0) {
            "real_server" => open.word(0) == "real_server",
            "global_defs"
            | "virtual_server"
            | "virtual_server_group"
            | "vrrp_instance"
            | "vrrp_script"
            | "vrrp_sync_group" => true,
            _ => false,
        }
    }

    /// Leaves a directive and everything in its block.
    pub(super) fn leave(&self, tally: &mut Tally, reason: &str) {
        tally.left(self.id, reason);
        self.leave_children(tally, reason);
    }

    /// Leaves everything in its block, but what is left already for a reason of its own.
    pub(super) fn leave_children(&self, tally: &mut Tally, reason: &str) {
        for child in self.children() {
            tally.left_too(child.id, reason);
            child.leave_children(tally, reason);
        }
    }

    /// Says that everything in the block is carried only with one of these directives.
    pub(super) fn belongs(&self, owners: &[DirectiveId], tally: &mut Tally) {
        for child in self.children() {
            tally.belongs(child.id, owners);
            child.belongs(owners, tally);
        }
    }

    /// Leaves the directives in it that a later one of the same name replaces.
    pub(super) fn leave_overridden(&self, tally: &mut Tally) {
        for (index, child) in self.children().iter().enumerate() {
            let later = self.children().get(index + 1..).unwrap_or_default();
            let name = single(child.word(0));
            if name.is_some() && later.iter().any(|other| single(other.word(0)) == name) {
                tally.left(child.id, "another one follows, which replaces it");
            }
        }
    }

    /// Leaves the directives in it that are about health.
    pub(super) fn leave_health(&self, tally: &mut Tally, reason: &str) {
        tally.leave_health(self.id, reason);
        for child in self.children() {
            child.leave_health(tally, reason);
        }
    }
}

/// Returns the name of a directive of which the last one counts.
fn single(word: &str) -> Option<&str> {
    Some(match word {
        "lvs_sched" => "lb_algo",
        "lvs_method" => "lb_kind",
        "lb_algo"
        | "lb_kind"
        | "protocol"
        | "ip_family"
        | "persistence_timeout"
        | "persistence_granularity"
        | "persistence_engine"
        | "weight"
        | "uthreshold"
        | "lthreshold"
        | "quorum"
        | "sorry_server"
        | "sorry_server_lvs_method"
        | "virtualhost"
        | "connect_port"
        | "path"
        | "status_code"
        | "regex"
        | "name"
        | "type"
        | "payload"
        | "misc_path"
        | "user"
        | "inhibit_on_failure" => word,
        _ => return None,
    })
}

enum Token {
    Word(String),
    Open,
    Close,
}

pub(super) fn parse(lines: &[Line], tally: &mut Tally) -> Result<Vec<Node>, ImportError> {
    let mut parser = Parser {
        open: Vec::new(),
        siblings: Vec::new(),
        tally,
    };
    for line in lines {
        parser.line(line)?;
    }
    match parser.open.pop() {
        Some((node, _)) => {
            let problem = format!("{}: the block is never closed", node.word(0));
            Err(ImportError::new(&node.place, problem).with_hint("add a }"))
        }
        None => Ok(parser.siblings),
    }
}

struct Parser<'a> {
    /// The directives whose blocks are open, each with what stands before it.
    open: Vec<(Node, Vec<Node>)>,
    siblings: Vec<Node>,
    tally: &'a mut Tally,
}

impl Parser<'_> {
    fn line(&mut self, line: &Line) -> Result<(), ImportError> {
        let mut words = Vec::new();
        let mut fresh = false;
        for token in tokens(&line.text) {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open => {
                    fresh |= self.directive(line, &mut words);
                    self.open(line, fresh)?;
                    fresh = false;
                }
                Token::Close => {
                    self.directive(line, &mut words);
                    self.close(line)?;
                    fresh = false;
                }
            }
        }
        self.directive(line, &mut words);
        Ok(())
    }

    fn directive(&mut self, line: &Line, words: &mut Vec<String>) -> bool {
        if words.is_empty() {
            return false;
        }
        let words = std::mem::take(words);
        self.siblings.push(Node {
            id: self.tally.add(&line.place, &words.join(" ")),
            place: line.place.clone(),
            words,
            block: None,
        });
        true
    }

    /// A brace opens the block of the words before it, on its line or on the one above.
    fn open(&mut self, line: &Line, fresh: bool) -> Result<(), ImportError> {
        let owner = self.siblings.pop_if(|node| fresh || node.block.is_none());
        let Some(node) = owner else {
            return Err(ImportError::new(
                &line.place,
                "a { that belongs to no directive",
            ));
        };
        if let Some(outer) = self
            .open
            .iter()
            .map(|(open, _)| open)
            .find(|open| node.closes(open))
        {
            let (word, outer, line) = (node.word(0), outer.word(0), outer.place.line);
            let problem = format!("{word} cannot stand in the {outer} of line {line}");
            return Err(ImportError::new(&node.place, problem).with_hint("a } is missing above"));
        }
        if self.open.len() >= DEPTH {
            let problem = format!("blocks are nested more than {DEPTH} deep");
            return Err(ImportError::new(&line.place, problem));
        }
        self.open.push((node, std::mem::take(&mut self.siblings)));
        Ok(())
    }

    fn close(&mut self, line: &Line) -> Result<(), ImportError> {
        let Some((mut node, before)) = self.open.pop() else {
            return Err(
                ImportError::new(&line.place, "a } that closes no block").with_hint("remove it")
            );
        };
        node.block = Some(std::mem::replace(&mut self.siblings, before));
        self.siblings.push(node);
        Ok(())
    }
}

/// Returns words, quoted or not, and braces.
fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = None::<String>;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\'' => {
                let word = word.get_or_insert_default();
                quoted(&mut rest, c, word);
            }
            '\\' => word.get_or_insert_default().extend(rest.next()),
            // A definition that is not known stays as it is written, braces and all.
            '$' if rest.as_str().starts_with('{') && rest.as_str().contains('}') => {
                let word = word.get_or_insert_default();
                word.push('$');
                word.extend(rest.by_ref().take_while(|c| *c != '}'));
                word.push('}');
            }
            '{' | '}' => {
                tokens.extend(word.take().map(Token::Word));
                tokens.push(if c == '{' { Token::Open } else { Token::Close });
            }
            c if c.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            c => word.get_or_insert_default().push(c),
        }
    }
    tokens.extend(word.take().map(Token::Word));
    tokens
}

/// Up to the closing quote; what has none is an apostrophe, and the word goes on behind it.
fn quoted(rest: &mut std::str::Chars<'_>, quote: char, word: &mut String) {
    let mut inside = rest.clone();
    let mut text = String::new();
    while let Some(c) = inside.next() {
        match c {
            '\\' => text.extend(inside.next()),
            c if c == quote => {
                word.push_str(&text);
                *rest = inside;
                return;
            }
            c => text.push(c),
        }
    }
    word.push(quote);
}
