//! What a worker tells, checked and bounded before it is believed: it may
//! have fallen to what it reads.

use std::collections::HashMap;

use model::{FoundSecret, SecretPlace};

use super::{
    end::clean,
    wire::{self, Done},
};
use crate::{
    cache,
    extract::Extractor,
    layer::{LayerFacts, Remark, normalise},
    limits::Limits,
    malware::Judge,
    secret_kinds,
};

/// Bytes of one frame: a program as large as any is judged, and its path.
pub(super) const MOST_FRAME: usize = (64 << 20) + (64 << 10);
/// Bytes a layer's facts may take on their way.
const MOST_FACTS: usize = 512 << 20;
/// Letters of a message to people.
const MOST_MESSAGE: usize = 1000;

/// A worker said what no honest one says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("said what it should not: {0}")]
pub(super) struct Lie(pub &'static str);

/// The facts of a layer, as they come in.
pub(super) struct Told<'a> {
    pub(super) facts: LayerFacts,
    extractors: &'a [&'a dyn Extractor],
    aliases: &'a HashMap<u64, Vec<String>>,
    limits: &'a Limits,
    bytes: usize,
    /// Bytes of programs that were shown.
    shown: u64,
    path: String,
}

impl<'a> Told<'a> {
    pub(super) fn new(
        extractors: &'a [&'a dyn Extractor],
        aliases: &'a HashMap<u64, Vec<String>>,
        limits: &'a Limits,
    ) -> Self {
        Self {
            facts: LayerFacts::for_extractors(extractors),
            extractors,
            aliases,
            limits,
            bytes: 0,
            shown: 0,
            path: String::new(),
        }
    }

    pub(super) fn forget(&mut self) {
        self.facts = LayerFacts::for_extractors(self.extractors);
    }

    /// Hands a program on to whoever judges it.
    pub(super) fn show(&mut self, frame: &[u8], judge: Option<&Judge<'_>>) -> Result<(), Lie> {
        let judge = judge.ok_or(Lie("a program nobody asked for"))?;
        self.shown += frame.len() as u64;
        if self.shown > self.limits.wanted_bytes {
            return Err(Lie("more programs than may be read"));
        }
        let (path, program) = wire::program(frame).ok_or(Lie("a program without a path"))?;
        check_path(path, self.limits, &mut self.path)?;
        judge.see(path, program);
        Ok(())
    }

    /// Takes in a frame of further facts.
    pub(super) fn add(&mut self, frame: &[u8]) -> Result<(), Lie> {
        self.bytes += frame.len();
        if self.bytes > MOST_FACTS {
            return Err(Lie("more than 512 MiB of facts"));
        }
        let news = cache::decode(frame).ok_or(Lie("facts that make no sense"))?;
        for (name, own) in news.extractors {
            let known = self.facts.extractors.get_mut(&name);
            let known = known.ok_or(Lie("facts nobody asked for"))?;
            if known.version != own.version {
                return Err(Lie("facts of another version"));
            }
            for mut file in own.files {
                check_path(&file.path, self.limits, &mut self.path)?;
                let packages = &mut file.extraction.packages;
                if packages.iter().any(|found| found.name.is_empty()) {
                    return Err(Lie("a package without a name"));
                }
                check_secrets(&mut file.extraction.secrets)?;
                for warning in &mut file.extraction.warnings {
                    *warning = clean(warning, MOST_MESSAGE);
                }
                known.files.push(file);
            }
            for remark in own.remarks {
                known
                    .remarks
                    .push(checked(remark, self.limits, &mut self.path)?);
            }
        }
        for remark in news.remarks {
            let remark = checked(remark, self.limits, &mut self.path)?;
            self.facts.remarks.push(remark);
        }
        let lists = [
            (&mut self.facts.files, news.files),
            (&mut self.facts.folders, news.folders),
            (&mut self.facts.whiteouts, news.whiteouts),
            (&mut self.facts.opaques, news.opaques),
        ];
        for (known, new) in lists {
            known.extend(new);
            if known.len() as u64 > self.limits.entries {
                return Err(Lie("more entries than may be read"));
            }
        }
        Ok(())
    }

    /// The links that need another reading: only names that are paths,
    /// and none in a reading that is the other one already.
    pub(super) fn unresolved(&mut self, done: &mut Done) -> Result<HashMap<u64, Vec<String>>, Lie> {
        let unresolved = std::mem::take(&mut done.unresolved);
        if !self.aliases.is_empty() && !unresolved.is_empty() {
            // Links of links are followed once.
            return Ok(HashMap::new());
        }
        let count: usize = unresolved.iter().map(|(_, names)| names.len()).sum();
        if count as u64 > self.limits.entries {
            return Err(Lie("more links than may be read"));
        }
        for (_, names) in &unresolved {
            for name in names {
                check_path(name, self.limits, &mut self.path)?;
            }
        }
        Ok(unresolved.into_iter().collect())
    }
}

fn checked(remark: Remark, limits: &Limits, space: &mut String) -> Result<Remark, Lie> {
    if let Some(path) = &remark.path {
        check_path(path, limits, space)?;
    }
    Ok(Remark {
        path: remark.path,
        message: clean(&remark.message, MOST_MESSAGE),
    })
}

