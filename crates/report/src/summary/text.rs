//! The summary in words.

use std::io::{self, Write};

use jiff::Timestamp;
use model::{FindingKind, PackageKind, Report, Severity};

use super::{BaseAdvice, Summary, SystemUpgrade, Upgrade};
use crate::{
    WriteOptions,
    terminal::{CAUTION, Cut, DIM, GOOD, HEADING, Painter, fit, plain, severity_style},
};

/// Upgrades of single packages worth naming before the list tires.
const NAMED_UPGRADES: usize = 5;
/// Warnings quoted in full; the rest are counted.
const QUOTED_WARNINGS: usize = 5;
/// After this many days without news, a database is called old.
const OLD_DAYS: i64 = 7;

/// `1,234`.
pub(crate) fn number(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 finding`, `2 findings`.
pub(crate) fn count(value: usize, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// The one line that says a target is clean.
pub(crate) fn clean_line(report: &Report, summary: &Summary, options: &WriteOptions) -> String {
    let painter = painter(options);
    if report.leaves_out_vulnerabilities {
        return format!(
            "{}: {}",
            plain(&report.target.name),
            beside(report, painter).unwrap_or_else(|| painter.paint(GOOD, "nothing found"))
        );
    }
    if summary.packages == 0 {
        let nothing = painter.paint(CAUTION, "no packages found, so nothing was checked");
        return format!("{}: {nothing}", plain(&report.target.name));
    }
    format!(
        "{}: {} in {} ({})",
        plain(&report.target.name),
        painter.paint(GOOD, "no known vulnerabilities"),
        count(summary.packages, "package"),
        database(summary, options.now),
    )
}

/// Counts, advice and caveats, a line each.
pub(crate) fn write(
    report: &Report,
    summary: &Summary,
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let painter = painter(options);
    if summary.findings > 0 {
        writeln!(out, "{}", totals(summary, painter))?;
        write_advice(report, summary, painter, out)?;
    }
    if !report.leaves_out_vulnerabilities
        && let Some(line) = beside(report, painter)
    {
        writeln!(out, "{line}")?;
    }
    write_caveats(report, summary, options, out)
}

/// How much there is beside vulnerabilities: `2 secrets: 1 high, 1 low ·
/// 3 settings: 1 medium, 2 info`.
fn beside(report: &Report, painter: Painter) -> Option<String> {
    let sorts = [
        (FindingKind::Malware, "malicious program"),
        (FindingKind::Secret, "secret"),
        (FindingKind::Misconfiguration, "setting"),
    ];
    let parts = sorts.into_iter().filter_map(|(kind, noun)| {
        let issues: Vec<_> = report
            .issues
            .iter()
            .filter(|issue| issue.kind == kind)
            .collect();
        let by_severity: Vec<String> = Severity::WORST_FIRST
            .into_iter()
            .filter_map(|severity| {
                let found = issues
                    .iter()
                    .filter(|issue| issue.severity == severity)
                    .count();
                let text = format!("{} {severity}", number(found));
                (found > 0).then(|| painter.paint(severity_style(severity), &text))
            })
            .collect();
        (!issues.is_empty()).then(|| {
            let title = painter.paint(HEADING, &count(issues.len(), noun));
            format!("{title}: {}", by_severity.join(", "))
        })
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn painter(options: &WriteOptions) -> Painter {
    Painter {
        color: options.color,
        hyperlinks: options.hyperlinks,
    }
}

fn totals(summary: &Summary, painter: Painter) -> String {
    let by_severity: Vec<String> = summary
        .counts
        .iter()
        .map(|(severity, findings)| {
            let text = format!("{} {severity}", number(*findings));
            painter.paint(severity_style(*severity), &text)
        })
        .collect();
    let mut line = format!(
        "{}: {}",
        painter.paint(HEADING, &count(summary.findings, "finding")),
        by_severity.join(", ")
    );
    let fixable = match summary.fixable {
        0 => "none has a fix yet".to_owned(),
        all if all == summary.findings => "all have a fix".to_owned(),
        1 => "1 has a fix".to_owned(),
        some => format!("{} have a fix", number(some)),
    };
    line.push_str(" · ");
    line.push_str(&fixable);
    if summary.exploited > 0 {
        let text = format!("{} known to be exploited", number(summary.exploited));
        line.push_str(" · ");
        line.push_str(&painter.paint(severity_style(Severity::Critical), &text));
    }
    line
}

fn write_advice(
    report: &Report,
    summary: &Summary,
    painter: Painter,
    out: &mut dyn Write,
) -> io::Result<()> {
    // What is being exploited comes before what is merely plentiful.
    let urgent = summary
        .upgrades
        .iter()
        .filter(|upgrade| upgrade.exploited > 0);
    let other = summary
        .upgrades
        .iter()
        .filter(|upgrade| upgrade.exploited == 0);
    let system_first = summary
        .system
        .as_ref()
        .is_some_and(|system| system.exploited > 0);
    let mut steps: Vec<String> = Vec::new();
    let system = summary
        .system
        .as_ref()
        .map(|system| system_step(system, painter));
    if system_first {
        steps.extend(system.clone());
    }
    steps.extend(urgent.map(|upgrade| language_step(upgrade, painter)));
    steps.extend(summary.base.as_ref().map(base_step));
    if !system_first {
        steps.extend(system);
    }
    let named = NAMED_UPGRADES.max(steps.len());
    steps.extend(other.map(|upgrade| language_step(upgrade, painter)));
    if steps.is_empty() {
        return writeln!(
            out,
            "No upgrade mends any of these yet{}",
            if report.sbom.os.is_some() {
                "; a smaller base image would carry fewer of them"
            } else {
                ""
            }
        );
    }
    writeln!(out, "\n{}", painter.paint(HEADING, "What to do first"))?;
    for (index, step) in steps.iter().take(named).enumerate() {
        writeln!(out, "  {}. {step}", index + 1)?;
    }
    if let Some(more) = steps.len().checked_sub(named).filter(|more| *more > 0) {
        writeln!(out, "     … and {}", count(more, "more upgrade"))?;
    }
    Ok(())
}

fn base_step(base: &BaseAdvice) -> String {
    let layers = if base.layers == 1 {
        "the lowest layer brings".to_owned()
    } else {
        format!("layers 1–{} bring", base.layers)
    };
    let image = base.image.as_deref().map_or_else(
        || "a newer base image".to_owned(),
        |name| format!("a newer {}", plain(name)),
    );
    format!(
        "Rebuild on {image}: {layers} {} of {}, {} with a fix",
        number(base.findings),
        count(base.of, "finding"),
        number(base.fixable),
    )
}

fn system_step(system: &SystemUpgrade, painter: Painter) -> String {
    let mut step = format!(
        "Upgrade {} to close {}",
        count(system.packages, "system package"),
        closing(system.closes, system.worst, system.exploited, painter),
    );
    if let Some(command) = &system.command {
        step.push_str(": ");
        step.push_str(&painter.paint(HEADING, command));
    }
    let top: Vec<String> = system
        .top
        .iter()
        .take(3)
        .map(|upgrade| {
            format!(
                "{} {} → {} ({})",
                plain(&upgrade.name),
                plain(&upgrade.installed),
                plain(&upgrade.to),
                number(upgrade.closes)
            )
        })
        .collect();
    let rest = system.top.len().saturating_sub(top.len());
    let more = if rest > 0 {
        format!(", {} more", number(rest))
    } else {
        String::new()
    };
    let line = format!("\n       {}{more}", top.join(", "));
    step.push_str(&painter.paint(DIM, &line));
    step
}

fn language_step(upgrade: &Upgrade, painter: Painter) -> String {
    let mut step = format!(
        "Upgrade {} {} → {} to close {}",
        plain(&upgrade.name),
        plain(&upgrade.installed),
        plain(&upgrade.to),
        closing(upgrade.closes, upgrade.worst, upgrade.exploited, painter),
    );
    if let Some(command) = &upgrade.command {
        step.push_str(": ");
        step.push_str(&painter.paint(HEADING, command));
    } else if upgrade.kind == PackageKind::Golang && upgrade.name == "stdlib" {
        step.push_str(": rebuild with the newer Go toolchain");
    }
    if let Some((first, others)) = upgrade.paths.split_first() {
        let mut place = format!("\n       in {}", plain(first));
        if !others.is_empty() {
            place.push_str(" and ");
            place.push_str(&count(others.len(), "more place"));
        }
        step.push_str(&painter.paint(DIM, &place));
    }
    step
}

fn closing(closes: usize, worst: Severity, exploited: usize, painter: Painter) -> String {
    let worst = painter.paint(severity_style(worst), worst.as_str());
    let exploited = if exploited > 0 { ", exploited" } else { "" };
    format!("{} ({worst}{exploited})", count(closes, "finding"))
}

fn write_caveats(
    report: &Report,
    summary: &Summary,
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let painter = painter(options);
    let mut gap = summary.findings > 0;
    let mut line = |out: &mut dyn Write, text: &str| -> io::Result<()> {
        if std::mem::take(&mut gap) {
            writeln!(out)?;
        }
        writeln!(out, "{text}")
    };
    if summary.suppressed > 0 {
        let hint = if options.show_suppressed {
            ""
        } else {
            " (--show-suppressed lists them)"
        };
        line(
            out,
            &format!("Suppressed: {}{hint}", count(summary.suppressed, "finding")),
        )?;
    }
    if summary.owned > 0 {
        let text = format!(
            "Owned by system packages and checked as those: {}",
            count(summary.owned, "language package")
        );
        line(out, &text)?;
    }
    if !summary.unchecked.is_empty() {
        let total = summary.unchecked.values().sum();
        let names: Vec<String> = summary
            .unchecked
            .iter()
            .map(|(name, packages)| format!("{} ({})", plain(name), number(*packages)))
            .collect();
        let text = format!(
            "Not checked: {} the database knows no advisories for: {}",
            count(total, "package"),
            names.join(", ")
        );
        line(out, &painter.paint(CAUTION, &text))?;
    }
    if summary.unreadable > 0 {
        let text = match summary.unreadable {
            1 => "Not read: 1 place; what it holds is missing from this result".to_owned(),
            places => format!(
                "Not read: {} places; what they hold is missing from this result",
                number(places)
            ),
        };
        line(out, &painter.paint(CAUTION, &text))?;
        for warning in report.sbom.warnings.iter().take(QUOTED_WARNINGS) {
            let text = warning.to_string();
            let text = plain(&text);
            let width = options
                .width
                .map_or(usize::MAX, |width| width.saturating_sub(2));
            line(out, &format!("  {}", fit(&text, width, Cut::End)))?;
        }
        let more = summary.unreadable.saturating_sub(QUOTED_WARNINGS);
        if more > 0 {
            line(
                out,
                &format!("  … and {} more (--format json lists them)", number(more)),
            )?;
        }
    }
    if summary.findings > 0 {
        line(
            out,
            &format!("Database: {}", database(summary, options.now)),
        )?;
    }
    if summary.database.starter_only {
        let text = format!(
            "These results are incomplete: only the built-in starter set of {} advisories was \
             used.\nRun `seawall db update`, or `seawall db import` on a machine without network.",
            number(summary.database.advisories)
        );
        line(out, &painter.paint(CAUTION, &text))?;
    } else if summary.database.age_days(options.now) > OLD_DAYS {
        let text = "The advisory database is old: run `seawall db update`.";
        line(out, &painter.paint(CAUTION, text))?;
    }
    Ok(())
}

fn database(summary: &Summary, now: Timestamp) -> String {
    // The starter set is as old as the program; an age would flatter it.
    if summary.database.starter_only {
        return format!(
            "starter set of {} advisories",
            number(summary.database.advisories)
        );
    }
    let age = match summary.database.age_days(now) {
        0 => "newest from today".to_owned(),
        1 => "newest from yesterday".to_owned(),
        days => format!("newest {} days old", number(days)),
    };
    format!("{} advisories, {age}", number(summary.database.advisories))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(number(0_u64), "0");
        assert_eq!(number(999_u64), "999");
        assert_eq!(number(55_577_u64), "55,577");
        assert_eq!(number(1_000_000_u64), "1,000,000");
        assert_eq!(count(1, "finding"), "1 finding");
        assert_eq!(count(2, "finding"), "2 findings");
    }
}
