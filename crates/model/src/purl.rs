//! Package URLs: one string that names a package anywhere.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use packageurl::PackageUrl;
use serde::{Deserialize, Serialize};

/// A valid package URL in canonical form (purl specification, 1.0).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Purl(String);

/// The crate demands an author of every `cpan` package, which the type's
/// definition no longer does; such a URL is read by this type's rules,
/// which are the general ones.
const STAND_IN: &str = "generic";

/// A package URL taken apart and percent-decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurlParts {
    /// Lower-case: `deb`, `npm`.
    pub kind: String,
    /// Slash-separated: `debian`, `@babel`, `org.apache.logging.log4j`.
    pub namespace: Option<String>,
    pub name: String,
    pub version: Option<String>,
    pub qualifiers: BTreeMap<String, String>,
    pub subpath: Option<String>,
}

/// The text is no package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a package URL: '{text}' ({reason})")]
pub struct ParsePurlError {
    text: String,
    reason: String,
}

impl Purl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn parts(&self) -> PurlParts {
        PurlParts::parse(&self.0).expect("invariant: a Purl was parsed when it was made")
    }

    /// The same package whatever its version: no version, qualifiers or
    /// subpath. Part of a finding's fingerprint.
    pub fn without_version(&self) -> String {
        let end = self.0.find(['@', '?', '#']).unwrap_or(self.0.len());
        self.0.get(..end).unwrap_or(&self.0).to_owned()
    }
}

impl PurlParts {
    fn parse(text: &str) -> Result<Self, ParsePurlError> {
        let refuse = |reason: String| ParsePurlError {
            text: text.chars().take(200).collect(),
            reason,
        };
        let (kind, text) = match text.strip_prefix("pkg:cpan/") {
            Some(rest) => (Some("cpan"), Cow::Owned(format!("pkg:{STAND_IN}/{rest}"))),
            None => (None, Cow::Borrowed(text)),
        };
        let purl = PackageUrl::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        let parts = Self {
            kind: kind.unwrap_or(purl.ty()).to_owned(),
            namespace: purl.namespace().map(str::to_owned),
            name: purl.name().to_owned(),
            version: purl.version().map(str::to_owned),
            qualifiers: purl
                .qualifiers()
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            subpath: purl.subpath().map(str::to_owned),
        };
        if parts.is_perl_module() {
            return Err(refuse("a module's name, not a distribution's".to_owned()));
        }
        Ok(parts.lowered())
    }

    /// `URI::PackageURL`, which the distribution `URI-PackageURL` holds.
    fn is_perl_module(&self) -> bool {
        self.kind == "cpan" && self.name.contains("::")
    }

    /// Types whose names have no case, which the crate leaves as they are.
    fn lowered(mut self) -> Self {
        if matches!(self.kind.as_str(), "brew" | "git") {
            self.name = self.name.to_lowercase();
            self.namespace = self.namespace.map(|text| text.to_lowercase());
        }
        self
    }

    /// The canonical URL of these parts.
    pub fn build(&self) -> Result<Purl, ParsePurlError> {
        let refuse = |error: packageurl::Error| ParsePurlError {
            text: format!("{}/{}", self.kind, self.name),
            reason: error.to_string(),
        };
        if self.is_perl_module() {
            return Err(ParsePurlError {
                text: format!("{}/{}", self.kind, self.name),
                reason: "a module's name, not a distribution's".to_owned(),
            });
        }
        let parts = self.clone().lowered();
        let is_cpan = parts.kind == "cpan";
        let kind = if is_cpan {
            STAND_IN.to_owned()
        } else {
            parts.kind
        };
        let mut purl = PackageUrl::new(kind, parts.name).map_err(refuse)?;
        if let Some(namespace) = parts.namespace.as_deref().filter(|text| !text.is_empty()) {
            purl.with_namespace(namespace.to_owned()).map_err(refuse)?;
        }
        if let Some(version) = self.version.as_deref().filter(|text| !text.is_empty()) {
            purl.with_version(version.to_owned()).map_err(refuse)?;
        }
        for (key, value) in &self.qualifiers {
            if !value.is_empty() {
                purl.add_qualifier(key.clone(), value.clone())
                    .map_err(refuse)?;
            }
        }
        if let Some(subpath) = &self.subpath {
            purl.with_subpath(subpath.clone()).map_err(refuse)?;
        }
        // A type's rules hold for the whole URL, and are only checked
        // when one is read.
        let canonical = PackageUrl::from_str(&purl.to_string())
            .map_err(refuse)?
            .to_string();
        PackageUrl::from_str(&canonical).map_err(refuse)?;
        Ok(Purl(match canonical.strip_prefix("pkg:generic/") {
            Some(rest) if is_cpan => format!("pkg:cpan/{rest}"),
            _ => canonical,
        }))
    }
}

impl FromStr for Purl {
    type Err = ParsePurlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PurlParts::parse(text)?.build()
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scoped_name_loses_only_its_version() {
        let purl: Purl = "pkg:npm/%40babel/core@7.1.0?arch=x#sub".parse().unwrap();
        assert_eq!(purl.without_version(), "pkg:npm/%40babel/core");
        assert_eq!(purl.parts().namespace.as_deref(), Some("@babel"));
    }

    #[test]
    fn parts_that_break_their_types_rules_are_refused() {
        let parts = PurlParts {
            kind: "composer".to_owned(),
            name: "without-a-vendor".to_owned(),
            ..PurlParts::default()
        };
        assert!(parts.build().is_err());
    }

    #[test]
    fn nonsense_is_named_in_the_error() {
        let error = "not a purl".parse::<Purl>().unwrap_err();
        assert!(error.to_string().contains("not a purl"));
    }
}
