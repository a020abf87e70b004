//! Licences: which of a package's words the standards accept.

/// Identifiers of the SPDX licence list (3.24) that packages really
/// carry. A licence outside this table is quoted by name instead, which
/// both standards allow; it is never passed off as an identifier.
const IDENTIFIERS: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSD-4-Clause-UC",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CPL-1.0",
    "ECL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "FTL",
    "GFDL-1.2-only",
    "GFDL-1.2-or-later",
    "GFDL-1.3-only",
    "GFDL-1.3-or-later",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "MIT",
    "MIT-0",
    "MPL-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PHP-3.01",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Ruby",
    "SSPL-1.0",
    "TCL",
    "UPL-1.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "Zlib",
    "ZPL-2.1",
    "bzip2-1.0.6",
    "curl",
];

/// Exceptions of the SPDX list that packages really carry.
const EXCEPTIONS: &[&str] = &[
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "LLVM-exception",
    "Linux-syscall-note",
    "OpenJDK-assembly-exception-1.0",
];

pub(crate) fn is_identifier(text: &str) -> bool {
    IDENTIFIERS.contains(&text)
}

/// Whether `text` is a licence expression over identifiers we know
/// (SPDX specification 2.3, annex D).
pub(crate) fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_u32;
    let mut wants_operand = true;
    let mut words = spaced.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "(" if wants_operand => depth += 1,
            ")" if !wants_operand && depth > 0 => depth -= 1,
            "AND" | "OR" if !wants_operand => wants_operand = true,
            "WITH" if !wants_operand => {
                if !words.next().is_some_and(|name| EXCEPTIONS.contains(&name)) {
                    return false;
                }
            }
            identifier if wants_operand && is_identifier(identifier.trim_end_matches('+')) => {
                wants_operand = false;
            }
            _ => return false,
        }
    }
    !wants_operand && depth == 0
}

/// All of a package's licences as one expression, if each is one.
pub(crate) fn joined(licenses: &[String]) -> Option<String> {
    match licenses {
        [] => None,
        [one] => is_expression(one).then(|| one.clone()),
        several => several.iter().all(|text| is_expression(text)).then(|| {
            let parts: Vec<String> = several
                .iter()
                .map(|text| {
                    if text.contains(' ') {
                        format!("({text})")
                    } else {
                        text.clone()
                    }
                })
                .collect();
            parts.join(" AND ")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_mere_names() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "(MIT AND Zlib) OR Apache-2.0",
            "GPL-2.0-or-later WITH Classpath-exception-2.0",
        ] {
            assert!(is_expression(good), "{good}");
        }
        for bad in [
            "",
            "GPL",
            "MIT OR",
            "OR MIT",
            "MIT Zlib",
            "(MIT",
            "MIT)",
            "MIT/Apache-2.0",
            "MIT WITH magic",
            "BSD License",
            "mit",
        ] {
            assert!(!is_expression(bad), "{bad}");
        }
    }

    #[test]
    fn one_unknown_name_spoils_the_joined_expression() {
        let list = |items: &[&str]| {
            items
                .iter()
                .map(|&item| item.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            joined(&list(&["MIT", "ISC"])).as_deref(),
            Some("MIT AND ISC")
        );
        assert_eq!(
            joined(&list(&["MIT OR ISC", "Zlib"])).as_deref(),
            Some("(MIT OR ISC) AND Zlib")
        );
        assert_eq!(joined(&list(&["MIT", "GPL"])), None);
        assert_eq!(joined(&[]), None);
    }
}
