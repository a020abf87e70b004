//! Columns: how wide each gets, what is cut and what is left out.

use std::io::{self, Write};

use anstyle::Style;

use crate::terminal::{Cut, HEADING, Painter, columns, fit};

/// Between two columns.
const GAP: usize = 2;

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub header: &'static str,
    /// May be cut down to this many columns.
    pub min: usize,
    /// On a terminal too narrow for all, the highest goes first; 0 stays.
    pub expendable: u8,
    pub cut: Cut,
}

impl Column {
    pub(crate) const fn fixed(header: &'static str) -> Self {
        Self {
            header,
            min: usize::MAX,
            expendable: 0,
            cut: Cut::End,
        }
    }

    pub(crate) const fn shrinks_to(self, min: usize) -> Self {
        Self { min, ..self }
    }

    pub(crate) const fn expendable(self, rank: u8) -> Self {
        Self {
            expendable: rank,
            ..self
        }
    }

    pub(crate) const fn cut_at_start(self) -> Self {
        Self {
            cut: Cut::Start,
            ..self
        }
    }
}

/// One cell: clean text (see [`crate::terminal::plain`]) and its dress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub text: String,
    pub style: Style,
    pub link: Option<String>,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
            link: None,
        }
    }
}

/// The widths the columns get, `None` for those left out.
///
/// `rows` are all the rows that shall line up, perhaps over several
/// tables.
pub(crate) fn widths<'a>(
    header: &[Column],
    rows: impl Iterator<Item = &'a Vec<Cell>>,
    width: usize,
) -> Vec<Option<usize>> {
    let mut natural: Vec<usize> = header.iter().map(|column| columns(column.header)).collect();
    let mut is_filled = vec![false; header.len()];
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            natural[index] = natural[index].max(columns(&cell.text));
            is_filled[index] |= !cell.text.is_empty();
        }
    }
    // A column with nothing in it says nothing.
    let mut widths: Vec<Option<usize>> = natural
        .iter()
        .zip(&is_filled)
        .map(|(&natural, &filled)| filled.then_some(natural))
        .collect();
    let excess = |widths: &[Option<usize>]| {
        let shown = widths.iter().flatten().count();
        let total: usize = widths.iter().flatten().sum();
        (total + GAP * shown.saturating_sub(1)).saturating_sub(width)
    };
    loop {
        let too_much = excess(&widths);
        shrink(header, &mut widths, too_much);
        if excess(&widths) == 0 {
            return widths;
        }
        let victim = (0..header.len())
            .filter(|&index| widths[index].is_some() && header[index].expendable > 0)
            .max_by_key(|&index| header[index].expendable);
        let Some(victim) = victim else {
            return widths;
        };
        // With one column gone the others may be as wide as they like.
        widths[victim] = None;
        for index in 0..widths.len() {
            if widths[index].is_some() {
                widths[index] = Some(natural[index]);
            }
        }
    }
}

/// Takes `excess` columns from the last, most flexible column first.
fn shrink(header: &[Column], widths: &mut [Option<usize>], mut excess: usize) {
    for (column, width) in header.iter().zip(widths.iter_mut()).rev() {
        if let Some(width) = width {
            let spare = width.saturating_sub(column.min.max(columns(column.header)));
            let taken = spare.min(excess);
            *width -= taken;
            excess -= taken;
        }
    }
}

pub(crate) fn write_header(
    header: &[Column],
    widths: &[Option<usize>],
    painter: Painter,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cells: Vec<Cell> = header
        .iter()
        .map(|column| Cell::styled(column.header, HEADING))
        .collect();
    write_row(header, &cells, widths, painter, out)
}

pub(crate) fn write_row(
    header: &[Column],
    row: &[Cell],
    widths: &[Option<usize>],
    painter: Painter,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::new();
    let mut owed = 0;
    for ((cell, width), column) in row.iter().zip(widths).zip(header) {
        let Some(width) = width else { continue };
        let text = fit(&cell.text, *width, column.cut);
        // Padding is owed until more text follows, so that no line ends
        // in spaces.
        if !text.is_empty() {
            line.push_str(&" ".repeat(owed));
            owed = 0;
            let dressed = painter.paint(cell.style, &text);
            match &cell.link {
                Some(url) => line.push_str(&painter.link(url, &dressed)),
                None => line.push_str(&dressed),
            }
        }
        owed += width - columns(&text) + GAP;
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [Column; 3] = [
        Column::fixed("ID"),
        Column::fixed("NAME").shrinks_to(6).expendable(1),
        Column::fixed("TITLE").shrinks_to(8).expendable(2),
    ];

    fn widths_at(width: usize) -> Vec<Option<usize>> {
        let row = ["CVE-1", "a-long-name", "a title of some length"]
            .map(Cell::new)
            .to_vec();
        widths(&HEADER, [&row].into_iter(), width)
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_eq!(widths_at(80), [Some(5), Some(11), Some(22)]);
    }

    #[test]
    fn the_title_gives_way_first_and_goes_first() {
        assert_eq!(widths_at(32), [Some(5), Some(11), Some(12)]);
        assert_eq!(widths_at(25), [Some(5), Some(8), Some(8)]);
        assert_eq!(widths_at(20), [Some(5), Some(11), None]);
        assert_eq!(widths_at(8), [Some(5), None, None]);
    }

    #[test]
    fn no_line_ends_in_spaces() {
        let row = ["CVE-1", "", ""].map(Cell::new).to_vec();
        let mut out = Vec::new();
        let painter = Painter {
            color: false,
            hyperlinks: false,
        };
        let widths = [Some(8), Some(4), Some(8)];
        write_row(&HEADER, &row, &widths, painter, &mut out).unwrap();
        assert_eq!(out, b"CVE-1\n");
    }
}
