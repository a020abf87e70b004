//! Formats of `sprintf`, said so that what `regorus` prints is what Go
//! prints.

/// Verbs of a format, each with where its letter is.
fn verbs(format: &str) -> Vec<(usize, char)> {
    let mut verbs = Vec::new();
    let mut letters = format.char_indices();
    while let Some((_, letter)) = letters.next() {
        if letter != '%' {
            continue;
        }
        for (at, letter) in letters.by_ref() {
            if letter == '%' {
                break;
            }
            if letter.is_alphabetic() {
                verbs.push((at, letter));
                break;
            }
        }
    }
    verbs
}

/// The format with what lacks an argument said as Go says it.
pub(super) fn whole_format(format: &str, arguments: usize) -> Option<String> {
    let missing: Vec<(usize, char)> = verbs(format).into_iter().skip(arguments).collect();
    if missing.is_empty() {
        return None;
    }
    let mut text = String::new();
    let mut from = 0;
    for (at, verb) in missing {
        let start = format.get(..at)?.rfind('%')?;
        text.push_str(format.get(from..start)?);
        text.push_str("%%!");
        text.push(verb);
        text.push_str("(MISSING)");
        from = at + verb.len_utf8();
    }
    text.push_str(format.get(from..)?);
    Some(text)
}

/// How many arguments no verb of the format asks for.
pub(super) fn surplus(format: &str, arguments: usize) -> usize {
    arguments.saturating_sub(verbs(format).len())
}

/// Whether all verbs are `%v` or `%s`, which print whatever they get.
pub(super) fn is_plain(format: &str) -> bool {
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter == '%' && !matches!(letters.next(), Some('%' | 'v' | 's')) {
            return false;
        }
    }
    true
}

pub(super) fn octal_arguments(format: &str) -> Vec<usize> {
    verbs(format)
        .into_iter()
        .enumerate()
        .filter(|(_, (at, verb))| {
            *verb == 'o' && format.get(..*at).is_some_and(|text| text.ends_with('%'))
        })
        .map(|(index, _)| index)
        .collect()
}

/// The format with its plain `%o` as `%s`, and what lacks an argument put
/// right.
pub(super) fn plain_octals(format: &str, arguments: usize) -> Option<String> {
    let mut letters: Vec<u8> = format.bytes().collect();
    let all = verbs(format);
    for index in octal_arguments(format) {
        if let (Some((at, _)), true) = (all.get(index), index < arguments) {
            *letters.get_mut(*at)? = b's';
        }
    }
    let text = String::from_utf8(letters).ok()?;
    Some(whole_format(&text, arguments).unwrap_or(text))
}
