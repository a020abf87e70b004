//! Where in a target a finding sits: its package, layer and build step.

use std::{borrow::Cow, collections::HashMap};

use model::{Finding, Layer, Package, Report, finding::AffectedPackage};

/// Look-ups from a finding into the rest of its report.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    layers: &'a [Layer],
    packages: HashMap<(&'a str, &'a str), &'a Package>,
}

impl<'a> Places<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let packages = report
            .sbom
            .packages
            .iter()
            .map(|package| ((package.purl.as_str(), package.path.as_str()), package))
            .collect();
        Self {
            layers: &report.sbom.layers,
            packages,
        }
    }

    /// The installed package a finding is about.
    pub(crate) fn package(&self, finding: &Finding) -> Option<&'a Package> {
        let AffectedPackage { purl, path, .. } = &finding.package;
        self.packages.get(&(purl.as_str(), path.as_str())).copied()
    }

    /// What advisories call the package: the source package's name where
    /// there is one.
    pub(crate) fn source_name(&self, finding: &'a Finding) -> &'a str {
        self.package(finding)
            .and_then(|package| package.source.as_ref())
            .map_or(finding.package.name.as_str(), |source| source.name.as_str())
    }

    pub(crate) fn layer(&self, index: Option<u32>) -> Option<&'a Layer> {
        self.layers.get(usize::try_from(index?).ok()?)
    }

    /// `2 · 4f4fb700ef54 · RUN apt-get install nginx`.
    pub(crate) fn describe_layer(&self, index: Option<u32>) -> Option<String> {
        let layer = self.layer(index)?;
        let mut text = format!("{} · {}", index? + 1, layer.diff_id.short());
        if let Some(step) = layer.created_by.as_deref().map(build_step) {
            text.push_str(" · ");
            text.push_str(&step);
        }
        Some(text)
    }
}

/// A history line as its author wrote it in the Dockerfile, on one line:
/// without the shell, argument and comment that builders put around it.
pub(crate) fn build_step(history: &str) -> String {
    let line = history.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches("# buildkit").trim_end();
    let (instruction, rest) = match line.split_once(' ') {
        Some(("RUN", rest)) => ("RUN ", rest),
        // `|1 NAME=value /bin/sh -c …`: build arguments come first.
        Some((count, rest)) if count.starts_with('|') => (
            "RUN ",
            rest.find("/bin/sh -c ")
                .map_or(rest, |at| rest.get(at..).unwrap_or(rest)),
        ),
        Some(_) if line.starts_with("/bin/sh -c ") => ("RUN ", line),
        _ => return line.to_owned(),
    };
    let command = match rest.split_once("/bin/sh -c ") {
        Some((before, command)) if before.is_empty() || before.starts_with('|') => command,
        _ => rest,
    };
    match command.trim_start().strip_prefix("#(nop)") {
        Some(step) => step
            .split_whitespace()
            .map(shortened)
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("{instruction}{command}"),
    }
}

/// `file:` and 64 digits of a checksum as `file:4b1be1de1a1e…`.
fn shortened(word: &str) -> Cow<'_, str> {
    match word.split_once(':') {
        Some((kind @ ("file" | "dir" | "multi"), sum)) if sum.len() == 64 && sum.is_ascii() => {
            let digits: String = sum.chars().take(12).collect();
            Cow::Owned(format!("{kind}:{digits}…"))
        }
        _ => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_lines_read_like_the_dockerfile() {
        let cases = [
            (
                "/bin/sh -c #(nop) ADD file:1234 in / ",
                "ADD file:1234 in /",
            ),
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            (
                "/bin/sh -c apt-get update &&     apt-get install -y nginx",
                "RUN apt-get update && apt-get install -y nginx",
            ),
            ("RUN /bin/sh -c npm ci # buildkit", "RUN npm ci"),
            ("COPY . /app # buildkit", "COPY . /app"),
            (
                "RUN |1 VERSION=2 /bin/sh -c make install # buildkit",
                "RUN make install",
            ),
            ("|2 A=1 B=2 /bin/sh -c make", "RUN make"),
            ("bazel build ...", "bazel build ..."),
            ("", ""),
        ];
        for (history, expected) in cases {
            assert_eq!(build_step(history), expected, "{history}");
        }
    }
}
