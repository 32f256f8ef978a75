//! How the text of a status fits on a page: columns, lines and colours.

use super::{ClusterStatus, DestinationReport};
use crate::health::Health;
use crate::ipvs::Weight;

/// The page that a status is written on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// How many columns a line may have, where that is possible.
    pub(super) width: usize,
    pub(super) is_coloured: bool,
}

impl Page {
    /// Returns a text in a style, if there is colour.
    pub(super) fn paint(self, text: &str, style: Style) -> String {
        match style.colour().filter(|_| self.is_coloured) {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }

    /// Breaks a text into lines between words, which are so many columns shorter than the page; a word that is longer
    /// than a line, within it.
    pub(super) fn wrapped(self, text: &str, indent: usize) -> Vec<String> {
        wrapped(text, self.width.saturating_sub(indent))
    }
}

/// A style of terminals.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Plain,
    Good,
    Bad,
    Uncertain,
}

impl Style {
    pub(super) fn of(health: Option<Health>) -> Self {
        match health {
            Some(Health::Up) => Self::Good,
            Some(Health::Unchecked) => Self::Plain,
            Some(Health::Down) => Self::Bad,
            Some(_) => Self::Uncertain,
            None => Self::Plain,
        }
    }

    /// Returns the number of its colour.
    const fn colour(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Good => Some(32),
            Self::Bad => Some(31),
            Self::Uncertain => Some(33),
        }
    }
}

/// A column of the table of destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Server,
    Address,
    Weight,
    State,
    Since,
    Active,
    Rate,
}

impl Column {
    const ALL: [Self; 7] = [
        Self::Server,
        Self::Address,
        Self::Weight,
        Self::State,
        Self::Since,
        Self::Active,
        Self::Rate,
    ];
    /// What a narrow terminal does without, in this order.
    const LEFT_OUT: [Self; 4] = [Self::Address, Self::Rate, Self::Active, Self::Since];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Server => "SERVER",
            Self::Address => "ADDRESS",
            Self::Weight => "WEIGHT",
            Self::State => "STATE",
            Self::Since => "SINCE",
            Self::Active => "ACTIVE",
            Self::Rate => "NEW/S",
        }
    }

    /// Returns the least width: a column does not move when a state becomes `failing`.
    const fn least(self) -> usize {
        match self {
            Self::State => "failing".len(),
            column => column.title().len(),
        }
    }

    /// Returns whether its cells are numbers, which stand below each other by their last digits.
    const fn is_number(self) -> bool {
        matches!(self, Self::Since | Self::Active | Self::Rate)
    }

    pub(super) fn cell(self, state: &DestinationReport) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        match self {
            Self::Server => or_dash(state.server.as_ref().map(ToString::to_string)),
            Self::Address => state.destination.to_string(),
            Self::Weight => weights(state),
            Self::State => match (state.health, state.drain) {
                (Some(health), _) => health.to_string(),
                (None, Some(_)) => "drained".to_owned(),
                (None, None) => "-".to_owned(),
            },
            Self::Since => or_dash(state.since.map(span)),
            Self::Active => or_dash(state.active.map(|active| active.to_string())),
            Self::Rate => or_dash(state.rates.map(|rates| rates.connections.to_string())),
        }
    }
}

/// The columns that fit on a page, with the widths that fit all services of a cluster.
pub(super) struct Layout {
    pub(super) page: Page,
    columns: Vec<(Column, usize)>,
}

impl Layout {
    pub(super) fn of(cluster: &ClusterStatus, page: Page) -> Self {
        let destinations = || {
            cluster
                .services
                .iter()
                .flat_map(|service| &service.destinations)
        };
        let widest = |column: Column| {
            destinations()
                .map(|state| column.cell(state).chars().count())
                .fold(column.least(), usize::max)
        };
        let mut layout = Self {
            page,
            columns: Column::ALL.map(|column| (column, widest(column))).into(),
        };
        // One of the two says which it is.
        let unnamed = destinations().any(|state| state.server.is_none());
        for column in Column::LEFT_OUT {
            let column = match column {
                Column::Address if unnamed => Column::Server,
                column => column,
            };
            if layout.width() > page.width {
                layout.columns.retain(|(kept, _)| *kept != column);
            }
        }
        layout
    }

    fn width(&self) -> usize {
        self.columns.iter().map(|(_, width)| 2 + width).sum()
    }

    /// Returns a line with a cell for each column, the state in its style.
    pub(super) fn line(&self, cell: impl Fn(Column) -> String, style: Style) -> String {
        let mut line = String::new();
        for (column, width) in &self.columns {
            let text = match column.is_number() {
                true => format!("{:>width$}", cell(*column)),
                false => format!("{:<width$}", cell(*column)),
            };
            line.push_str("  ");
            line.push_str(&match column {
                Column::State => self.page.paint(&text, style),
                _ => text,
            });
        }
        format!("{}\n", line.trim_end())
    }
}

/// Returns the kernel's weight, and the desired one if it is another.
fn weights(state: &DestinationReport) -> String {
    let text = |weight: Option<Weight>| {
        weight.map_or_else(|| "-".to_owned(), |weight| weight.get().to_string())
    };
    match state.desired_weight {
        Some(desired) if state.weight != Some(desired) => {
            format!("{} not {desired}", text(state.weight))
        }
        _ => text(state.weight),
    }
}

/// Returns seconds with the largest unit that says enough: `12s`, `5m`, `3h`, `2d`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().flat_map(|word| pieces(word, width)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns a word in pieces of at most so many characters.
fn pieces(word: &str, width: usize) -> impl Iterator<Item = &str> {
    word.char_indices()
        .map(|(at, _)| at)
        .step_by(width.max(1))
        .map(move |at| {
            let rest = word.get(at..).unwrap_or_default();
            let end = rest.char_indices().nth(width.max(1));
            end.and_then(|(end, _)| rest.get(..end)).unwrap_or(rest)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_broken_where_nothing_else_fits() {
        assert_eq!(wrapped("a bcd", 0), ["a", "b", "c", "d"]);
        assert_eq!(wrapped("a bcd", 4), ["a", "bcd"]);
    }
}
