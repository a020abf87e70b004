//! How distributions and languages write licences that SPDX writes
//! otherwise: Fedora's and Debian's short names, Python's classifiers,
//! addresses of texts, names in full.

use super::LicenseClass;

/// What is written, folded (see [`folded`]), and what SPDX calls it.
const NAMES: [(&str, &str); 96] = [
    ("academic free license 3.0", "AFL-3.0"),
    ("agpl", "AGPL-3.0-only"),
    ("agpl 3", "AGPL-3.0-only"),
    ("agpl 3.0", "AGPL-3.0-only"),
    ("agpl 3+", "AGPL-3.0-or-later"),
    ("gnu affero general public license 3", "AGPL-3.0-only"),
    (
        "gnu affero general public license 3 or later",
        "AGPL-3.0-or-later",
    ),
    ("apache", "Apache-2.0"),
    ("apache 2", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache license", "Apache-2.0"),
    ("apache license 2", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache software license", "Apache-2.0"),
    ("apache software license 2.0", "Apache-2.0"),
    ("asl", "Apache-2.0"),
    ("asl 2", "Apache-2.0"),
    ("asl 2.0", "Apache-2.0"),
    ("www.apache.org/licenses/license 2.0", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic 2", "Artistic-2.0"),
    ("artistic 2.0", "Artistic-2.0"),
    ("boost", "BSL-1.0"),
    ("boost 1.0", "BSL-1.0"),
    ("bsd", "BSD-3-Clause"),
    ("bsd license", "BSD-3-Clause"),
    ("bsd 2 clause", "BSD-2-Clause"),
    ("bsd 3 clause", "BSD-3-Clause"),
    ("bsd 4 clause", "BSD-4-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("new bsd license", "BSD-3-Clause"),
    ("modified bsd", "BSD-3-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("the bsd license", "BSD-3-Clause"),
    ("cc0", "CC0-1.0"),
    ("cc0 1.0", "CC0-1.0"),
    ("cddl", "CDDL-1.0"),
    ("cddl 1.0", "CDDL-1.0"),
    ("eclipse public license 1.0", "EPL-1.0"),
    ("eclipse public license 2.0", "EPL-2.0"),
    ("eclipse distribution license 1.0", "BSD-3-Clause"),
    ("epl", "EPL-1.0"),
    ("expat", "MIT"),
    ("gfdl", "GFDL-1.3-only"),
    ("gfdl 1.3+", "GFDL-1.3-or-later"),
    ("gpl", "GPL-1.0-or-later"),
    ("gpl+", "GPL-1.0-or-later"),
    ("gpl 1", "GPL-1.0-only"),
    ("gpl 1+", "GPL-1.0-or-later"),
    ("gpl 2", "GPL-2.0-only"),
    ("gpl 2.0", "GPL-2.0-only"),
    ("gpl 2+", "GPL-2.0-or-later"),
    ("gpl 2.0+", "GPL-2.0-or-later"),
    ("gpl 3", "GPL-3.0-only"),
    ("gpl 3.0", "GPL-3.0-only"),
    ("gpl 3+", "GPL-3.0-or-later"),
    ("gpl 3.0+", "GPL-3.0-or-later"),
    ("gnu general public license 2", "GPL-2.0-only"),
    ("gnu general public license 2 or later", "GPL-2.0-or-later"),
    ("gnu general public license 3", "GPL-3.0-only"),
    ("gnu general public license 3 or later", "GPL-3.0-or-later"),
    ("gnu gpl", "GPL-1.0-or-later"),
    ("gnu gpl 2", "GPL-2.0-only"),
    ("gnu gpl 3", "GPL-3.0-only"),
    ("isc license", "ISC"),
    ("lgpl", "LGPL-2.0-or-later"),
    ("lgpl 2", "LGPL-2.0-only"),
    ("lgpl 2+", "LGPL-2.0-or-later"),
    ("lgpl 2.0+", "LGPL-2.0-or-later"),
    ("lgpl 2.1", "LGPL-2.1-only"),
    ("lgpl 2.1+", "LGPL-2.1-or-later"),
    ("lgpl 3", "LGPL-3.0-only"),
    ("lgpl 3.0", "LGPL-3.0-only"),
    ("lgpl 3+", "LGPL-3.0-or-later"),
    ("gnu lesser general public license 2.1", "LGPL-2.1-only"),
    ("gnu lesser general public license 3", "LGPL-3.0-only"),
    (
        "gnu lesser general public license 3 or later",
        "LGPL-3.0-or-later",
    ),
    (
        "gnu library or lesser general public license",
        "LGPL-2.0-or-later",
    ),
    ("mit license", "MIT"),
    ("the mit license", "MIT"),
    ("opensource.org/licenses/mit", "MIT"),
    ("mozilla public license 1.1", "MPL-1.1"),
    ("mozilla public license 2.0", "MPL-2.0"),
    ("mpl", "MPL-2.0"),
    ("mpl 1.1", "MPL-1.1"),
    ("mpl 2", "MPL-2.0"),
    ("mpl 2.0", "MPL-2.0"),
    ("openssl", "OpenSSL"),
    ("psf", "PSF-2.0"),
    ("python", "PSF-2.0"),
    ("python software foundation license", "PSF-2.0"),
    ("public domain", "LicenseRef-public-domain"),
    ("the unlicense", "Unlicense"),
    ("w3c", "W3C"),
    ("zlib/libpng license", "Zlib"),
    ("zope public license 2.1", "ZPL-2.1"),
];

/// Licences without a condition worth a class, that no list approved.
const KIND: [&str; 14] = [
    "bzip2-1.0.6",
    "curl",
    "FTL",
    "HPND",
    "ICU",
    "IJG",
    "Libpng",
    "libtiff",
    "SMLNJ",
    "TCL",
    "Unicode-",
    "X11",
    "Zlib",
    "0BSD",
];

pub(super) fn is_kind(id: &str) -> bool {
    KIND.iter().any(|begin| id.starts_with(begin))
        || [
            "BSD-",
            "MIT",
            "HPND-",
            "OLDAP-",
            "SGI-",
            "TU-",
            "libpng-",
            "NIST-",
            "Linux-man-",
        ]
        .iter()
        .any(|begin| id.starts_with(begin))
}

/// What a name that is no identifier says at least.
pub(super) fn restricted(name: &str) -> LicenseClass {
    let name = name.to_ascii_lowercase();
    let says = [
        "proprietary",
        "commercial",
        "unlicensed",
        "all rights reserved",
        "eula",
    ];
    if says.iter().any(|word| name.contains(word)) {
        LicenseClass::Restricted
    } else if name == "licenseref-public-domain" {
        LicenseClass::Permissive
    } else {
        LicenseClass::Unknown
    }
}

/// The text in SPDX's words, where every word of it is known.
pub(super) fn spelled(text: &str) -> Option<String> {
    let text = text.rsplit(" :: ").next().unwrap_or(text);
    if let Some(name) = named(text) {
        return Some(name.to_owned());
    }
    // `GPLv2+ and (MIT or BSD)`, `MIT/X11`, `GPL-2+, LGPL-2+`.
    let mut out = String::new();
    let mut word = String::new();
    let spaced = text
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(", ", " and ")
        .replace('/', " or ");
    for part in spaced.split_whitespace() {
        let operator = match part.to_ascii_lowercase().as_str() {
            "and" | "&" => Some("AND"),
            "or" | "|" => Some("OR"),
            "with" => Some("WITH"),
            "(" => Some("("),
            ")" => Some(")"),
            _ => None,
        };
        match operator {
            None => {
                if !word.is_empty() {
                    word.push(' ');
                }
                word.push_str(part);
            }
            Some(operator) => {
                put(&mut out, &word);
                word.clear();
                put_raw(&mut out, operator);
            }
        }
    }
    put(&mut out, &word);
    (!out.is_empty()).then_some(out)
}

fn put(out: &mut String, word: &str) {
    if !word.is_empty() {
        put_raw(out, named(word).unwrap_or(word));
    }
}

fn put_raw(out: &mut String, word: &str) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(word);
}

/// One licence's identifier.
fn named(text: &str) -> Option<&'static str> {
    let folded = folded(text);
    let listed = NAMES.iter().find(|(name, _)| *name == folded);
    if let Some((_, id)) = listed {
        return Some(id);
    }
    // Identifiers in another case: `mit`, `BSD-3-clause`.
    spdx::identifiers::LICENSES
        .iter()
        .find(|license| license.name.eq_ignore_ascii_case(text.trim()))
        .map(|license| modern(license.name))
}

/// Names of the GNU licences that SPDX has given up.
fn modern(id: &'static str) -> &'static str {
    match id {
        "AGPL-3.0" => "AGPL-3.0-only",
        "GPL-1.0" => "GPL-1.0-only",
        "GPL-2.0" => "GPL-2.0-only",
        "GPL-3.0" => "GPL-3.0-only",
        "LGPL-2.0" => "LGPL-2.0-only",
        "LGPL-2.1" => "LGPL-2.1-only",
        "LGPL-3.0" => "LGPL-3.0-only",
        id => id,
    }
}

/// In lower case, without what people put around it: `GPLv2+` and
/// `GPL-2+` are `gpl 2+`.
fn folded(text: &str) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches(".txt")
        .trim_end_matches(".html")
        .trim_end_matches('/');
    let mut out = String::with_capacity(lower.len());
    let mut last = ' ';
    for letter in lower.chars() {
        let letter = if matches!(letter, '-' | '_' | ',' | '"' | '(' | ')') {
            ' '
        } else {
            letter
        };
        // `gplv2`, `v3`: a version's `v` says nothing.
        if letter.is_ascii_digit() && out.ends_with('v') {
            let before = out.get(..out.len() - 1).unwrap_or_default();
            let begins = before.is_empty()
                || before.ends_with(' ')
                || before.ends_with("gpl")
                || before.ends_with("mpl");
            if begins {
                out.pop();
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
        }
        if letter != ' ' || last != ' ' {
            out.push(letter);
        }
        last = letter;
    }
    let out = out.replace(" version ", " ").replace("licence", "license");
    // `gpl2`, `lgpl2.1+`
    let out = match out.find(|c: char| c.is_ascii_digit()) {
        Some(at) if out.get(..at).is_some_and(|name| name.ends_with("gpl")) => {
            let (name, rest) = out.split_at(at);
            format!("{name} {rest}")
        }
        _ => out,
    };
    out.trim().to_owned()
}
