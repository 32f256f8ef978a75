//! One step of a plan, whatever it changes.

use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::object::Subject;
use super::{BoundDestination, Change, Kind, LinkState, Setting};
use crate::cluster::Observed;
use crate::ipvs::{Daemon, Service, Timeouts};
use crate::net::{Address, Listener, Route, Tunnel};

/// What a step changes. Serialized it is `{"address": {"before": …, "after": …}}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// A device that unwraps packets is made.
    Tunnel(Change<Tunnel>),
    /// A UDP port is opened whose packets are unwrapped.
    Listener(Change<Listener>),
    /// An interface is set up.
    Link(Change<LinkState>),
    /// A kernel switch gets another value.
    Sysctl(Change<Setting>),
    /// An address comes or goes.
    Address(Change<Address>),
    /// A route comes, changes or goes.
    Route(Change<Route>),
    /// Connections are remembered longer or shorter.
    Timeouts(Change<Timeouts>),
    /// A sync daemon starts, starts anew or stops.
    Daemon(Change<Daemon>),
    /// A service comes, changes or goes.
    Service(Change<Service>),
    /// A destination of a service comes, changes or goes.
    Destination(Change<BoundDestination>),
}

/// One thing to change, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The change.
    pub action: Action,
    /// What it is for, to be read after the change: `+ route default via 172.16.0.1: the director's way out`.
    pub why: String,
}

/// Does the same with whichever change an action holds.
macro_rules! each {
    ($action:expr, $change:ident => $body:expr) => {
        match $action {
            Action::Tunnel($change) => $body,
            Action::Listener($change) => $body,
            Action::Link($change) => $body,
            Action::Sysctl($change) => $body,
            Action::Address($change) => $body,
            Action::Route($change) => $body,
            Action::Timeouts($change) => $body,
            Action::Daemon($change) => $body,
            Action::Service($change) => $body,
            Action::Destination($change) => $body,
        }
    };
}

/// Makes of whichever change an action holds another one of its kind.
macro_rules! map {
    ($action:expr, $change:ident => $body:expr) => {
        match $action {
            Action::Tunnel($change) => Action::Tunnel($body),
            Action::Listener($change) => Action::Listener($body),
            Action::Link($change) => Action::Link($body),
            Action::Sysctl($change) => Action::Sysctl($body),
            Action::Address($change) => Action::Address($body),
            Action::Route($change) => Action::Route($body),
            Action::Timeouts($change) => Action::Timeouts($body),
            Action::Daemon($change) => Action::Daemon($body),
            Action::Service($change) => Action::Service($body),
            Action::Destination($change) => Action::Destination($body),
        }
    };
}

impl Action {
    /// Add, edit or delete.
    #[must_use]
    pub fn kind(&self) -> Kind {
        each!(self, change => change.kind())
    }

