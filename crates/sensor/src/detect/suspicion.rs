//! What an analytic says: the same an alert of a rule does, in code.

use api::{Severity, sensor::SensorRule};

/// What is to say of an analytic, whatever it found. The words are those
/// of a rule file's keys.
#[derive(Debug)]
pub struct Text {
    pub id: &'static str,
    /// What it is called on the host itself; empty: the same.
    pub on_host: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub severity: Severity,
    pub tactics: &'static [&'static str],
    pub techniques: &'static [&'static str],
    pub matrix: &'static [&'static str],
    pub why: &'static str,
    pub fix: &'static str,
    pub false_positives: &'static str,
    pub references: &'static [&'static str],
}

impl Text {
    pub(super) fn id(&self, is_on_host: bool) -> &'static str {
        if is_on_host && !self.on_host.is_empty() {
            self.on_host
        } else {
            self.id
        }
    }

    pub(super) fn rule(&self, is_on_host: bool, severity: Option<Severity>) -> SensorRule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        SensorRule {
            id: self.id(is_on_host).to_owned(),
            title: self.title.to_owned(),
            description: self.description.to_owned(),
            condition: String::new(),
            severity: severity.unwrap_or(self.severity),
            tactics: owned(self.tactics),
            techniques: owned(self.techniques),
            matrix: owned(self.matrix),
            why: self.why.to_owned(),
            fix: self.fix.to_owned(),
            false_positives: self.false_positives.to_owned(),
            references: owned(self.references),
        }
    }
}

/// Something an analytic found.
#[derive(Debug)]
pub(super) struct Suspicion {
    pub(super) text: &'static Text,
    /// Where it is less, or more, than its text says.
    pub(super) severity: Option<Severity>,
    /// One line about this occurrence.
    pub(super) summary: String,
    /// What was seen, by field.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Suspicion {
    pub(super) fn new(text: &'static Text, summary: String) -> Self {
        Self {
            text,
            severity: None,
            summary,
            fields: Vec::new(),
        }
    }

    pub(super) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// Every analytic there is, for documents and for switching off.
pub fn texts() -> Vec<&'static Text> {
    let mut texts = Vec::new();
    texts.extend(super::drifted::TEXTS);
    texts.extend(super::domains::TEXTS);
    texts.extend(super::tunnel::TEXTS);
    texts.extend([
        &super::beacon::TEXT,
        &super::blind::TEXT,
        &super::busy::TEXT,
        &super::credentials::TEXT,
        &super::ended::TEXT,
        &super::fetched::TEXT,
        &super::known_bad::TEXT,
        &super::rewrite::TEXT,
        &super::scan::TEXT,
    ]);
    texts
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_text_says_all_there_is_to_say_and_ids_are_of_one() {
        let mut ids = BTreeSet::new();
        let mut faults = Vec::new();
        for text in texts() {
            for id in [text.id, text.on_host] {
                if !id.is_empty() && !ids.insert(id) {
                    faults.push(format!("{id} is there twice"));
                }
            }
            for (name, is_empty) in [
                ("title", text.title.is_empty()),
                ("description", text.description.is_empty()),
                ("why", text.why.is_empty()),
                ("fix", text.fix.is_empty()),
                ("false_positives", text.false_positives.is_empty()),
                ("tactics", text.tactics.is_empty()),
                ("techniques", text.techniques.is_empty()),
            ] {
                if is_empty {
                    faults.push(format!("{}: no {name}", text.id));
                }
            }
            for tactic in text.tactics {
                if !model::attack::TACTICS.contains(&&*tactic.replace('_', "-")) {
                    faults.push(format!("{}: no tactic {tactic}", text.id));
                }
            }
        }
        // What a rule says in its way and an analytic in its own is one
        // thing; anything else of the same name would be another.
        let shared = [
            "K8S.NODE_CurrencyMining",
            "K8S.NODE_DnsTI",
            "K8S.NODE_LinuxSuspiciousActivity",
            "K8S.NODE_SuspectProcessTermination",
        ];
        for text in texts() {
            if shared.contains(&text.id) {
                ids.remove(text.id);
                ids.remove(text.on_host);
            }
        }
        for rule in &rules::content::pack().ruleset.rules {
            faults.extend(
                rule.ids()
                    .filter(|id| ids.contains(id))
                    .map(|id| format!("{id} is a rule's, too")),
            );
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// The page users read, made of the same words.
    #[test]
    fn the_page_about_analytics_is_what_they_say() {
        let mut page = String::from(
            "# Analytics over nodes\n\nWhat takes more memory than a rule has: the sensor \
             counts and compares in code, and raises\nthese alerts beside those of [rules]\
             (node-alerts.md). Each can be switched off and exempted like a\nrule. The second \
             id is that of the host itself, outside of containers.\n\n<!-- Written by the tests \
             of `sensor`: SEAWALL_UPDATE_GOLDEN=1 cargo test -p sensor --lib page -->\n",
        );
        let mut all = texts();
        all.sort_by_key(|text| text.id);
        for text in all {
            let also = match text.on_host {
                "" => String::new(),
                id => format!(", `{id}`"),
            };
            let severity = format!("{:?}", text.severity).to_lowercase();
            write!(
                page,
                "\n## {}\n\n`{}`{also} · {severity} · {}\n\n{}\n\n**Why.** {}\n\n**What to \
                 do**\n\n{}\n\n**When it is nothing.** {}\n",
                text.title,
                text.id,
                text.techniques.join(", "),
                text.description,
                text.why,
                text.fix,
                text.false_positives,
            )
            .unwrap();
        }
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/node-analytics.md"
        );
        if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == page,
            "docs/reference/node-analytics.md is not what the analytics say: \
             SEAWALL_UPDATE_GOLDEN=1 cargo test -p sensor --lib page"
        );
    }
}
