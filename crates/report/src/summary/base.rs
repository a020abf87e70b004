//! Whether a newer base image would mend most of it.

use model::Report;
use serde::Serialize;

/// The lowest layers hold most of the findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaseAdvice {
    /// How many layers, counted from the lowest.
    pub layers: usize,
    pub findings: usize,
    /// Those among them that a published version mends.
    pub fixable: usize,
    /// Findings in the whole image.
    pub of: usize,
    /// The base image by name, where the image says it, else the
    /// operating system's: `debian:12`.
    pub image: Option<String>,
}

/// The annotation in which builders record it (OCI image specification,
/// annotations.md).
const BASE_NAME: &str = "org.opencontainers.image.base.name";

impl BaseAdvice {
    /// Advice only where it would help: several layers, three in five
    /// findings in the lower half of them, and fixes published for some.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let layers = report.sbom.layers.len();
        let total = report.findings.len();
        if layers < 2 || total == 0 {
            return None;
        }
        let mut findings = 0;
        let mut fixable = 0;
        for layer in 0..layers.div_ceil(2) {
            for finding in &report.findings {
                if finding
                    .package
                    .layer
                    .and_then(|at| usize::try_from(at).ok())
                    == Some(layer)
                {
                    findings += 1;
                    fixable += usize::from(finding.fix.version().is_some());
                }
            }
            if findings * 5 >= total * 3 {
                return (fixable > 0).then(|| Self {
                    layers: layer + 1,
                    findings,
                    fixable,
                    of: total,
                    image: base_name(report),
                });
            }
        }
        None
    }
}

fn base_name(report: &Report) -> Option<String> {
    let recorded = report
        .sbom
        .config
        .as_ref()
        .and_then(|config| config.labels.get(BASE_NAME))
        .filter(|name| !name.is_empty());
    recorded.cloned().or_else(|| {
        let os = report.sbom.os.as_ref()?;
        Some(if os.version.is_empty() {
            os.id.clone()
        } else {
            format!("{}:{}", os.id, os.version)
        })
    })
}
