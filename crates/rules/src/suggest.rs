//! "Did you mean": the nearest of the known names.

/// The name of `known` that `word` most likely meant, if one is near
/// enough.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    if length == 0 {
        return None;
    }
    let allowed = (length / 4).clamp(1, 3);
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)))
        .map(|(_, name)| name);
    // Or the only one that the word is the beginning or the end of.
    near.or_else(|| {
        let mut longer = known.iter().filter(|name| {
            let name = name.to_lowercase();
            length >= 3 && (name.starts_with(&lower) || name.ends_with(&lower))
        });
        longer.next().copied().filter(|_| longer.next().is_none())
    })
}

/// "did you mean `x`?", for a help line.
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// The nearest name, or all of them where none is near.
pub(crate) fn or_list<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    did_you_mean(word, known.iter().copied())
        .or_else(|| Some(format!("known are {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_near_and_other_words_are_not() {
        let known = ["proc.name", "proc.pname", "fd.name"];
        assert_eq!(nearest("proc.nmae", known), Some("proc.name"));
        assert_eq!(nearest("Proc.Name", known), Some("proc.name"));
        assert_eq!(nearest("container.id", known), None);
        assert_eq!(nearest("proc.parent", known), None);
        assert_eq!(nearest("proc", known), None);
        assert_eq!(nearest("fd.n", known), Some("fd.name"));
        assert_eq!(nearest("", known), None);
    }
}
