//! Which commands of a script run: branches, chains of `&&` and `||`, loops, and arms of `case`.
//!
//! A cluster file says what is. What depends on a condition that only the running script knows is not carried:
//! it is left, with the reason. Known are the call with `start` (or `stop`), and that the script's commands succeed.

use super::case::Case;
use crate::import::shell::{For, Next};

/// Why a command is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Condition,
    Fails,
    Other,
    Stop,
    NotStart,
    Loop,
    /// The script has ended.
    Exit,
    /// The function has ended.
    Return,
    /// The subshell has ended.
    Subshell,
    /// The values of the script say that its condition does not hold.
    Never,
    /// The loop goes on with its next round, or ends.
    Continued,
    Broken,
    /// It may.
    MayContinue,
    MayBreak,
}

impl Reason {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "a condition of the script decides whether it runs",
            Self::Fails => "it runs only where the command before it fails",
            Self::Other => {
                "it runs only where the condition above does not hold, and that branch is imported"
            }
            Self::Stop => "only where the script is called with stop",
            Self::NotStart => "only where the script is not called with start",
            Self::Loop => "a loop that is not followed decides how often it runs, and with what",
            Self::Exit => "it never runs: the script exits above",
            Self::Subshell => "it never runs: what is in brackets exits above",
            Self::Never => {
                "it runs only where the condition above holds, and with the values of the script it does not"
            }
            Self::Continued => "it never runs: the loop goes on with its next round above",
            Self::Broken => "it never runs: the loop ends above",
            Self::MayContinue | Self::MayBreak => {
                "a condition of the script decides whether the loop gets here"
            }
            Self::Return => "it never runs: the function returns above",
        }
    }

    /// Returns whether the command may run all the same.
    pub(super) const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Condition | Self::Loop | Self::MayContinue | Self::MayBreak
        )
    }
}

/// How a command ends, as far as the script tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Status {
    Succeeds,
    Fails(Reason),
    #[default]
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With what is known of the branches so far: that none of them runs, that one does, or nothing.
    If(Status),
    /// With whether a label comes next.
    Case(bool),
    Loop,
    Brace,
}

#[derive(Debug)]
struct Block {
    kind: Kind,
    /// Why all of it is left.
    whole: Option<Reason>,
    /// Why the part that is read now is left.
    part: Option<Reason>,
    /// The value of which a case has the arms, if it is known.
    case: Option<Case>,
}

/// Where in the script the next command is.
#[derive(Debug, Default)]
pub(super) struct Flow {
    blocks: Vec<Block>,
    /// What parts the command before from the next one, and how it ends.
    next: Next,
    status: Status,
    /// Whether `!` is before the command.
    is_negated: bool,
    /// Why nothing that follows runs.
    ended: Option<Reason>,
    /// How many steps comparisons with patterns have taken.
    steps: usize,
}

