//! A name was looked up that is on a list: pools that miners work for, and
//! places that malware is led from.
//!
//! # What
//! Every question's name and each part it ends in is looked for in two
//! sets. They hold what our rules call `node_mining_domains` and
//! `node_suspect_domains`, and what a user's own lists add.
//!
//! # Why
//! Before anything is downloaded, mined or sent, a name is asked for; and
//! often nothing else can be seen, since the rest is encrypted.
//!
//! # Limits
//! [`MAX_NAMES`] names for each list. Whoever asks a resolver over HTTPS is
//! not seen. The same name asked for by the same program is told once in
//! ten minutes.
//!
//! # References
//! Defender's `K8S.NODE_CurrencyMining`, `DnsTI`; ATT&CK T1496, T1071.004.

use std::collections::HashSet;

use api::Severity;

use super::{
    bounded::Bounded,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};
use crate::context::Lookup;

const MAX_NAMES: usize = 1_000_000;
const MAX_TOLD: usize = 1_024;
/// Nanoseconds.
const QUIET: i64 = 600_000_000_000;

pub(super) static MINING: Text = Text {
    id: "K8S.NODE_CurrencyMining",
    on_host: "VM_CurrencyMining",
    title: "Digital currency mining activity",
    description: "The name of a mining pool was looked up.",
    severity: Severity::Medium,
    tactics: &["impact", "exfiltration"],
    techniques: &["T1496"],
    matrix: &["MS-TA9040"],
    why: "A miner needs a pool to work for. It costs what it uses, and shows that somebody \
          else can run programs here.",
    fix: "1. See in the trace which program asked, and where it came from.\n\
          2. Stop the workload; replace it from its image, and close the way in.\n\
          3. Refuse names of pools in the resolver.",
    false_positives: "Pages about mining that a browser or crawler opens.",
    references: &["https://attack.mitre.org/techniques/T1496/"],
};

pub(super) static SUSPECT: Text = Text {
    id: "K8S.NODE_DnsTI",
    on_host: "VM_DnsTI",
    title: "Name of a reported domain was looked up",
    description: "A name was looked up that is on a list of domains malware is served or led \
                  from.",
    severity: Severity::Medium,
    tactics: &["command_and_control", "initial_access"],
    techniques: &["T1071.004", "T1568"],
    matrix: &[],
    why: "The domain was reported as part of attacks on machines like this one. Asking for it \
          is what malware does before it downloads, obeys or sends.",
    fix: "1. See in the trace which program asked and what it did after.\n\
          2. Take the container away from the network and keep its files.\n\
          3. Where the list is wrong, exempt the alert for this workload.",
    false_positives: "Security tools that look domains up to judge them; domains that changed \
                      hands.",
    references: &["https://attack.mitre.org/techniques/T1071/004/"],
};

pub(super) static TEXTS: [&Text; 2] = [&MINING, &SUSPECT];

/// Which list a domain is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intel {
    Mining,
    Suspect,
}

#[derive(Debug)]
pub(super) struct Domains {
    mining: HashSet<Box<[u8]>>,
    suspect: HashSet<Box<[u8]>>,
    told: Bounded<(Whose, Box<[u8]>), i64>,
}

impl Default for Domains {
    /// What our own rule files list.
    fn default() -> Self {
        let mut domains = Self {
            mining: HashSet::new(),
            suspect: HashSet::new(),
            told: Bounded::new(MAX_TOLD),
        };
        for (name, text) in rules::content::files() {
            if name.ends_with("/_indicators.yaml") {
                domains.add(Intel::Mining, &items(&text, "node_mining_domains"));
                domains.add(Intel::Suspect, &items(&text, "node_suspect_domains"));
            }
        }
        domains
    }
}

/// The items of a list of a rule file, a name on each line.
fn items(text: &str, list: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Item {
        list: Option<String>,
        #[serde(default)]
        items: Vec<String>,
    }
    let all: Vec<Item> = serde_norway::from_str(text).unwrap_or_default();
    all.into_iter()
        .filter(|item| item.list.as_deref() == Some(list))
        .flat_map(|item| item.items)
        .collect::<Vec<_>>()
        .join("\n")
}

