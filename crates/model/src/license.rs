//! Licences: what packages say of theirs, as expressions of SPDX, and
//! what each asks of whoever ships them.
//!
//! Packages write licences in many ways. What is an identifier or an
//! expression of SPDX is kept; what distributions and languages write
//! instead is read by tables; what is neither stays the name it is, of
//! class [`LicenseClass::Unknown`], and is never passed off as something
//! it is not.

mod policy;
mod spelling;

use std::fmt;

use serde::{Deserialize, Serialize};
use spdx::{
    Expression, LicenseReq, ParseMode,
    expression::{ExprNode, Operator},
};

pub use policy::{LicensePolicy, LicenseRule, LicenseVerdict};

/// What a licence asks of whoever ships software under it; the more it
/// asks, the later it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseClass {
    /// Name its authors.
    Permissive,
    /// Publish what was changed in its own files.
    WeakCopyleft,
    /// Publish whatever is made part of the same program.
    StrongCopyleft,
    /// The same towards whoever uses it over a network.
    NetworkCopyleft,
    /// It forbids some uses, or asks for a contract.
    Restricted,
    /// Nobody says, or in words nobody knows.
    Unknown,
}

impl LicenseClass {
    pub const ALL: [Self; 6] = [
        Self::Permissive,
        Self::WeakCopyleft,
        Self::StrongCopyleft,
        Self::NetworkCopyleft,
        Self::Restricted,
        Self::Unknown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::WeakCopyleft => "weak_copyleft",
            Self::StrongCopyleft => "strong_copyleft",
            Self::NetworkCopyleft => "network_copyleft",
            Self::Restricted => "restricted",
            Self::Unknown => "unknown",
        }
    }

    /// The class a stored word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// For people.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::WeakCopyleft => "weak copyleft",
            Self::StrongCopyleft => "strong copyleft",
            Self::NetworkCopyleft => "network copyleft",
            Self::Restricted => "restricted",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for LicenseClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The licences of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licensed {
    /// All of them as one expression, where every part is one of SPDX.
    pub expression: Option<String>,
    /// Each licence named: SPDX identifiers, or the words there were.
    pub names: Vec<String>,
    /// What is asked at most, where the choice that asks least is taken.
    pub class: LicenseClass,
}

/// The longest licence text that is read as one.
const LONGEST: usize = 500;

impl Licensed {
    /// Reads what a package says; several entries all apply.
    pub fn of(texts: &[String]) -> Self {
        let mut parts: Vec<Part> = Vec::with_capacity(texts.len());
        for text in texts {
            let part = Part::of(text);
            if !parts.iter().any(|known| known.text == part.text) {
                parts.push(part);
            }
        }
        let class = parts.iter().map(|part| part.class).max();
        let is_spdx = !parts.is_empty() && parts.iter().all(|part| part.is_expression);
        let wrapped = |part: &Part| match parts.len() {
            1 => part.text.clone(),
            _ if part.text.contains(" OR ") => format!("({})", part.text),
            _ => part.text.clone(),
        };
        let mut names: Vec<String> = parts.iter().flat_map(|part| part.names.clone()).collect();
        names.sort();
        names.dedup();
        Self {
            expression: is_spdx
                .then(|| parts.iter().map(wrapped).collect::<Vec<_>>().join(" AND ")),
            names,
            class: class.unwrap_or(LicenseClass::Unknown),
        }
    }
}

/// One entry, read.
struct Part {
    text: String,
    is_expression: bool,
    names: Vec<String>,
    class: LicenseClass,
}

impl Part {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if let Some(expression) = expression(text) {
            return Self {
                text: printed(&expression),
                is_expression: true,
                names: expression
                    .requirements()
                    .map(|requirement| requirement.req.to_string())
                    .collect(),
                class: class(&expression),
            };
        }
        let mut name = text.to_owned();
        name.truncate(name.floor_char_boundary(100));
        if name.is_empty() {
            "nothing said".clone_into(&mut name);
        }
        Self {
            class: spelling::restricted(&name),
            text: name.clone(),
            is_expression: false,
            names: vec![name],
        }
    }
}

/// As SPDX, however it was written.
fn expression(text: &str) -> Option<Expression> {
    if text.len() > LONGEST {
        return None;
    }
    if let Ok(expression) = Expression::parse(text) {
        return Some(expression);
    }
    let spelled = spelling::spelled(text)?;
    Expression::parse_mode(&spelled, ParseMode::LAX).ok()
}

