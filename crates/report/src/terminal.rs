//! Text on a terminal: cleaned, measured, cut, coloured, linked.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use model::Severity;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` without anything a terminal or a reader would act upon.
///
/// Package names and versions come from inside images. A name with an
/// escape sequence could rewrite the lines above it, one with a
/// direction override could show another version than it has.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => clean.push(' '),
            active if is_active(active) => clean.extend(active.escape_unicode()),
            other => clean.push(other),
        }
    }
    Cow::Owned(clean)
}

fn is_active(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Direction marks, embeddings, overrides and isolates.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{061c}' | '\u{feff}')
}

/// Columns `text` takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Which end of a text matters less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Sentences and versions are told by their beginning.
    End,
    /// Paths and module names are told by their end.
    Start,
}

/// `text` in at most `width` columns, with an ellipsis where it was cut.
pub(crate) fn fit(text: &str, width: usize, cut: Cut) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let Some(room) = width.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut used = 0;
    let mut take = |letter: &char| {
        used += letter.width().unwrap_or(0);
        used <= room
    };
    match cut {
        Cut::End => {
            let kept: String = text.chars().take_while(|letter| take(letter)).collect();
            Cow::Owned(format!("{}…", kept.trim_end()))
        }
        Cut::Start => {
            let mut kept: Vec<char> = text
                .chars()
                .rev()
                .take_while(|letter| take(letter))
                .collect();
            kept.push('…');
            Cow::Owned(kept.into_iter().rev().collect())
        }
    }
}

/// Puts colour and links on text, or leaves it alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painter {
    pub color: bool,
    pub hyperlinks: bool,
}

impl Painter {
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.color && style != Style::new() && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// OSC 8. `url` is one of ours (see [`crate::link`]), never the image's.
    pub(crate) fn link(self, url: &str, text: &str) -> String {
        if self.hyperlinks {
            format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
        } else {
            text.to_owned()
        }
    }
}

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default();

/// Colour repeats what the word already says, it never says it alone.
pub(crate) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::BrightRed.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info | Severity::Unknown => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_an_image_reaches_the_terminal_alive() {
        assert_eq!(plain("openssl"), "openssl");
        assert_eq!(plain("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(plain("two\nlines\tand a tab"), "two lines and a tab");
        assert_eq!(plain("1.0\u{202e}9.9"), "1.0\\u{202e}9.9");
        assert_eq!(plain("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn a_cut_text_keeps_the_end_that_tells() {
        assert_eq!(fit("Heap overflow in zlib", 10, Cut::End), "Heap over…");
        assert_eq!(fit("golang.org/x/crypto", 9, Cut::Start), "…x/crypto");
        assert_eq!(fit("short", 5, Cut::End), "short");
        assert_eq!(fit("漢字漢字", 5, Cut::End), "漢字…");
        assert_eq!(fit("x", 0, Cut::End), "");
    }
}