impl Domains {
    /// Adds a list: a name on each line, `#` begins a comment. Lines of
    /// `hosts` files are understood. Says how many were taken.
    pub(super) fn add(&mut self, intel: Intel, text: &str) -> usize {
        let set = match intel {
            Intel::Mining => &mut self.mining,
            Intel::Suspect => &mut self.suspect,
        };
        let before = set.len();
        for line in text.lines() {
            if set.len() >= MAX_NAMES {
                break;
            }
            let line = line.split('#').next().unwrap_or_default();
            let Some(name) = line.split_whitespace().next_back() else {
                continue;
            };
            let name = name
                .trim_start_matches("*.")
                .trim_matches('.')
                .to_ascii_lowercase();
            // A whole country is a mistake of the list.
            let is_name = name.contains('.')
                && name.len() <= 253
                && name
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it))
                && name.parse::<std::net::IpAddr>().is_err();
            if is_name {
                set.insert(name.into_bytes().into());
            }
        }
        set.len() - before
    }

    pub(super) fn see(&mut self, whose: Whose, lookup: &Lookup<'_>) -> Option<Suspicion> {
        if lookup.is_answer {
            return None;
        }
        let (text, domain) = self.find(lookup.name)?;
        let domain: Box<[u8]> = domain.into();
        let shown = text::bytes(&domain, 253);
        let last = self.told.entry(&(whose, domain), || i64::MIN)?;
        let is_told = *last != i64::MIN && (0..QUIET).contains(&(lookup.time - *last));
        *last = lookup.time;
        if is_told {
            return None;
        }
        let name = text::bytes(lookup.name, 253);
        let what = if std::ptr::eq(text, &raw const MINING) {
            "a mining pool"
        } else {
            "a reported domain"
        };
        Some(
            Suspicion::new(text, format!("{name} was looked up, {what} ({shown})"))
                .field("dns.name", name)
                .field("dns.domain", shown),
        )
    }

    fn find<'n>(&self, name: &'n [u8]) -> Option<(&'static Text, &'n [u8])> {
        let mut rest = name;
        loop {
            if self.mining.contains(rest) {
                return Some((&MINING, rest));
            }
            if self.suspect.contains(rest) {
                return Some((&SUSPECT, rest));
            }
            let dot = rest.iter().position(|byte| *byte == b'.')?;
            rest = rest.get(dot + 1..)?;
        }
    }

    /// Whether it is a pool's, for who weighs up several signs.
    pub(super) fn is_pool(&self, name: &[u8]) -> bool {
        self.find(name)
            .is_some_and(|(text, _)| std::ptr::eq(text, &raw const MINING))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::made;

    #[test]
    fn a_listed_domain_and_what_is_below_it_is_told_once() {
        let mut domains = Domains::default();
        let list = "# pools\npool.example.org\n0.0.0.0 bad.example # reported\n*.wild.example.\n\
                    com\n\nnot a name!\n192.0.2.1\n";
        assert_eq!(domains.add(Intel::Mining, "pool.example.org"), 1);
        assert_eq!(domains.add(Intel::Suspect, list), 3);
        let process = Arc::new(made::process(151, "/tmp/x", &[]));
        let mut ask = |name: &str, answer: Option<u8>, seconds: i64| {
            let mut lookup = made::lookup(&process, name, 1, answer);
            lookup.time += seconds * 1_000_000_000;
            domains
                .see(Whose::of(&process), &lookup)
                .map(|it| it.text.id)
        };
        assert_eq!(
            ask("eu.pool.example.org", None, 0),
            Some("K8S.NODE_CurrencyMining")
        );
        assert_eq!(ask("us.pool.example.org", None, 1), None);
        assert_eq!(
            ask("us.pool.example.org", None, 700),
            Some("K8S.NODE_CurrencyMining")
        );
        assert_eq!(ask("bad.example", None, 0), Some("K8S.NODE_DnsTI"));
        assert_eq!(ask("a.wild.example", None, 0), Some("K8S.NODE_DnsTI"));
        for other in [
            "notpool.example.org.uk",
            "xpool.example.org",
            "example.com",
            "",
        ] {
            assert_eq!(ask(other, None, 0), None, "{other}");
        }
        assert_eq!(ask("deep.wild.example", Some(0), 2_000), None);
        assert!(domains.is_pool(b"eu.pool.example.org"));
    }

    #[test]
    fn lists_are_read_out_of_rule_files() {
        let text = "- list: a\n  items: [x.example, y.example]\n- macro: m\n  condition: c\n\
                    - list: b\n  items: [z.example]\n";
        assert_eq!(items(text, "a"), "x.example\ny.example");
        assert_eq!(items("- [", "a"), "");
    }
}