impl Flow {
    /// Returns a command without the words of the shell before it, and why it is left.
    pub(super) fn enter<'t>(
        &mut self,
        text: &'t str,
        next: Next,
        mut case: Option<Case>,
    ) -> (Option<Reason>, &'t str) {
        let mut chain = self.chain(next);
        let (mut rest, mut negated) = (text.trim(), false);
        loop {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match word {
                "if" => self.open(Kind::If(Status::Fails(Reason::Other)), chain.take(), None),
                "then" => self.branch(),
                "elif" | "else" => self.other_branch(),
                "while" | "until" | "select" => {
                    self.open(Kind::Loop, chain.take(), Some(Reason::Loop))
                }
                "for" if For::of(rest).is_none() || self.left().is_some() => {
                    self.open(Kind::Loop, chain.take(), Some(Reason::Loop));
                }
                "case" => {
                    self.open(Kind::Case(true), chain.take(), None);
                    if let Some(block) = self.blocks.last_mut() {
                        block.case = case.take();
                    }
                }
                "{" => self.open(Kind::Brace, chain.take(), None),
                "!" => negated = !negated,
                "do" => {}
                "fi" => self.close(|kind| matches!(kind, Kind::If(_))),
                "done" => self.close(|kind| kind == Kind::Loop),
                "esac" => self.close(|kind| matches!(kind, Kind::Case(_))),
                "}" => self.close(|kind| kind == Kind::Brace),
                _ => match self.label(rest) {
                    Some(after) => {
                        rest = after.trim_start();
                        continue;
                    }
                    None => break,
                },
            }
            rest = match word {
                "case" => rest.split_once(" in ").map_or("", |(_, after)| after),
                "for" | "fi" | "done" | "esac" | "}" => "",
                _ => after,
            };
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
        }
        let left = self.left().or(chain);
        let (rest, ends) = without_end(rest);
        self.is_negated = negated;
        if left.is_none() && !rest.is_empty() {
            self.status = Status::of(rest).negated(negated);
        }
        if ends {
            self.end_arm();
        }
        (left, rest)
    }

    /// Leaves what is inside of a loop whose words are not known.
    pub(super) fn open_loop(&mut self) -> Reason {
        self.open(Kind::Loop, None, Some(Reason::Loop));
        Reason::Loop
    }

    /// Returns whether the next command runs, where no chain decides it.
    pub(super) fn runs(&self) -> bool {
        self.next == Next::Always && self.left().is_none()
    }

    /// Leaves what follows: the script or the function ends here.
    pub(super) fn end(&mut self, reason: Reason) {
        self.ended = Some(reason);
    }

    /// Goes on behind the call of a function that has returned.
    pub(super) fn go_on(&mut self, behind: Reason) {
        self.ended = self.ended.filter(|reason| *reason != behind);
    }

    /// Takes what a test gives with the values of the script.
    pub(super) fn tested(&mut self, holds: bool) {
        let status = match holds {
            true => Status::Succeeds,
            false => Status::Fails(Reason::Never),
        };
        self.status = status.negated(self.is_negated);
    }

    /// Returns whether a loop that is not followed is open.
    pub(super) fn is_in_loop(&self) -> bool {
        self.blocks.iter().any(|block| block.kind == Kind::Loop)
    }

    /// Leaves what follows in a loop, where a command may end the round or the loop.
    pub(super) fn may_end(&mut self, command: &str) {
        self.ended = match (command, self.ended) {
            _ if self.is_in_loop() => self.ended,
            ("continue", None) => Some(Reason::MayContinue),
            ("break", None | Some(Reason::MayContinue)) => Some(Reason::MayBreak),
            (_, ended) => ended,
        };
    }

    pub(super) fn has_ended_by(&self, reason: Reason) -> bool {
        self.ended == Some(reason)
    }

    /// Goes past the braces of a function that is left.
    pub(super) fn open_function(&mut self) {
        self.open(Kind::Brace, None, None);
    }

    fn open(&mut self, kind: Kind, whole: Option<Reason>, part: Option<Reason>) {
        self.blocks.push(Block {
            kind,
            whole,
            part,
            case: None,
        });
    }

    fn close(&mut self, is: impl Fn(Kind) -> bool) {
        if let Some(place) = self.blocks.iter().rposition(|block| is(block.kind)) {
            self.blocks.truncate(place);
        }
        self.status = Status::Unknown;
    }

    fn left(&self) -> Option<Reason> {
        let mut blocks = self.blocks.iter();
        let of_block = blocks.find_map(|block| block.whole.or(block.part));
        of_block.or(self.ended)
    }

    /// Returns why a command is left behind the one before it.
    fn chain(&mut self, next: Next) -> Option<Reason> {
        match (std::mem::replace(&mut self.next, next), self.status) {
            (Next::Always, _)
            | (Next::IfSucceeds, Status::Succeeds)
            | (Next::IfFails, Status::Fails(_)) => None,
            (Next::IfSucceeds, Status::Fails(why)) => Some(why),
            (Next::IfFails, Status::Succeeds) => Some(Reason::Fails),
            (_, Status::Unknown) => Some(Reason::Condition),
        }
    }

    /// `then`: the condition is read.
    fn branch(&mut self) {
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        if let Kind::If(Status::Fails(_)) = block.kind {
            block.kind = Kind::If(self.status);
            block.part = match self.status {
                Status::Succeeds => None,
                Status::Fails(why) => Some(why),
                Status::Unknown => Some(Reason::Condition),
            };
        }
    }

    /// `elif` and `else`
    fn other_branch(&mut self) {
        if let Some(block) = self.blocks.last_mut()
            && let Kind::If(before) = block.kind
        {
            block.part = match before {
                Status::Succeeds => Some(Reason::Other),
                Status::Fails(_) => None,
                Status::Unknown => Some(Reason::Condition),
            };
        }
    }

    /// Returns what follows the label of an arm, where one is expected.
    fn label<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let block = self.blocks.last_mut()?;
        let Kind::Case(expected @ true) = &mut block.kind else {
            return None;
        };
        if text == "in" {
            return Some("");
        }
        let (label, after) = text.split_once(')')?;
        *expected = false;
        if let Some(case) = &mut block.case {
            block.part = case.arm(label, &mut self.steps);
            return Some(after);
        }
        let unquoted = |word: &str| word.trim_matches(['"', '\'', ' ', '(']).to_owned();
        let words: Vec<_> = label.split('|').map(unquoted).collect();
        let has = |name: &str| words.iter().any(|word| word == name);
        block.part = match (has("start"), has("stop")) {
            (true, _) => None,
            (false, true) => Some(Reason::Stop),
            (false, false) => Some(Reason::Condition),
        };
        Some(after)
    }

    fn end_arm(&mut self) {
        let is_case = |block: &Block| matches!(block.kind, Kind::Case(_));
        if let Some(place) = self.blocks.iter().rposition(is_case) {
            self.blocks.truncate(place + 1);
        }
        if let Some(block) = self.blocks.last_mut().filter(|block| is_case(block)) {
            block.kind = Kind::Case(true);
            block.part = None;
        }
    }
}