/// The same in SPDX's own spelling, with no more brackets than it takes.
fn printed(expression: &Expression) -> String {
    let mut stack: Vec<(String, bool)> = Vec::new();
    for node in expression.iter() {
        match node {
            ExprNode::Req(requirement) => stack.push((requirement.req.to_string(), false)),
            ExprNode::Op(operator) => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                    return expression.to_string();
                };
                let (word, is_or) = match operator {
                    Operator::And => ("AND", false),
                    Operator::Or => ("OR", true),
                };
                let inner = |(text, has_or): (String, bool)| {
                    if has_or && !is_or {
                        format!("({text})")
                    } else {
                        text
                    }
                };
                stack.push((format!("{} {word} {}", inner(left), inner(right)), is_or));
            }
        }
    }
    stack
        .pop()
        .map_or_else(|| expression.to_string(), |(text, _)| text)
}

/// Of a choice the least that is asked, of a sum the most.
fn class(expression: &Expression) -> LicenseClass {
    let mut stack: Vec<LicenseClass> = Vec::new();
    for node in expression.iter() {
        let class = match node {
            ExprNode::Req(requirement) => of_requirement(&requirement.req),
            ExprNode::Op(operator) => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                    return LicenseClass::Unknown;
                };
                match operator {
                    Operator::And => left.max(right),
                    Operator::Or => left.min(right),
                }
            }
        };
        stack.push(class);
    }
    stack.pop().unwrap_or(LicenseClass::Unknown)
}

/// Exceptions that let a program be linked with code of other licences.
const LINKING: [&str; 9] = [
    "Classpath-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "Linux-syscall-note",
    "LLVM-exception",
    "OpenJDK-assembly-exception-1.0",
    "openvpn-openssl-exception",
    "Universal-FOSS-exception-1.0",
    "u-boot-exception-2.0",
];

fn of_requirement(requirement: &LicenseReq) -> LicenseClass {
    let Some(id) = requirement.license.id() else {
        // Somebody's own reference: its name may say what it is.
        return spelling::restricted(&requirement.license.to_string());
    };
    let class = of_identifier(
        id.name,
        id.is_copyleft(),
        id.is_osi_approved() || id.is_fsf_free_libre(),
    );
    let exception = requirement
        .addition
        .as_ref()
        .and_then(spdx::AdditionItem::id);
    match (class, exception) {
        (LicenseClass::StrongCopyleft, Some(exception)) if LINKING.contains(&exception.name) => {
            LicenseClass::WeakCopyleft
        }
        (class, _) => class,
    }
}

/// By how identifiers begin, the first that fits.
const CLASSES: [(&str, LicenseClass); 44] = [
    ("AGPL-", LicenseClass::NetworkCopyleft),
    ("SSPL-", LicenseClass::NetworkCopyleft),
    ("OSL-", LicenseClass::NetworkCopyleft),
    ("CPAL-", LicenseClass::NetworkCopyleft),
    ("RPSL-", LicenseClass::NetworkCopyleft),
    ("EUPL-1.2", LicenseClass::NetworkCopyleft),
    ("Parity-", LicenseClass::NetworkCopyleft),
    ("LGPL-", LicenseClass::WeakCopyleft),
    ("LGPLLR", LicenseClass::WeakCopyleft),
    ("MPL-", LicenseClass::WeakCopyleft),
    ("EPL-", LicenseClass::WeakCopyleft),
    ("CDDL-", LicenseClass::WeakCopyleft),
    ("CPL-", LicenseClass::WeakCopyleft),
    ("IPL-", LicenseClass::WeakCopyleft),
    ("MS-RL", LicenseClass::WeakCopyleft),
    ("Ruby", LicenseClass::WeakCopyleft),
    ("APSL-", LicenseClass::WeakCopyleft),
    ("CECILL-C", LicenseClass::WeakCopyleft),
    ("NPL-", LicenseClass::WeakCopyleft),
    ("SPL-", LicenseClass::WeakCopyleft),
    ("OFL-", LicenseClass::WeakCopyleft),
    ("CC-BY-SA-", LicenseClass::WeakCopyleft),
    ("ErlPL-", LicenseClass::WeakCopyleft),
    ("GPL-", LicenseClass::StrongCopyleft),
    ("EUPL-", LicenseClass::StrongCopyleft),
    ("CECILL-B", LicenseClass::Permissive),
    ("CECILL-", LicenseClass::StrongCopyleft),
    ("GFDL-", LicenseClass::StrongCopyleft),
    ("QPL-", LicenseClass::StrongCopyleft),
    ("Sleepycat", LicenseClass::StrongCopyleft),
    ("CC-BY-NC-", LicenseClass::Restricted),
    ("CC-BY-ND-", LicenseClass::Restricted),
    ("BUSL-", LicenseClass::Restricted),
    ("Elastic-", LicenseClass::Restricted),
    ("PolyForm-", LicenseClass::Restricted),
    ("JSON", LicenseClass::Restricted),
    ("FSL-", LicenseClass::Restricted),
    ("Hippocratic-", LicenseClass::Restricted),
    ("CC0-", LicenseClass::Permissive),
    ("CC-BY-", LicenseClass::Permissive),
    ("CC-PDDC", LicenseClass::Permissive),
    ("blessing", LicenseClass::Permissive),
    ("WTFPL", LicenseClass::Permissive),
    ("Artistic-", LicenseClass::Permissive),
];

