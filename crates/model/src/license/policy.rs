//! Which licences somebody wants to ship, and which not.

use serde::{Deserialize, Serialize};

use super::{LicenseClass, Licensed};
use crate::{Package, PackageKind};

/// What is allowed and what is forbidden: by identifier (`MIT`), by how
/// identifiers begin (`GPL-*`), or by class (`class:network_copyleft`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LicensePolicy {
    /// Where there are any, what is not among them is forbidden, too.
    pub allowed: Vec<LicenseRule>,
    /// Goes before `allowed`.
    pub forbidden: Vec<LicenseRule>,
    /// Packages that may have any licence: `name`, or `type/name` as in a
    /// package URL (`npm/left-pad`, `deb/*`); `*` stands for anything.
    pub exceptions: Vec<String>,
}

/// One entry of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LicenseRule {
    Class(LicenseClass),
    /// In SPDX's spelling, perhaps with a `*` at its end.
    Name(String),
}

impl TryFrom<String> for LicenseRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        if let Some(word) = text.strip_prefix("class:") {
            let known = LicenseClass::ALL.map(LicenseClass::as_str).join(", ");
            return LicenseClass::named(&word.replace('-', "_"))
                .map(Self::Class)
                .ok_or_else(|| format!("unknown class '{word}' (expected one of {known})"));
        }
        let begin = text.trim_end_matches('*');
        let is_known = if text.ends_with('*') {
            let mut known = spdx::identifiers::LICENSES.iter();
            known.any(|license| license.name.starts_with(begin))
        } else {
            spdx::license_id(text).is_some() || text.starts_with("LicenseRef-")
        };
        if begin.is_empty() || !is_known {
            return Err(format!(
                "'{text}' is no licence (expected an SPDX identifier as in MIT, its beginning as \
                 in GPL-*, or class:CLASS)"
            ));
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl From<LicenseRule> for String {
    fn from(rule: LicenseRule) -> Self {
        match rule {
            LicenseRule::Class(class) => format!("class:{class}"),
            LicenseRule::Name(name) => name,
        }
    }
}

/// What a policy says of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseVerdict {
    Allowed,
    Forbidden,
    /// Allowed would be others; of this one nobody knows what it is.
    Unclear,
}

impl LicensePolicy {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.forbidden.is_empty()
    }

    /// Whether a licence by itself may not be shipped.
    pub fn forbids(&self, license: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let class = Licensed::of(&[license.to_owned()]).class;
        let is = |rules: &[LicenseRule]| rules.iter().any(|rule| rule.is(license, class));
        is(&self.forbidden) || !self.allowed.is_empty() && !is(&self.allowed)
    }

    /// Judges a package. Of a choice of licences it is enough that one
    /// may be shipped.
    pub fn judge(&self, package: &Package) -> LicenseVerdict {
        if self.is_excepted(package) {
            return LicenseVerdict::Allowed;
        }
        self.judge_text(&package.licenses)
    }

    /// Judges what a package says, whoever it is.
    pub fn judge_text(&self, licenses: &[String]) -> LicenseVerdict {
        if self.is_empty() {
            return LicenseVerdict::Allowed;
        }
        let terms = Licensed::of(licenses);
        let Some(text) = &terms.expression else {
            let class = LicenseRule::Class(terms.class);
            let is_forbidden = self.forbidden.contains(&class);
            let is_allowed = self.allowed.contains(&class);
            return match (is_forbidden, self.allowed.is_empty() || is_allowed) {
                (true, _) => LicenseVerdict::Forbidden,
                (false, true) => LicenseVerdict::Allowed,
                (false, false) => LicenseVerdict::Unclear,
            };
        };
        let may_ship = spdx::Expression::parse(text).is_ok_and(|expression| {
            expression.evaluate(|requirement| {
                let name = requirement.to_string();
                let class = super::of_requirement(requirement);
                let is = |rules: &[LicenseRule]| rules.iter().any(|rule| rule.is(&name, class));
                !is(&self.forbidden) && (self.allowed.is_empty() || is(&self.allowed))
            })
        });
        if may_ship {
            LicenseVerdict::Allowed
        } else {
            LicenseVerdict::Forbidden
        }
    }

    fn is_excepted(&self, package: &Package) -> bool {
        self.excepts(package.kind, &package.name)
    }

    /// Whether a package may have any licence.
    pub fn excepts(&self, kind: PackageKind, package: &str) -> bool {
        let kind = kind.as_str();
        self.exceptions.iter().any(|exception| {
            let (of_kind, name) = match exception.split_once('/') {
                Some((of_kind, name)) if of_kind == kind => (true, name),
                Some(_) if package != exception => return false,
                _ => (true, exception.as_str()),
            };
            of_kind
                && match name.strip_suffix('*') {
                    Some(begin) => package.starts_with(begin),
                    None => package == name,
                }
        })
    }
}

