//! Printing lists and single things.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use report::Heading;
use serde::Serialize;

use super::super::{Context, write_stdout};
use crate::{args::remote::ListFormat, exit::Failure};

/// A list: what is shown of each row on a screen, and in a file.
pub(in crate::cmd) struct Listing<'a, T> {
    pub(in crate::cmd) items: &'a [T],
    pub(in crate::cmd) headings: &'a [Heading],
    pub(in crate::cmd) row: fn(&T, Timestamp) -> Vec<String>,
    pub(in crate::cmd) csv_headings: &'a [&'a str],
    pub(in crate::cmd) csv_row: fn(&T) -> Vec<String>,
    pub(in crate::cmd) now: Timestamp,
}

impl<T: Serialize> Listing<'_, T> {
    pub(in crate::cmd) fn print(
        &self,
        context: &Context,
        format: ListFormat,
    ) -> Result<(), Failure> {
        let mut out = Vec::new();
        let written = match format {
            ListFormat::Table if self.items.is_empty() => Ok(()),
            ListFormat::Table => {
                let rows: Vec<Vec<String>> = self
                    .items
                    .iter()
                    .map(|item| (self.row)(item, self.now))
                    .collect();
                let terminal = &context.terminal;
                report::write_list(
                    self.headings,
                    &rows,
                    terminal.width,
                    terminal.color_stdout,
                    &mut out,
                )
            }
            ListFormat::Csv => {
                let rows: Vec<Vec<String>> =
                    self.items.iter().map(|item| (self.csv_row)(item)).collect();
                report::write_csv(self.csv_headings, &rows, &mut out)
            }
            ListFormat::Json => {
                out = json(&self.items)?;
                Ok(())
            }
            ListFormat::Jsonl => {
                for item in self.items {
                    out.extend(json_line(item)?);
                }
                Ok(())
            }
        };
        written.map_err(Failure::failed)?;
        write_stdout(&out)
    }
}

pub(in crate::cmd) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(Failure::failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(in crate::cmd) fn json_line<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec(value).map_err(Failure::failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The word a value has on the wire.
pub(in crate::cmd) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// How long ago, as people say it: `3 h`.
pub(in crate::cmd) fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    match seconds {
        ..60 => "now".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Labelled lines of what is known of one thing.
#[derive(Default)]
pub(in crate::cmd) struct Sheet(String);

impl Sheet {
    pub(in crate::cmd) fn title(text: &str) -> Self {
        Self(format!("{}\n\n", report::plain(text)))
    }

    /// A line, unless there is nothing to say.
    pub(in crate::cmd) fn line(&mut self, label: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.0
                .extend([format!("  {label:<12} {}\n", report::plain(value))]);
        }
        self
    }

    /// A paragraph of its own, with its line breaks.
    pub(in crate::cmd) fn text(&mut self, heading: &str, text: &str) -> &mut Self {
        if !text.trim().is_empty() {
            self.0.extend([format!("\n{heading}\n")]);
            for line in text.trim().lines() {
                self.0.extend([format!("  {}\n", report::plain(line))]);
            }
        }
        self
    }

    pub(in crate::cmd) fn steps(&mut self, steps: &[api::finding::Step]) -> &mut Self {
        for (index, step) in steps.iter().enumerate() {
            if index == 0 {
                self.0.push_str("\nWhat to do\n");
            }
            self.0
                .extend([format!("  {}. {}\n", index + 1, report::plain(&step.text))]);
            for line in step.code.iter().flat_map(|code| code.lines()) {
                self.0.extend([format!("       {}\n", report::plain(line))]);
            }
        }
        self
    }

    pub(in crate::cmd) fn print(&self) -> Result<(), Failure> {
        write_stdout(self.0.as_bytes())
    }
}

/// `90d`, `12w`, `6h` from now, or the end of a day (UTC).
pub(in crate::cmd) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let refuse = || {
        Failure::usage(anyhow::anyhow!(
            "'{text}' is no time ahead (expected 90d, 12w, 6h or a date like 2027-01-31)"
        ))
    };
    let ahead = [('d', 86_400), ('w', 604_800), ('h', 3600)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            (1..=40_000).contains(&number).then_some(number * seconds)
        });
    if let Some(seconds) = ahead {
        return now
            .checked_add(SignedDuration::from_secs(seconds))
            .map_err(|_error| refuse());
    }
    let day: Date = text.parse().map_err(|_error| refuse())?;
    let end = day
        .tomorrow()
        .and_then(|next| next.to_zoned(TimeZone::UTC))
        .map_err(|_error| refuse())?
        .timestamp();
    if end <= now {
        return Err(refuse());
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ahead_is_a_stretch_or_the_end_of_a_day() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let read = |text: &str| moment(text, now).map(|time| time.to_string()).ok();
        assert_eq!(read("90d").unwrap(), "2027-02-23T12:00:00Z");
        assert_eq!(read("2026-11-25").unwrap(), "2026-11-26T00:00:00Z");
        for text in ["", "0d", "-3d", "1y", "2026-11-24", "99999999999d"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