impl Status {
    fn of(text: &str) -> Self {
        match called_with(text) {
            Some(status) => status,
            None if is_action(text) => Self::Succeeds,
            None => Self::Unknown,
        }
    }

    const fn negated(self, is: bool) -> Self {
        match self {
            Self::Succeeds if is => Self::Fails(Reason::Other),
            Self::Fails(_) if is => Self::Succeeds,
            _ => self,
        }
    }
}

/// Returns a command without `;;` and a comment behind it, and whether `;;` is there.
fn without_end(text: &str) -> (&str, bool) {
    let bare = text.split(" #").next().unwrap_or(text).trim_end();
    match bare.strip_suffix(";;") {
        Some(rest) => (rest.trim_end(), true),
        None => (text, false),
    }
}

/// Returns what a test of the script's argument gives, where it is called with `start`; and that ipvsadm is there.
fn called_with(text: &str) -> Option<Status> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (["[", words @ .., "]"] | ["[[", words @ .., "]]"] | ["test", words @ ..]) =
        words.as_slice()
    else {
        return None;
    };
    let bare = |word: &str| {
        let word = word.replace(['"', '\''], "");
        word.trim_start_matches(['x', 'X']).to_owned()
    };
    match *words {
        ["-x" | "-f" | "-e", program] => {
            let is_it = bare(program).trim_end_matches('}').to_lowercase();
            is_it.ends_with("ipvsadm").then_some(Status::Succeeds)
        }
        [one, operator, other] => {
            let (one, other) = (bare(one), bare(other));
            let word = match (one.starts_with('$'), other.starts_with('$')) {
                (true, false) => other,
                (false, true) => one,
                _ => return None,
            };
            match (word.as_str(), operator) {
                ("start", "=" | "==") | ("stop", "!=") => Some(Status::Succeeds),
                ("stop", "=" | "==") => Some(Status::Fails(Reason::Stop)),
                ("start", "!=") => Some(Status::Fails(Reason::NotStart)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns whether a command does something, and a script is written for its success.
fn is_action(text: &str) -> bool {
    if text.contains('|') {
        return false;
    }
    let mut words = text.split_whitespace().filter(|word| *word != "sudo");
    let first = words.next().unwrap_or_default();
    let program = first.rsplit('/').next().unwrap_or(first);
    let has = |names: &[&str]| text.split_whitespace().any(|word| names.contains(&word));
    let shows = |word: &str| {
        let starts = ["-L", "-l", "--list", "-S", "--save"];
        starts.iter().any(|start| word.starts_with(start))
    };
    match program {
        "ipvsadm" | "$IPVSADM" | "${IPVSADM}" => !words.any(shows),
        "ip" => has(&["add", "a", "replace", "change", "set", "up", "del", "flush"]),
        "sysctl" | "ifconfig" | "route" | "iptables" | "nft" | "modprobe" | "echo" | "cd"
        | "true" | ":" => true,
        _ => first.starts_with('-') || crate::import::shell::assignments(text).is_some(),
    }
}
