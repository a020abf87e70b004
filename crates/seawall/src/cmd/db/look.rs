//! Looking into the database: `status` and `search`.

use std::fmt::Write as _;

use model::{Clock as _, Severity, Vulnerability, VulnerabilityId, db::DatabaseStatus};
use serde_json::json;
use vulns::Database;

use super::super::{Context, write_stdout};
use crate::{
    args::{
        DatabaseDir,
        db::{Search, Status, TextOrJson},
    },
    exit::{Exit, Failure},
};

fn open(context: &Context, choice: &DatabaseDir) -> Result<Database, Failure> {
    let folder = context.database_dir(choice);
    Database::open_or_starter(&folder).map_err(|error| {
        Failure::failed(error)
            .context("use the advisory database")
            .help("`seawall db update` or `seawall db import` makes a new one")
    })
}

pub(super) fn status(context: &Context, arguments: &Status) -> Result<Exit, Failure> {
    let database = open(context, &arguments.database)?;
    let status = database.status();
    let text = match arguments.format {
        TextOrJson::Json => json_line(status)?,
        TextOrJson::Text => describe(context, &arguments.database, status)
            .expect("invariant: writing to a string cannot fail"),
    };
    write_stdout(text.as_bytes())?;
    Ok(Exit::Clean)
}

fn json_line(value: &impl serde::Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    text.push('\n');
    Ok(text)
}

fn describe(
    context: &Context,
    choice: &DatabaseDir,
    status: &DatabaseStatus,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if status.starter_only {
        writeln!(
            text,
            "There is no advisory database in {}.",
            context.database_dir(choice).display()
        )?;
        writeln!(
            text,
            "Scans use the built-in starter set of {} advisories, and their results are incomplete.",
            status.advisories
        )?;
        writeln!(
            text,
            "Run `seawall db update`, or `seawall db import` on a machine without network."
        )?;
        return Ok(text);
    }
    let day = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    writeln!(
        text,
        "Folder:      {}",
        context.database_dir(choice).display()
    )?;
    writeln!(text, "Generation:  {}", status.generation)?;
    let age = context.clock.now().since(status.compiled);
    let hours = age.map_or(0, |age| age.get_seconds() / 3600);
    writeln!(
        text,
        "Compiled:    {} ({})",
        day(status.compiled),
        match hours {
            i64::MIN..=0 => "just now".to_owned(),
            1..=47 => format!("{hours} h ago"),
            _ => format!("{} days ago", hours / 24),
        }
    )?;
    writeln!(text, "Advisories:  {}", status.advisories)?;
    let or_none = |date: Option<jiff::civil::Date>| {
        date.map_or_else(|| "none".to_owned(), |date| date.to_string())
    };
    writeln!(text, "EPSS:        {}", or_none(status.epss))?;
    writeln!(text, "KEV:         {}", or_none(status.kev))?;
    let width = status
        .sources
        .iter()
        .map(|source| source.ecosystem.len())
        .max()
        .unwrap_or_default()
        .max("ECOSYSTEM".len());
    writeln!(
        text,
        "\n{:width$}  {:>10}  NEWEST",
        "ECOSYSTEM", "ADVISORIES"
    )?;
    for source in &status.sources {
        writeln!(
            text,
            "{:width$}  {:>10}  {}",
            source.ecosystem,
            source.advisories,
            source.newest.map(day).unwrap_or_default()
        )?;
    }
    Ok(text)
}

pub(super) fn search(context: &Context, arguments: &Search) -> Result<Exit, Failure> {
    let database = open(context, &arguments.database)?;
    let wanted = arguments.id.trim();
    let text = if let Some(id) = database.canonical_id(wanted) {
        let Some(vulnerability) = database.vulnerability(&id) else {
            return Err(Failure::failed(anyhow::anyhow!("read the details of {id}"))
                .help("`seawall db update` makes a new database"));
        };
        match arguments.format {
            TextOrJson::Json => json_line(&vulnerability)?,
            TextOrJson::Text => {
                details(&vulnerability).expect("invariant: writing to a string cannot fail")
            }
        }
    } else {
        let found: Vec<_> = database
            .entries()
            .filter(|entry| contains(entry.id, wanted))
            .take(arguments.limit)
            .collect();
        match arguments.format {
            TextOrJson::Json => json_line(
                &found
                    .iter()
                    .map(|entry| {
                        json!({
                            "id": entry.id,
                            "severity": entry.severity,
                            "epss": entry.epss.map(|epss| epss.score),
                            "kev": entry.is_known_exploited,
                        })
                    })
                    .collect::<Vec<_>>(),
            )?,
            TextOrJson::Text => found
                .iter()
                .map(|entry| {
                    line(
                        &database,
                        entry.id,
                        entry.severity,
                        entry.is_known_exploited,
                    )
                })
                .collect(),
        }
    };
    if text.is_empty() {
        context.note(&format!(
            "nothing in the database is called '{wanted}' or contains it in its id"
        ));
    }
    write_stdout(text.as_bytes())?;
    if database.status().starter_only {
        context.warn(&"only the built-in starter set was searched");
    }
    Ok(Exit::Clean)
}

fn contains(id: &str, wanted: &str) -> bool {
    id.to_ascii_lowercase()
        .contains(&wanted.to_ascii_lowercase())
}

fn line(database: &Database, id: &str, severity: Severity, is_exploited: bool) -> String {
    let title = database
        .vulnerability(&VulnerabilityId::new(id))
        .map(|details| details.title)
        .unwrap_or_default();
    let kev = if is_exploited { "KEV" } else { "" };
    format!("{severity:<8}\t{id}\t{kev}\t{}\n", report::plain(&title))
}

fn details(vulnerability: &Vulnerability) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{} ({})", vulnerability.id, vulnerability.severity)?;
    if !vulnerability.title.is_empty() {
        writeln!(text, "{}", report::plain(&vulnerability.title))?;
    }
    writeln!(text)?;
    if !vulnerability.aliases.is_empty() {
        writeln!(
            text,
            "Also:       {}",
            report::plain(&vulnerability.aliases.join(", "))
        )?;
    }
    for cvss in &vulnerability.cvss {
        writeln!(
            text,
            "CVSS:       {:.1}  {}  ({})",
            cvss.score,
            report::plain(&cvss.vector),
            report::plain(&cvss.source)
        )?;
    }
    if let Some(epss) = vulnerability.epss {
        writeln!(
            text,
            "EPSS:       {:.2}% likely to be exploited within 30 days",
            epss.score * 100.0
        )?;
    }
    if let Some(kev) = &vulnerability.kev {
        let ransomware = if kev.ransomware {
            ", by ransomware too"
        } else {
            ""
        };
        writeln!(text, "Exploited:  known since {}{ransomware}", kev.added)?;
    }
    if !vulnerability.cwes.is_empty() {
        writeln!(
            text,
            "Weakness:   {}",
            report::plain(&vulnerability.cwes.join(", "))
        )?;
    }
    if let Some(published) = vulnerability.published {
        writeln!(text, "Published:  {}", published.strftime("%Y-%m-%d"))?;
    }
    if let Some(modified) = vulnerability.modified {
        writeln!(text, "Changed:    {}", modified.strftime("%Y-%m-%d"))?;
    }
    if !vulnerability.description.is_empty() {
        writeln!(text)?;
        for line in vulnerability.description.lines() {
            writeln!(text, "{}", report::plain(line))?;
        }
    }
    if !vulnerability.references.is_empty() {
        writeln!(text)?;
        for reference in &vulnerability.references {
            writeln!(text, "- {}", report::plain(reference))?;
        }
    }
    Ok(text)
}
