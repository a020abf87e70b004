//! `docs/reference/alerts.md` and `docs/reference/node-alerts.md`: what our
//! rules say, for reading.

use std::{fmt::Write as _, path::Path};

use model::Severity;
use rules::{content::pack, rule::Rule};

/// Folders, in the order an attack goes.
const TACTICS: [(&str, &str); 12] = [
    ("initial-access", "Initial access"),
    ("execution", "Execution"),
    ("persistence", "Persistence"),
    ("privilege-escalation", "Privilege escalation"),
    ("defense-evasion", "Defense evasion"),
    ("credential-access", "Credential access"),
    ("discovery", "Discovery"),
    ("lateral-movement", "Lateral movement"),
    ("collection", "Collection"),
    ("command-and-control", "Command and control"),
    ("exfiltration", "Exfiltration"),
    ("impact", "Impact"),
];

const AUDIT: &str = "\
# Alerts from Kubernetes audit logs

Made from `content/rules/audit` by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules`; a test fails
while the two differ. How rules decide is told in [detection](../concepts/detection.md).

In what can be copied, `NAMESPACE`, `RESOURCE`, `NAME`, `USER` and `SOURCE` are those of the
alert, and on its page they are filled in. Other words in capitals are for you to find.
";

const NODES: &str = "\
# Alerts from nodes

Made from `content/rules/runtime` by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules`; a test fails
while the two differ. How to tune them is told in [run-time rules](../guides/runtime-rules.md).

An alert has the first of its ids where it happened in a container, and the second on the host
itself. Words in capitals in what can be copied are for you to find, unless the alert's page
fills them in.
";

fn of_folder(
    root: &'static str,
    folder: &'static str,
) -> impl Iterator<Item = &'static Rule> + use<> {
    let part = format!("{root}/{folder}/");
    pack()
        .ruleset
        .rules
        .iter()
        .filter(move |rule| rule.origin.contains(&part))
}

/// Its ids, as code.
fn ids(rule: &Rule) -> String {
    let ids: Vec<String> = rule.ids().map(|id| format!("`{id}`")).collect();
    ids.join(", ")
}

fn one(page: &mut String, rule: &Rule) {
    let extension = &rule.extension;
    let text = |text: &Option<String>| text.as_deref().unwrap_or("").trim().to_owned();
    write!(
        page,
        "\n### {}\n\n{} · {} · {} · {}\n\n{}\n\n**Why it matters.** {}\n\n**How to respond**\n\n{}\n\n\
         **When it is harmless.** {}\n",
        rule.name,
        ids(rule),
        extension.severity.unwrap_or(Severity::Unknown),
        extension.attack.join(", "),
        extension.matrix.join(", "),
        rule.description.trim(),
        text(&extension.why),
        text(&extension.fix),
        text(&extension.false_positives),
    )
    .unwrap();
    for reference in &extension.references {
        writeln!(page, "\n<{reference}>").unwrap();
    }
}

/// Compares `docs/reference/<file>` with what the rules below `root` say.
fn keeps(file: &str, root: &'static str, head: &str) {
    let mut page = head.to_owned();
    let mut told = 0;
    for (folder, title) in TACTICS {
        if of_folder(root, folder).next().is_none() {
            continue;
        }
        write!(
            page,
            "\n## {title}\n\n| alert | severity | looks for |\n|---|---|---|\n"
        )
        .unwrap();
        for rule in of_folder(root, folder) {
            told += 1;
            writeln!(
                page,
                "| {} | {} | {} |",
                ids(rule),
                rule.extension.severity.unwrap_or(Severity::Unknown),
                rule.description.trim().replace('|', "\\|")
            )
            .unwrap();
        }
        for rule in of_folder(root, folder) {
            one(&mut page, rule);
        }
    }
    let below = format!("{root}/");
    let rules = pack().ruleset.rules.iter();
    let ours = rules.filter(|rule| rule.origin.contains(&below)).count();
    assert_eq!(told, ours, "a rule is in a folder that is no tactic");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(file);
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/{file} is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules"
    );
}

#[test]
fn the_reference_tells_of_every_rule() {
    keeps("alerts.md", "audit", AUDIT);
}

#[test]
fn the_reference_tells_of_every_rule_over_nodes() {
    keeps("node-alerts.md", "runtime", NODES);
}
