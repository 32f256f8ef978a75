//! Aligned rows and columns, within the width of the terminal.

use std::ops::Range;

const GAP: usize = 2;
/// The indentation of columns that do not fit beside the ones before.
const INDENT: usize = 4;

/// Holds rows of a name and its values; a row without values is a heading. The first one names the columns.
///
/// There may be hundreds of thousands of rows: all cells are one text.
pub(super) struct Grid {
    cells: String,
    /// The length of each cell.
    lengths: Vec<u32>,
    /// The number of values of each row.
    values: Vec<u32>,
}

impl Grid {
    pub(super) fn new(name: &str, columns: &[&str]) -> Self {
        let mut grid = Self {
            cells: String::new(),
            lengths: Vec::new(),
            values: Vec::new(),
        };
        grid.row(
            name,
            columns.iter().map(|&column| column.to_owned()).collect(),
        );
        grid
    }

    pub(super) fn row(&mut self, name: impl AsRef<str>, values: Vec<String>) {
        self.cell(name.as_ref());
        values.iter().for_each(|value| self.cell(value));
        self.values.push(length(values.len()));
    }

    fn cell(&mut self, text: &str) {
        self.cells.push_str(text);
        self.lengths.push(length(text.len()));
    }

    /// Returns the rows, each as its name and values.
    fn lines(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let (mut rest, mut lengths) = (self.cells.as_str(), self.lengths.iter());
        self.values.iter().map(move |values| {
            let mut cells = lengths.by_ref().take(*values as usize + 1).map(|length| {
                let (cell, later) = rest.split_at(*length as usize);
                rest = later;
                cell
            });
            (cells.next().unwrap_or_default(), cells.collect())
        })
    }

    /// Returns the width of each column, and whether it has only numbers, which are aligned to the right.
    fn columns(&self) -> Vec<(usize, bool)> {
        let mut columns = Vec::new();
        for (number, (_, values)) in self.lines().enumerate() {
            columns.resize(values.len().max(columns.len()), (0, true));
            for ((width, is_of_numbers), value) in columns.iter_mut().zip(values) {
                *width = value.len().max(*width);
                *is_of_numbers &= number == 0 || is_number(value);
            }
        }
        columns
    }
}

/// No cell is as long as this, and no row has so many.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn is_number(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit())
}

impl Grid {
    /// Formats the table for a terminal of `width` columns; without a width, every row is one line.
    ///
    /// Nothing is cut off. In a narrow terminal a long name has a line of its own, and if not even the
    /// values fit beside each other, the last ones follow below in every row.
    pub(super) fn text(&self, width: Option<usize>) -> String {
        self.rows(width).collect()
    }

    /// Formats the rows one by one: the text of all would be another copy of them.
    pub(super) fn rows(&self, width: Option<usize>) -> impl Iterator<Item = String> {
        let columns = self.columns();
        let layout = Layout::new(self.longest_name(), &columns, width);
        self.lines()
            .map(move |(name, values)| row_text(name, &values, &columns, &layout))
    }

    /// Returns the length of the longest name of a row with values.
    fn longest_name(&self) -> usize {
        self.lines()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0)
    }
}

/// Assigns the columns of a row to its lines.
struct Layout {
    /// The width of the name.
    name: usize,
    /// At least one.
    lines: Vec<Range<usize>>,
}

impl Layout {
    fn new(longest: usize, columns: &[(usize, bool)], width: Option<usize>) -> Self {
        let all: usize = columns.iter().map(|(width, _)| width + GAP).sum();
        let width = width.unwrap_or(usize::MAX);
        let name = match width.checked_sub(all) {
            Some(rest) if rest >= INDENT - GAP => longest.min(rest),
            _ => longest.min(width / 2),
        };
        let (mut lines, mut first, mut used) = (Vec::new(), 0, name);
        for (place, (column, _)) in columns.iter().enumerate() {
            if used + GAP + column > width && place > first {
                lines.push(first..place);
                (first, used) = (place, INDENT - GAP);
            }
            used += GAP + column;
        }
        lines.push(first..columns.len());
        Self { name, lines }
    }
}

fn row_text(name: &str, values: &[&str], columns: &[(usize, bool)], layout: &Layout) -> String {
    let (mut text, mut start) = (String::new(), name.to_owned());
    if !values.is_empty() && name.len() > layout.name {
        push_line(&mut text, &start);
        start.clear();
    }
    start = format!("{start:<indent$}", indent = layout.name);
    for range in &layout.lines {
        let line = values
            .iter()
            .zip(columns)
            .take(range.end)
            .skip(range.start)
            .map(cell)
            .fold(start, |line, cell| line + &cell);
        push_line(&mut text, &line);
        start = " ".repeat(INDENT - GAP);
    }
    text
}

fn cell((value, (width, number)): (&&str, &(usize, bool))) -> String {
    match number {
        true => format!("  {value:>width$}"),
        false => format!("  {value:<width$}"),
    }
}

/// Adds a line without blanks at its end, unless it is blank.
fn push_line(text: &mut String, line: &str) {
    let line = line.trim_end();
    if !line.is_empty() {
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new("SERVER", &["METHOD", "WEIGHT"]);
        let values = |method: &str, weight: &str| vec![method.to_owned(), weight.to_owned()];
        grid.row("tcp 172.16.5.11:80 wrr persistent", Vec::new());
        grid.row("  192.168.1.12:80", values("dr", "2"));
        grid.row("  [2001:db8:1:2::12]:80", values("tunnel", "100"));
        grid.row("  192.168.1.13:80", values("", ""));
        grid
    }

    #[test]
    fn numbers_to_the_right_and_every_row_a_line_where_there_is_room() {
        let expected = "\
SERVER                   METHOD  WEIGHT
tcp 172.16.5.11:80 wrr persistent
  192.168.1.12:80        dr           2
  [2001:db8:1:2::12]:80  tunnel     100
  192.168.1.13:80
";
        assert_eq!(grid().text(None), expected);
        assert_eq!(grid().text(Some(39)), expected);
    }

    #[test]
    fn long_names_have_their_own_line_where_it_is_narrow() {
        let expected = "\
SERVER                  METHOD  WEIGHT
tcp 172.16.5.11:80 wrr persistent
  192.168.1.12:80       dr           2
  [2001:db8:1:2::12]:80
                        tunnel     100
  192.168.1.13:80
";
        assert_eq!(grid().text(Some(38)), expected);
    }

    #[test]
    fn values_go_below_where_it_is_narrower_than_they_are() {
        let expected = "\
SERVER    METHOD
    WEIGHT
tcp 172.16.5.11:80 wrr persistent
  192.168.1.12:80
          dr
         2
  [2001:db8:1:2::12]:80
          tunnel
       100
  192.168.1.13:80
";
        assert_eq!(grid().text(Some(16)), expected);
        let words = |text: String| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(grid().text(Some(0))), words(grid().text(None)));
    }
}
