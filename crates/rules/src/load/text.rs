//! Texts of rule files that know where they come from: a condition may be
//! put together from several files.

use crate::{
    ast::Span,
    diagnostic::{Diagnostic, Level},
    yaml::{self, Node, Region, Style},
};

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
}

/// Bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) region: Region,
}

/// A diagnostic before it is shown.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) level: Level,
    pub(super) code: &'static str,
    pub(super) message: Box<str>,
    pub(super) label: Box<str>,
    pub(super) place: Place,
    pub(super) item: Option<Box<str>>,
    pub(super) help: Option<Box<str>>,
}

impl Draft {
    pub(super) fn error(
        code: &'static str,
        message: impl Into<Box<str>>,
        label: impl Into<Box<str>>,
        place: Place,
    ) -> Self {
        Self {
            level: Level::Error,
            code,
            message: message.into(),
            label: label.into(),
            place,
            item: None,
            help: None,
        }
    }

    pub(super) fn warning(
        code: &'static str,
        message: impl Into<Box<str>>,
        label: impl Into<Box<str>>,
        place: Place,
    ) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(code, message, label, place)
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    pub(super) fn help(mut self, help: Option<impl Into<Box<str>>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    pub(super) fn item(mut self, item: &str) -> Self {
        self.item.get_or_insert_with(|| item.into());
        self
    }

    pub(super) fn show(self, files: &[File]) -> Diagnostic {
        let (name, text) = files
            .get(self.place.file)
            .map_or(("", ""), |file| (file.name.as_str(), file.text.as_str()));
        let start = text.floor_char_boundary(self.place.region.start);
        let before = text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let excerpt = rest.lines().next().unwrap_or("");
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let line_end = line_start + excerpt.len();
        let end = text
            .floor_char_boundary(self.place.region.end)
            .clamp(start, line_end.max(start));
        Diagnostic {
            level: self.level,
            code: self.code,
            message: self.message.into(),
            label: self.label.into(),
            file: name.to_owned(),
            line: u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX) + 1,
            column: count(text.get(line_start..start).unwrap_or("")) + 1,
            width: count(text.get(start..end).unwrap_or("")).max(1),
            excerpt: excerpt.to_owned(),
            item: self.item.map(Into::into),
            help: self.help.map(Into::into),
        }
    }
}

/// A text put together from scalars.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    from: usize,
    length: usize,
    place: Place,
    style: Style,
}

impl Text {
    pub(super) fn of(file: usize, node: &Node) -> Self {
        let Some(scalar) = node.scalar() else {
            return Self::default();
        };
        Self {
            text: scalar.text.clone(),
            pieces: vec![Piece {
                from: 0,
                length: scalar.text.len(),
                place: Place {
                    file,
                    region: node.region.clone(),
                },
                style: scalar.style,
            }],
        }
    }

    /// Adds `other` behind a space.
    pub(super) fn append(&mut self, other: Self) {
        self.text.push(' ');
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.pieces
            .extend(other.pieces.into_iter().map(|piece| Piece {
                from: piece.from + shift,
                ..piece
            }));
    }

    /// Where a part of it stands.
    pub(super) fn place(&self, span: Span, files: &[File]) -> Place {
        let start = usize::try_from(span.start).unwrap_or(0);
        let end = usize::try_from(span.end).unwrap_or(0).max(start);
        let piece = self
            .pieces
            .iter()
            .rfind(|piece| piece.from <= start)
            .or_else(|| self.pieces.first());
        let Some(piece) = piece else {
            return Place {
                file: 0,
                region: 0..0,
            };
        };
        let file = files.get(piece.place.file).map_or("", |file| &file.text);
        let value = self
            .text
            .get(piece.from..piece.from + piece.length)
            .unwrap_or("");
        let locate =
            |offset: usize| yaml::locate(file, &piece.place.region, piece.style, value, offset);
        let visible = value.trim_end().len();
        let first = start - piece.from.min(start);
        let at = |offset: usize| {
            // Behind the last visible character there is only what YAML
            // adds or drops.
            match value
                .get(..offset.min(visible))
                .and_then(|v| v.char_indices().next_back())
            {
                Some((last, c)) if offset >= visible => locate(last) + c.len_utf8(),
                _ => locate(offset),
            }
        };
        let from = at(first);
        let last = end - piece.from.min(end);
        let to = match value
            .get(..last.min(visible))
            .and_then(|value| value.char_indices().next_back())
        {
            Some((index, c)) if last > first => locate(index) + c.len_utf8(),
            _ => from,
        };
        Place {
            file: piece.place.file,
            region: from..to.max(from),
        }
    }
}
