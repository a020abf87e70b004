//! `docs/reference/alerts.md`: what our rules over the audit log say, for
//! reading.

use std::{fmt::Write as _, path::Path};

use model::Severity;
use rules::{content::pack, rule::Rule};

/// Folders, in the order an attack goes.
const TACTICS: [(&str, &str); 10] = [
    ("initial-access", "Initial access"),
    ("execution", "Execution"),
    ("persistence", "Persistence"),
    ("privilege-escalation", "Privilege escalation"),
    ("defense-evasion", "Defense evasion"),
    ("credential-access", "Credential access"),
    ("discovery", "Discovery"),
    ("lateral-movement", "Lateral movement"),
    ("collection", "Collection"),
    ("impact", "Impact"),
];

const HEAD: &str = "\
# Alerts from Kubernetes audit logs

Made from `content/rules/audit` by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules`; a test fails
while the two differ. How rules decide is told in [detection](../concepts/detection.md).

In what can be copied, `NAMESPACE`, `RESOURCE`, `NAME`, `USER` and `SOURCE` are those of the
alert, and on its page they are filled in. Other words in capitals are for you to find.
";

fn of_folder(folder: &str) -> impl Iterator<Item = &'static Rule> + use<> {
    let part = format!("/{folder}/");
    pack()
        .ruleset
        .rules
        .iter()
        .filter(move |rule| rule.origin.contains(&part))
}

fn one(page: &mut String, rule: &Rule) {
    let extension = &rule.extension;
    let text = |text: &Option<String>| text.as_deref().unwrap_or("").trim().to_owned();
    write!(
        page,
        "\n### {}\n\n`{}` · {} · {} · {}\n\n{}\n\n**Why it matters.** {}\n\n**How to respond**\n\n{}\n\n\
         **When it is harmless.** {}\n",
        rule.name,
        rule.id,
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

#[test]
fn the_reference_tells_of_every_rule() {
    let mut page = HEAD.to_owned();
    let mut told = 0;
    for (folder, title) in TACTICS {
        write!(
            page,
            "\n## {title}\n\n| alert | severity | looks for |\n|---|---|---|\n"
        )
        .unwrap();
        for rule in of_folder(folder) {
            told += 1;
            writeln!(
                page,
                "| `{}` | {} | {} |",
                rule.id,
                rule.extension.severity.unwrap_or(Severity::Unknown),
                rule.description.trim().replace('|', "\\|")
            )
            .unwrap();
        }
        for rule in of_folder(folder) {
            one(&mut page, rule);
        }
    }
    let ours = pack()
        .ruleset
        .rules
        .iter()
        .filter(|rule| rule.origin.contains("audit/"))
        .count();
    assert_eq!(told, ours, "a rule is in a folder that is no tactic");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/alerts.md");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/alerts.md is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules"
    );
}
