//! How much of what an engine says of its containers is believed. An
//! engine speaks for whoever starts containers in it: names, labels and
//! numbers are theirs.

use std::collections::BTreeMap;

use model::RunningContainer;

/// Containers of one engine; a machine runs a few hundred.
pub(super) const CONTAINERS: usize = 10_000;
/// Containers of which more is asked than the list tells.
pub(super) const INSPECTED: usize = 1_000;
/// Containers of which it is asked what runs in them.
pub(super) const PEERED_INTO: usize = 300;
/// Words of one sort that are kept of a container.
const WORDS: usize = 100;
const LABELS: usize = 100;
pub(super) const PORTS: usize = 200;
const PATHS: usize = 100;
const TEXT_BYTES: usize = 1_024;

/// What one engine runs.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) containers: Vec<RunningContainer>,
    /// There are more than [`CONTAINERS`].
    pub(super) is_cut: bool,
}

/// A text of the engine's, cut at the bound.
pub(super) fn text(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    text
}

/// The first paths in order, without those that no path of a machine is.
pub(super) fn paths(paths: impl IntoIterator<Item = String>) -> Vec<String> {
    let is_path = |path: &String| path.starts_with('/') && path.len() <= TEXT_BYTES;
    let mut sorted: Vec<String> = paths.into_iter().filter(is_path).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.truncate(PATHS);
    sorted
}

/// The first words in order, each once.
pub(super) fn words(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut sorted: Vec<String> = words.into_iter().map(text).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.truncate(WORDS);
    sorted
}

/// The first labels by name. One that is too long is left out rather
/// than cut: a cut label would say something else.
pub(super) fn labels(
    labels: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let is_short = |(name, value): &(String, String)| {
        !name.is_empty() && name.len() <= TEXT_BYTES && value.len() <= TEXT_BYTES
    };
    let mut sorted: Vec<(String, String)> = labels.into_iter().filter(is_short).collect();
    sorted.sort_unstable();
    sorted.truncate(LABELS);
    sorted.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_and_whole() {
        let many = (0..200).map(|number| (format!("l{number:03}"), "v".to_owned()));
        let kept = labels(many.chain([("a".repeat(2_000), "v".to_owned())]));
        assert_eq!(kept.len(), LABELS);
        assert!(kept.contains_key("l000") && !kept.contains_key("l150"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(text("é".repeat(600)).len(), 1_024);
        assert_eq!(text(format!("a{}", "é".repeat(600))).len(), 1_023);
    }
}
