//! What is wrong with rule files, said to their author: where, what, and
//! how to mend it.

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The item is not loaded.
    Error,
    /// It is, but probably not as meant.
    Warning,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub level: Level,
    /// A word for machines that stays: `unknown-field`.
    pub code: &'static str,
    pub message: String,
    /// What stands under the caret.
    pub label: String,
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters are meant.
    pub width: u32,
    /// The line itself.
    pub excerpt: String,
    /// The rule, macro or list it is in.
    pub item: Option<String>,
    pub help: Option<String>,
}

/// Longest excerpt that is shown whole.
const MAX_EXCERPT: usize = 120;

impl Diagnostic {
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// For a terminal, in colour or plain; several lines, the last one
    /// ended.
    pub fn render(&self, in_colour: bool) -> String {
        let style = |style: Style| if in_colour { style } else { Style::new() };
        let level = style(
            match self.level {
                Level::Error => AnsiColor::Red,
                Level::Warning => AnsiColor::Yellow,
            }
            .on_default()
            .bold(),
        );
        let bold = style(Style::new().bold());
        let frame = style(AnsiColor::Blue.on_default().bold());
        let help = style(AnsiColor::Green.on_default().bold());

        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let mut text = String::new();
        let item = self
            .item
            .as_ref()
            .map(|item| format!(" ({})", visible(item)))
            .unwrap_or_default();
        let (excerpt, lead) = self.window();
        text.extend([format!(
            "{level}{}[{}]{level:#}{bold}: {}{bold:#}\n\
             {margin}{frame}-->{frame:#} {}:{}:{}{item}\n\
             {margin} {frame}|{frame:#}\n\
             {frame}{number} |{frame:#} {excerpt}\n\
             {margin} {frame}|{frame:#} {}{level}{} {}{level:#}\n",
            self.level.as_str(),
            self.code,
            visible(&self.message),
            visible(&self.file),
            self.line,
            self.column,
            " ".repeat(lead),
            "^".repeat(self.carets(&excerpt, lead)),
            visible(&self.label),
        )]);
        if let Some(line) = &self.help {
            text.extend([format!(
                "{margin} {frame}={frame:#} {help}help{help:#}: {}\n",
                visible(line)
            )]);
        }
        text
    }

    /// The part of a long line that the caret is in, and what stands
    /// before the caret.
    fn window(&self) -> (String, usize) {
        let column = usize::try_from(self.column).unwrap_or(1).saturating_sub(1);
        let line = visible(&self.excerpt);
        let length = line.chars().count();
        if length <= MAX_EXCERPT {
            return (line, column);
        }
        let from = column
            .saturating_sub(MAX_EXCERPT / 3)
            .min(length - MAX_EXCERPT);
        let mut part: String = line.chars().skip(from).take(MAX_EXCERPT).collect();
        let mut lead = column - from;
        if from > 0 {
            part.insert(0, '…');
            lead += 1;
        }
        if from + MAX_EXCERPT < length {
            part.push('…');
        }
        (part, lead)
    }

    fn carets(&self, excerpt: &str, lead: usize) -> usize {
        let room = excerpt.chars().count().saturating_sub(lead).max(1);
        usize::try_from(self.width).unwrap_or(1).clamp(1, room)
    }
}

/// `text` without what would move a terminal's cursor.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// All of them, a blank line between two.
pub fn render(diagnostics: &[Diagnostic], in_colour: bool) -> String {
    let each: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.render(in_colour))
        .collect();
    each.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(excerpt: &str, column: u32) -> Diagnostic {
        Diagnostic {
            level: Level::Error,
            code: "unknown-field",
            message: "unknown field `proc.nmae`".to_owned(),
            label: "no such field".to_owned(),
            file: "a.yaml".to_owned(),
            line: 7,
            column,
            width: 9,
            excerpt: excerpt.to_owned(),
            item: Some("rule `x`".to_owned()),
            help: Some("did you mean `proc.name`?".to_owned()),
        }
    }

    #[test]
    fn a_mistake_is_shown_in_its_line() {
        let expected = "error[unknown-field]: unknown field `proc.nmae`\n \
            --> a.yaml:7:14 (rule `x`)\n  |\n7 |   condition: proc.nmae = x\n  \
            |              ^^^^^^^^^ no such field\n  = help: did you mean `proc.name`?\n";
        assert_eq!(
            sample("  condition: proc.nmae = x", 14).render(false),
            expected
        );
        let coloured = sample("  condition: proc.nmae = x", 14).render(true);
        assert!(coloured.contains("\u{1b}[") && coloured.contains("proc.nmae"));
    }

    #[test]
    fn long_lines_are_cut_around_the_caret_and_control_characters_are_harmless() {
        let line = format!("{}proc.nmae{}", "a ".repeat(400), " b".repeat(400));
        let shown = sample(&line, 801).render(false);
        assert!(
            shown.lines().all(|line| line.chars().count() < 160),
            "{shown}"
        );
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        let word: String = lines[3].chars().skip(caret).take(9).collect();
        assert_eq!(word, "proc.nmae");
        assert!(!sample("\u{1b}[2Jx", 1).render(false).contains('\u{1b}'));
    }
}