fn of_identifier(id: &str, is_copyleft: bool, is_approved: bool) -> LicenseClass {
    let listed = CLASSES.iter().find(|(begin, _)| id.starts_with(begin));
    match listed {
        Some((_, class)) => *class,
        None if is_copyleft => LicenseClass::StrongCopyleft,
        None if is_approved || spelling::is_kind(id) => LicenseClass::Permissive,
        None => LicenseClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(texts: &[&str]) -> (Option<String>, LicenseClass) {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let licensed = Licensed::of(&texts);
        (licensed.expression, licensed.class)
    }

    #[test]
    fn what_people_write_becomes_an_expression() {
        use LicenseClass::{NetworkCopyleft, Permissive, StrongCopyleft, Unknown, WeakCopyleft};
        for (texts, expression, class) in [
            (&["MIT"][..], Some("MIT"), Permissive),
            (
                &["(MIT OR Apache-2.0)"],
                Some("MIT OR Apache-2.0"),
                Permissive,
            ),
            (&["MIT/Apache-2.0"], Some("MIT OR Apache-2.0"), Permissive),
            (
                &["GPL-2.0-only AND MIT"],
                Some("GPL-2.0-only AND MIT"),
                StrongCopyleft,
            ),
            (
                &["GPL-2.0-only OR MIT"],
                Some("GPL-2.0-only OR MIT"),
                Permissive,
            ),
            (
                &["GPLv2+ and LGPLv2+"],
                Some("GPL-2.0-or-later AND LGPL-2.0-or-later"),
                StrongCopyleft,
            ),
            (&["GPL-2+"], Some("GPL-2.0-or-later"), StrongCopyleft),
            (&["LGPL-2.1+"], Some("LGPL-2.1-or-later"), WeakCopyleft),
            (
                &["Apache License, Version 2.0"],
                Some("Apache-2.0"),
                Permissive,
            ),
            (&["ASL 2.0"], Some("Apache-2.0"), Permissive),
            (&["BSD"], Some("BSD-3-Clause"), Permissive),
            (&["BSD-3-clause"], Some("BSD-3-Clause"), Permissive),
            (&["MIT License"], Some("MIT"), Permissive),
            (
                &["http://www.apache.org/licenses/LICENSE-2.0.txt"],
                Some("Apache-2.0"),
                Permissive,
            ),
            (&["AGPL-3.0"], Some("AGPL-3.0-only"), NetworkCopyleft),
            (
                &["GNU Affero General Public License v3"],
                Some("AGPL-3.0-only"),
                NetworkCopyleft,
            ),
            (
                &["GPL-2.0-only WITH Classpath-exception-2.0"],
                Some("GPL-2.0-only WITH Classpath-exception-2.0"),
                WeakCopyleft,
            ),
            (&["MIT", "Zlib"], Some("MIT AND Zlib"), Permissive),
            (
                &["MIT OR Zlib", "ISC"],
                Some("(MIT OR Zlib) AND ISC"),
                Permissive,
            ),
            (&["Our own terms"], None, Unknown),
            (&["MIT", "Our own terms"], None, Unknown),
            (&["BUSL-1.1"], Some("BUSL-1.1"), LicenseClass::Restricted),
            (&["SEE LICENSE IN LICENSE.txt"], None, Unknown),
            (&["UNLICENSED"], None, LicenseClass::Restricted),
            (
                &["public domain"],
                Some("LicenseRef-public-domain"),
                Permissive,
            ),
            (&[], None, Unknown),
        ] {
            let said = read(texts);
            assert_eq!(
                (said.0.as_deref(), said.1),
                (expression, class),
                "{texts:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".{0,300}") {
            Licensed::of(&[text]);
        }

        #[test]
        fn reading_what_was_printed_changes_nothing(
            words in proptest::collection::vec(
                proptest::sample::select(vec!["MIT", "GPL-2.0-only", "Apache-2.0", "LGPL-2.1-or-later", "ISC"]), 1..6),
            or in proptest::collection::vec(proptest::bool::ANY, 6),
        ) {
            let mut text = String::new();
            for (word, or) in words.iter().zip(or) {
                if !text.is_empty() {
                    text.push_str(if or { " OR " } else { " AND " });
                }
                text.push_str(word);
            }
            let once = read(&[&text]);
            let printed = once.0.clone().unwrap();
            prop_assert_eq!(read(&[&printed]), once);
        }
    }
}
