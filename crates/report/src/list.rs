//! Plain lists: rows under a header, laid out as the tables of reports
//! are.

use std::io::{self, Write};

use model::Severity;

use crate::{
    table::layout::{Cell, Column, widths, write_header, write_row},
    terminal::{Painter, plain, severity_style},
};

/// One column of a list.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    pub name: &'static str,
    /// May be cut down to this many columns; `None`: never cut.
    pub least: Option<usize>,
    /// On a terminal too narrow for all, the highest goes first; 0 stays.
    pub expendable: u8,
    /// What is told by its end is cut at its start.
    pub ends_matter: bool,
}

impl Heading {
    /// A column that is always whole.
    pub const fn whole(name: &'static str) -> Self {
        Self {
            name,
            least: None,
            expendable: 0,
            ends_matter: false,
        }
    }

    /// May be cut, and goes before those of a lower rank.
    #[must_use]
    pub const fn cut(self, least: usize, expendable: u8) -> Self {
        Self {
            least: Some(least),
            expendable,
            ..self
        }
    }

    #[must_use]
    pub const fn ends_matter(self) -> Self {
        Self {
            ends_matter: true,
            ..self
        }
    }

    fn column(self) -> Column {
        let column = Column::fixed(self.name).expendable(self.expendable);
        let column = match self.least {
            Some(least) => column.shrinks_to(least),
            None => column,
        };
        if self.ends_matter {
            column.cut_at_start()
        } else {
            column
        }
    }
}

/// Writes rows under their headings. `width`: the terminal's; `None`
/// where it is none, so lines are tab-separated and uncut.
pub fn write_list(
    headings: &[Heading],
    rows: &[Vec<String>],
    width: Option<usize>,
    color: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let clean = |text: &str| plain(text).into_owned();
    let Some(width) = width else {
        let names: Vec<&str> = headings.iter().map(|heading| heading.name).collect();
        writeln!(out, "{}", names.join("\t"))?;
        for row in rows {
            let cells: Vec<String> = row.iter().map(|text| clean(text)).collect();
            writeln!(out, "{}", cells.join("\t"))?;
        }
        return Ok(());
    };
    let columns: Vec<Column> = headings.iter().map(|heading| heading.column()).collect();
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .zip(headings)
                .map(|(text, heading)| match text.parse::<Severity>() {
                    Ok(severity) if heading.name == "SEVERITY" => {
                        Cell::styled(clean(text), severity_style(severity))
                    }
                    _ => Cell::new(clean(text)),
                })
                .collect()
        })
        .collect();
    let painter = Painter {
        color,
        hyperlinks: false,
    };
    let widths = widths(&columns, cells.iter(), width);
    write_header(&columns, &widths, painter, out)?;
    for row in &cells {
        write_row(&columns, row, &widths, painter, out)?;
    }
    Ok(())
}

/// Writes rows as comma-separated values (RFC 4180). What a spreadsheet
/// would compute is made text.
pub fn write_csv(headings: &[&str], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    crate::csv::write_line(headings.iter().map(|name| (*name).into()), out)?;
    for row in rows {
        crate::csv::write_line(row.iter().map(|text| text.as_str().into()), out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: Option<usize>) -> String {
        let headings = [
            Heading::whole("SEVERITY"),
            Heading::whole("TITLE").cut(6, 1),
        ];
        let rows = [vec!["high".to_owned(), "a\u{1b}[2J long\ttitle".to_owned()]];
        let mut out = Vec::new();
        write_list(&headings, &rows, width, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_in_a_row_moves_the_cursor_or_adds_a_column() {
        assert_eq!(
            written(None),
            "SEVERITY\tTITLE\nhigh\ta\\u{1b}[2J long title\n"
        );
        assert_eq!(written(Some(18)), "SEVERITY  TITLE\nhigh      a\\u{1b}…\n");
    }

    #[test]
    fn values_for_a_spreadsheet_are_only_text() {
        let mut out = Vec::new();
        let rows = [vec!["=1+1".to_owned(), "a,\"b\"".to_owned()]];
        write_csv(&["a", "b"], &rows, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("\n=1"), "{text}");
        assert!(text.contains("\"a,\"\"b\"\"\""), "{text}");
    }
}
