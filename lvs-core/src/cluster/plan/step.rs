//! One step of a plan, whatever it changes.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::subject::Subject;
use super::{BoundDestination, Change, Kind, LinkState, Setting};
use crate::cluster::Observed;
use crate::ipvs::{Service, Timeouts};
use crate::net::{Address, Route};

/// What a step changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
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
            Action::Link($change) => $body,
            Action::Sysctl($change) => $body,
            Action::Address($change) => $body,
            Action::Route($change) => $body,
            Action::Timeouts($change) => $body,
            Action::Service($change) => $body,
            Action::Destination($change) => $body,
        }
    };
}

impl Action {
    /// Add, edit or delete.
    #[must_use]
    pub fn kind(&self) -> Kind {
        each!(self, change => change.kind())
    }

    /// The kind of thing: `link`, `sysctl`, `address`, `route`, `timeouts`, `service`, `destination`.
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
            Self::Timeouts(_) | Self::Service(_) | Self::Destination(_)
        )
    }

    pub(in crate::cluster) fn effect(&self, observed: &mut Observed) {
        each!(self, change => Subject::apply(change, observed));
    }

    /// The way from what is there now back to what was there before; `None` if it is there.
    pub(super) fn back(&self, before: &Observed, now: &Observed) -> Option<Self> {
        fn back<T: Subject>(
            change: &Change<T>,
            before: &Observed,
            now: &Observed,
        ) -> Option<Change<T>> {
            let (before, found) = (change.newest()?.find(before), change.newest()?.find(now));
            let same = match (&found, &before) {
                (Some(found), Some(before)) => found.same(before),
                (None, None) => true,
                _ => false,
            };
            if same {
                None
            } else {
                Change::between(found, before)
            }
        }
        Some(match self {
            Self::Link(change) => Self::Link(back(change, before, now)?),
            Self::Sysctl(change) => Self::Sysctl(back(change, before, now)?),
            Self::Address(change) => Self::Address(back(change, before, now)?),
            Self::Route(change) => Self::Route(back(change, before, now)?),
            Self::Timeouts(change) => Self::Timeouts(back(change, before, now)?),
            Self::Service(change) => Self::Service(back(change, before, now)?),
            Self::Destination(change) => Self::Destination(back(change, before, now)?),
        })
    }
}

impl Step {
    pub(super) fn new(action: Action, why: impl Into<String>) -> Self {
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