/// Letters of what is shown of a secret, and of its mark.
const MOST_SHOWN: usize = 40;
/// Secrets told of one file.
const MOST_SECRETS: usize = 100;

/// What a worker says of secrets: of known kinds, and short enough that
/// no value hides in it.
fn check_secrets(secrets: &mut [FoundSecret]) -> Result<(), Lie> {
    if secrets.len() > MOST_SECRETS {
        return Err(Lie("more secrets than are told of a file"));
    }
    for secret in secrets {
        let is_known = secret_kinds().iter().any(|kind| kind.id == secret.rule);
        let is_mark = secret.mark.len() <= MOST_SHOWN
            && secret.mark.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_known || !is_mark || secret.place != SecretPlace::File {
            return Err(Lie("a secret of no kind"));
        }
        secret.path.clear();
        secret.redacted = clean(&secret.redacted, MOST_SHOWN);
        secret.proof = secret.proof.take().map(|proof| clean(&proof, 300));
        (secret.layer, secret.removed_in) = (None, None);
    }
    Ok(())
}

/// Whether a path is one that walking a layer can bring forth.
pub(super) fn check_path(path: &str, limits: &Limits, space: &mut String) -> Result<(), Lie> {
    // Names that are not UTF-8 grow when they are made so.
    let longest = limits.path_length.saturating_mul(3);
    match normalise(path.as_bytes(), longest, limits.path_depth, space) {
        Ok(()) if space == path && !path.is_empty() => Ok(()),
        _ => Err(Lie("a path that is none")),
    }
}

#[cfg(test)]
mod tests {
    use model::PackageKind;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        extract::{self, Extraction, Found},
        layer::{ExtractorFacts, FileFacts},
    };

    fn told(change: impl FnOnce(&mut LayerFacts)) -> Result<LayerFacts, Lie> {
        let (aliases, limits) = (HashMap::new(), Limits::default());
        let dpkg = extract::all()
            .iter()
            .find(|extractor| extractor.name() == "dpkg");
        let asked = [*dpkg.unwrap()];
        let mut facts = LayerFacts::for_extractors(&asked);
        change(&mut facts);
        let mut told = Told::new(&asked, &aliases, &limits);
        told.add(&cache::encode(&facts)).map(|()| told.facts)
    }

    fn file(facts: &mut LayerFacts, path: &str, found: Found) {
        let extraction = Extraction {
            packages: vec![found],
            ..Extraction::default()
        };
        facts
            .extractors
            .get_mut("dpkg")
            .unwrap()
            .files
            .push(FileFacts {
                path: path.to_owned(),
                extraction,
            });
    }

    fn found() -> Found {
        Found::new(PackageKind::Deb, "openssl", "3")
    }

    #[test]
    fn an_honest_word_is_taken_as_it_is() {
        let honest = told(|facts| {
            file(facts, "var/lib/dpkg/status", found());
            facts.files = vec![3, 1, 2];
            facts.remark(Some("a/b"), "odd");
        })
        .unwrap();
        assert_eq!(honest.extractors["dpkg"].files.len(), 1);
        assert_eq!(honest.files, [3, 1, 2]);
        assert_eq!(honest.remarks[0].message, "odd");
    }

    #[test]
    fn lies_are_named() {
        let of = |change: &dyn Fn(&mut LayerFacts)| told(|facts| change(facts)).unwrap_err().0;
        assert_eq!(
            of(&|facts| {
                let own = ExtractorFacts {
                    remarks: vec![Remark {
                        path: None,
                        message: String::new(),
                    }],
                    ..ExtractorFacts::default()
                };
                facts.extractors.insert("rpm".to_owned(), own);
            }),
            "facts nobody asked for"
        );
        assert_eq!(
            of(&|facts| facts.extractors.get_mut("dpkg").unwrap().version = 0),
            "facts of another version"
        );
        for path in ["", "/etc/passwd", "a/../b", "a//b", &"a/".repeat(300)] {
            assert_eq!(
                of(&|facts| file(facts, path, found())),
                "a path that is none"
            );
        }
        let mut nameless = found();
        nameless.name.clear();
        assert_eq!(
            of(&|facts| file(facts, "a", nameless.clone())),
            "a package without a name"
        );
        assert_eq!(
            of(&|facts| facts.files = vec![0; 2_000_001]),
            "more entries than may be read"
        );
    }

    #[test]
    fn messages_are_cut_and_cleaned() {
        let facts = told(|facts| facts.remark(None, format!("\u{1b}[2J{}", "x".repeat(5000))));
        let message = facts.unwrap().remarks.remove(0).message;
        assert!(message.starts_with("\u{fffd}[2J"));
        assert_eq!(message.chars().count(), MOST_MESSAGE);
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let (aliases, limits) = (HashMap::new(), Limits::default());
            let mut told = Told::new(&[], &aliases, &limits);
            prop_assert!(told.add(&bytes).is_err());
        }
    }
}
