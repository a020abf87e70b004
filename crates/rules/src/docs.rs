//! Pages made from what is known here: the fields, and the rules.

use std::fmt::Write as _;

use crate::{
    field::{Argument, Field, Kind, Needs, Source},
    rule::{Rule, Ruleset},
};

/// Every field of every source, as Markdown.
pub fn fields() -> String {
    let mut page = String::from("# Fields of rules\n\nMade by `seawall rules docs fields`.\n");
    for source in Source::ALL {
        write(&mut page, format_args!("\n## Source `{source}`\n\n"));
        page.push_str("| field | values | what it is |\n|---|---|---|\n");
        for field in source.fields() {
            let name = match field.argument {
                Argument::None => field.name.to_owned(),
                Argument::Optional => format!("{}[…] or {}", field.name, field.name),
                Argument::Required => format!("{}[…]", field.name),
            };
            write(
                &mut page,
                format_args!(
                    "| `{}` | {} | {} |\n",
                    name.replace(" or ", "`, `"),
                    values(field),
                    cell(&doc(field))
                ),
            );
        }
    }
    page
}

fn values(field: &Field) -> &'static str {
    match (field.kind, field.is_list) {
        (Kind::Text, false) => "text",
        (Kind::Text, true) => "texts",
        (Kind::Path, false) => "path",
        (Kind::Path, true) => "paths",
        (Kind::Number, false) => "number",
        (Kind::Number, true) => "numbers",
        (Kind::Boolean, false) => "true or false",
        (Kind::Boolean, true) => "truths",
        (Kind::Time, false) => "nanoseconds",
        (Kind::Time, true) => "times",
        (Kind::Address, false) => "address",
        (Kind::Address, true) => "addresses",
        (Kind::Network, false) => "network",
        (Kind::Network, true) => "networks",
        (Kind::Port, false) => "port",
        (Kind::Port, true) => "ports",
    }
}

fn doc(field: &Field) -> String {
    let needs = match field.needs {
        Needs::Event => "",
        Needs::RequestBody => " Needs audit level `Request`.",
        Needs::ResponseBody => " Needs audit level `RequestResponse`.",
    };
    let ours = if field.is_ours {
        " Only Seawall has it."
    } else {
        ""
    };
    format!("{}{needs}{ours}", field.doc)
}

/// The rules of a set, as Markdown: a list, then each with its reasons.
pub fn rules(ruleset: &Ruleset) -> String {
    let mut page = String::from("# Rules\n\nMade by `seawall rules docs rules`.\n");
    for source in Source::ALL {
        let rules: Vec<&Rule> = ruleset
            .rules
            .iter()
            .filter(|rule| rule.source == source)
            .collect();
        if rules.is_empty() {
            continue;
        }
        write(
            &mut page,
            format_args!("\n## Source `{source}`: {}\n\n", rules.len()),
        );
        page.push_str("| id | severity | title | techniques |\n|---|---|---|---|\n");
        for rule in &rules {
            let techniques: Vec<&str> = rule
                .extension
                .attack
                .iter()
                .chain(&rule.extension.matrix)
                .map(String::as_str)
                .collect();
            write(
                &mut page,
                format_args!(
                    "| {} | {} | {} | {} |\n",
                    ids(rule),
                    rule.severity(),
                    cell(rule.title()),
                    techniques.join(", ")
                ),
            );
        }
        for rule in rules {
            one(&mut page, rule);
        }
    }
    page
}

fn one(page: &mut String, rule: &Rule) {
    write(
        page,
        format_args!(
            "\n### {} ({})\n\n{}\n",
            rule.title(),
            ids(rule),
            rule.description
        ),
    );
    let extension = &rule.extension;
    for (heading, text) in [
        ("Why", &extension.why),
        ("What to do", &extension.fix),
        ("False positives", &extension.false_positives),
    ] {
        if let Some(text) = text {
            write(page, format_args!("\n**{heading}.** {text}\n"));
        }
    }
    if !rule.is_enabled {
        page.push_str("\nSwitched off unless you switch it on.\n");
    }
    if !extension.references.is_empty() {
        page.push('\n');
        for reference in &extension.references {
            write(page, format_args!("- <{reference}>\n"));
        }
    }
}

/// Its ids as code; the second is the one on a host.
fn ids(rule: &Rule) -> String {
    let ids: Vec<String> = rule.ids().map(|id| format!("`{id}`")).collect();
    ids.join(", on a host ")
}

fn write(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text)
        .expect("invariant: writing to a string cannot fail");
}

/// `text` in one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_reference_page_has_every_field() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/rule-fields.md");
        let page = fields();
        if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == page,
            "docs/reference/rule-fields.md is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules"
        );
    }

    #[test]
    fn rules_are_written_with_their_reasons() {
        let page = rules(&crate::content::pack().ruleset);
        assert!(page.contains("| `K8S_ExecIntoPod` |"), "{page}");
        assert!(page.contains("**Why.**") && page.contains("**What to do.**"));
    }
}