    /// The kind of thing: `tunnel`, `listener`, `link`, `sysctl`, `address`, `route`, `timeouts`, `daemon`,
    /// `service`, `destination`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        fn what<T: Subject>(_: &Change<T>) -> &'static str {
            T::WHAT
        }
        each!(self, change => what(change))
    }

    /// Which of its kind: `eth0`, `172.16.5.11/16 on eth0`, `tcp 172.16.5.11:80`.
    #[must_use]
    pub fn name(&self) -> String {
        each!(self, change => change.newest().map(Subject::name).unwrap_or_default())
    }

    /// How it looks: `up`, `via 172.16.0.1`, `nat weight 1`; of an edit `nat weight 1 -> nat weight 2`.
    #[must_use]
    pub fn detail(&self) -> String {
        fn detail<T: Subject>(change: &Change<T>) -> String {
            match (change.before(), change.after()) {
                (Some(before), Some(after)) => format!("{} -> {}", before.detail(), after.detail()),
                _ => change.newest().map(Subject::detail).unwrap_or_default(),
            }
        }
        each!(self, change => detail(change))
    }

    /// Whether IPVS carries it out.
    #[must_use]
    pub const fn is_ipvs(&self) -> bool {
        matches!(
            self,
            Self::Timeouts(_) | Self::Daemon(_) | Self::Service(_) | Self::Destination(_)
        )
    }

    pub(in crate::cluster) fn effect(&self, observed: &mut Observed) {
        each!(self, change => Subject::apply(change, observed));
    }

    /// The way from what is there now back to what was there before; `None` if it is there.
    pub(in crate::cluster) fn back(&self, before: &Observed, now: &Observed) -> Option<Self> {
        Some(map!(self, change => {
            let before = change.newest()?.find(before);
            back(change, before.as_ref(), now)?
        }))
    }

    /// The way from what will be there by then, `seen`, back to how the thing was found; `None` if
    /// there is none, or if it has been changed `now` by somebody else. What we have made ourselves
    /// goes however it looks.
    pub(in crate::cluster) fn undone(&self, now: &Observed, seen: &Observed) -> Option<Self> {
        Some(map!(self, change => undone(change, now, seen)?))
    }

    /// The same, whoever has changed it.
    pub(in crate::cluster) fn to_found(&self, seen: &Observed) -> Option<Self> {
        Some(map!(self, change => back(change, change.before(), seen)?))
    }

    /// Whether we have had a hand in how the thing looks. Of switches we always may have, for some
    /// follow others.
    pub(in crate::cluster) fn is_touched(&self) -> bool {
        matches!(self, Self::Sysctl(_))
            || each!(self, change => !same(change.before(), change.after()))
    }

    /// As found, and left so; `None` if there was nothing.
    pub(in crate::cluster) fn as_found(&self) -> Option<Self> {
        fn same<T: Clone>(change: &Change<T>) -> Option<Change<T>> {
            let found = change.before()?;
            Some(Change::Edit(found.clone(), found.clone()))
        }
        Some(map!(self, change => same(change)?))
    }

    /// Whether there was something before.
    pub(in crate::cluster) fn is_found(&self) -> bool {
        each!(self, change => change.before().is_some())
    }

    /// Whether we have changed the thing, and somebody else has changed it again.
    pub(in crate::cluster) fn is_changed_since(&self, now: &Observed) -> bool {
        fn is_changed<T: Subject>(change: &Change<T>, now: &Observed) -> bool {
            let found = change.newest().and_then(|it| it.find(now));
            !same(change.before(), change.after())
                && !same(found.as_ref(), change.before())
                && !same(found.as_ref(), change.after())
        }
        each!(self, change => is_changed(change, now))
    }

    /// Whether the thing is there, however it looks.
    pub(in crate::cluster) fn is_there(&self, observed: &Observed) -> bool {
        fn is_there<T: Subject>(change: &Change<T>, observed: &Observed) -> bool {
            change
                .newest()
                .is_some_and(|it| it.find(observed).is_some())
        }
        each!(self, change => is_there(change, observed))
    }

    /// Both in a row as one; `None` if nothing is left of them, or if they are not about the same
    /// kind of thing.
    pub(in crate::cluster) fn then(self, later: &Self) -> Option<Self> {
        Some(match (self, later) {
            (Self::Tunnel(one), Self::Tunnel(two)) => Self::Tunnel(one.then(two)?),
            (Self::Listener(one), Self::Listener(two)) => Self::Listener(one.then(two)?),
            (Self::Link(one), Self::Link(two)) => Self::Link(one.then(two)?),
            (Self::Sysctl(one), Self::Sysctl(two)) => Self::Sysctl(one.then(two)?),
            (Self::Address(one), Self::Address(two)) => Self::Address(one.then(two)?),
            (Self::Route(one), Self::Route(two)) => Self::Route(one.then(two)?),
            (Self::Timeouts(one), Self::Timeouts(two)) => Self::Timeouts(one.then(two)?),
            (Self::Daemon(one), Self::Daemon(two)) => Self::Daemon(one.then(two)?),
            (Self::Service(one), Self::Service(two)) => Self::Service(one.then(two)?),
            (Self::Destination(one), Self::Destination(two)) => Self::Destination(one.then(two)?),
            _ => return None,
        })
    }
}

/// State and switches come and go with their device: where it was not there, they had been those of a
/// new one; and where it is not there any more, it has none to put back.
fn back<T: Subject>(change: &Change<T>, before: Option<&T>, now: &Observed) -> Option<Change<T>> {
    let thing = change.newest()?;
    let found = thing.find(now);
    let before = before.or_else(|| change.before().filter(|_| T::OF_DEVICE));
    let gone = T::OF_DEVICE && found.is_none();
    let stays = before.is_none() && !thing.can_go();
    if gone || stays || same(found.as_ref(), before) {
        return None;
    }
    Change::between(found, before.cloned())
}

fn undone<T: Subject>(change: &Change<T>, now: &Observed, seen: &Observed) -> Option<Change<T>> {
    let found = change.newest()?.find(now);
    if change.before().is_some() && !same(found.as_ref(), change.after()) {
        return None;
    }
    back(change, change.before(), seen)
}

fn same<T: Subject>(one: Option<&T>, two: Option<&T>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => one.same(two),
        (None, None) => true,
        _ => false,
    }
}

impl Step {
    pub(in crate::cluster) fn new(action: Action, why: impl Into<String>) -> Self {
        Self {
            action,
            why: why.into(),
        }
    }
}

/// `{do, what, name, before, after, why}`, the form that `lvsctl plan --format json` promises.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut step = serializer.serialize_struct("Step", 6)?;
        step.serialize_field("do", &self.action.kind())?;
        step.serialize_field("what", self.action.what())?;
        step.serialize_field("name", &self.action.name())?;
        each!(&self.action, change => {
            step.serialize_field("before", &change.before())?;
            step.serialize_field("after", &change.after())?;
        });
        step.serialize_field("why", &self.why)?;
        step.end()
    }
}
