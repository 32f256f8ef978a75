//! Rows and columns for people: aligned, and within 80 columns unless the numbers are wider.

use std::fmt::{self, Display};

const WIDTH: usize = 80;
const GAP: usize = 2;

/// A row is a name and its values; one without values is a heading.
pub(crate) struct Grid {
    header: Row,
    rows: Vec<Row>,
}

type Row = (String, Vec<String>);

impl Grid {
    pub(crate) fn new(name: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned());
        Self {
            header: (name.to_owned(), columns.collect()),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, name: impl Into<String>, values: Vec<String>) {
        self.rows.push((name.into(), values));
    }

    fn lines(&self) -> impl Iterator<Item = &Row> {
        std::iter::once(&self.header).chain(&self.rows)
    }

    /// How wide each value must be, and whether it is a number, which stands to the right.
    fn columns(&self) -> Vec<(usize, bool)> {
        (0..self.header.1.len())
            .map(|column| {
                let cells = || self.lines().filter_map(move |row| row.1.get(column));
                let width = cells().map(String::len).max().unwrap_or(0);
                (width, cells().skip(1).all(|cell| is_number(cell)))
            })
            .collect()
    }
}

fn is_number(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit())
}

impl Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let values: usize = columns.iter().map(|(width, _)| width + GAP).sum();
        let with_values = self.lines().filter(|(_, values)| !values.is_empty());
        let longest = with_values.map(|(name, _)| name.len()).max().unwrap_or(0);
        let width = longest.min(WIDTH.saturating_sub(values).max(24));
        for (name, values) in self.lines() {
            // A longer name has a line of its own.
            let name = match values.is_empty() || name.len() > width {
                true => writeln!(f, "{name}").map(|()| "")?,
                false => name,
            };
            if !values.is_empty() {
                writeln!(f, "{}", line(name, width, values, &columns).trim_end())?;
            }
        }
        Ok(())
    }
}

fn line(name: &str, width: usize, values: &[String], columns: &[(usize, bool)]) -> String {
    let mut line = format!("{name:<width$}");
    for (value, (width, number)) in values.iter().zip(columns) {
        line += &match number {
            true => format!("  {value:>width$}"),
            false => format!("  {value:<width$}"),
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_to_the_right_and_long_names_on_their_own_line() {
        let mut grid = Grid::new("SERVER", &["METHOD", "WEIGHT"]);
        let values = |method: &str, weight: &str| vec![method.to_owned(), weight.to_owned()];
        grid.row("tcp 172.16.5.11:80 wrr persistent", Vec::new());
        grid.row("  192.168.1.12:80", values("dr", "2"));
        let long = format!("  [{}]:80", "2001:db8::".repeat(7));
        grid.row(long.clone(), values("tunnel", "100"));
        let expected = format!(
            "SERVER{:58}  METHOD  WEIGHT\n\
             tcp 172.16.5.11:80 wrr persistent\n\
             \x20 192.168.1.12:80{:47}  dr           2\n\
             {long}\n\
             {:64}  tunnel     100\n",
            "", "", ""
        );
        assert_eq!(grid.to_string(), expected);
        assert!(expected.lines().all(|line| line.len() <= WIDTH));
    }
}