impl LicenseRule {
    fn is(&self, name: &str, class: LicenseClass) -> bool {
        match self {
            Self::Class(of) => *of == class,
            Self::Name(pattern) => match pattern.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                // `GPL-2.0-only WITH …` is still that licence.
                None => name == pattern || name.split(" WITH ").next() == Some(pattern),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(kind: PackageKind, name: &str, licenses: &[&str]) -> Package {
        Package {
            kind,
            name: name.to_owned(),
            version: "1".to_owned(),
            ecosystem: None,
            source: None,
            architecture: None,
            licenses: licenses.iter().map(|&text| text.to_owned()).collect(),
            purl: "pkg:generic/x@1".parse().unwrap(),
            path: String::new(),
            layer: None,
            owned_by: None,
        }
    }

    fn policy(allowed: &[&str], forbidden: &[&str], exceptions: &[&str]) -> LicensePolicy {
        let rules = |texts: &[&str]| {
            let rules = texts
                .iter()
                .map(|&text| text.to_owned().try_into().unwrap());
            rules.collect()
        };
        LicensePolicy {
            allowed: rules(allowed),
            forbidden: rules(forbidden),
            exceptions: exceptions.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn one_license_of_a_choice_is_enough() {
        let forbid = policy(
            &[],
            &["GPL-*", "class:network_copyleft"],
            &["deb/*", "npm/own-*"],
        );
        let judged =
            |name: &str, license: &str| forbid.judge(&package(PackageKind::Npm, name, &[license]));
        assert_eq!(judged("a", "MIT"), LicenseVerdict::Allowed);
        assert_eq!(judged("a", "GPL-3.0-only"), LicenseVerdict::Forbidden);
        assert_eq!(judged("a", "GPL-3.0-only OR MIT"), LicenseVerdict::Allowed);
        assert_eq!(
            judged("a", "GPL-3.0-only AND MIT"),
            LicenseVerdict::Forbidden
        );
        assert_eq!(judged("a", "AGPL-3.0-or-later"), LicenseVerdict::Forbidden);
        assert_eq!(
            judged("own-thing", "AGPL-3.0-or-later"),
            LicenseVerdict::Allowed
        );
        let bash = package(PackageKind::Deb, "bash", &["GPL-3.0-or-later"]);
        assert_eq!(forbid.judge(&bash), LicenseVerdict::Allowed);
    }

    #[test]
    fn what_nobody_knows_is_unclear_where_only_some_are_allowed() {
        let allow = policy(&["class:permissive"], &[], &[]);
        let judged = |license: &str| allow.judge(&package(PackageKind::Npm, "a", &[license]));
        assert_eq!(judged("MIT"), LicenseVerdict::Allowed);
        assert_eq!(judged("MPL-2.0"), LicenseVerdict::Forbidden);
        assert_eq!(judged("Our own terms"), LicenseVerdict::Unclear);
        assert_eq!(
            policy(&[], &["GPL-*"], &[]).judge(&package(PackageKind::Npm, "a", &[])),
            LicenseVerdict::Allowed
        );
        assert_eq!(
            LicensePolicy::default().judge(&package(PackageKind::Npm, "a", &[])),
            LicenseVerdict::Allowed
        );
    }

    #[test]
    fn a_rule_that_names_no_license_is_refused_with_what_was_expected() {
        let refused = |text: &str| LicenseRule::try_from(text.to_owned()).unwrap_err();
        assert!(refused("GPL 3").contains("'GPL 3' is no licence"));
        assert!(refused("class:viral").contains("expected one of permissive"));
        assert!(refused("*").contains("no licence"));
    }
}
