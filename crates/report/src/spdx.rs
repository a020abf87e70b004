//! SPDX 2.3 JSON (ISO/IEC 5962 lineage): the bill of materials, with
//! the advisories that apply as security references.
//!
//! What SPDX has no field for is an annotation `seawall:<name>=<value>`,
//! so that scanning the document finds what scanning the image found.

use std::collections::{BTreeSet, HashMap};

use model::{Package, Report, TargetKind};
use serde_json::{Value, json};

use crate::{document_id, license, link, sarif::seconds, tool};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const TARGET: &str = "SPDXRef-Target";
const SYSTEM: &str = "SPDXRef-OperatingSystem";

pub(crate) fn document(report: &Report) -> Result<Value, serde_json::Error> {
    let notes = Notes::of(report);
    let mut packages = vec![target(report, &notes)];
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", TARGET)];
    if let Some(os) = &report.sbom.os {
        let mut system = package_base(SYSTEM, &os.id, Some(&os.version));
        system["primaryPackagePurpose"] = json!("OPERATING-SYSTEM");
        if !os.name.is_empty() {
            system["description"] = json!(os.name);
        }
        let mut lines: Vec<String> = Vec::new();
        lines.extend(os.codename.iter().map(|name| format!("os-codename={name}")));
        lines.extend(os.like.iter().map(|like| format!("os-like={like}")));
        notes.put_into(lines, &mut system);
        packages.push(system);
        relationships.push(relationship(TARGET, "CONTAINS", SYSTEM));
    }
    let advisories = advisories(report);
    for (index, package) in report.sbom.packages.iter().enumerate() {
        let id = format!("SPDXRef-Package-{}", index + 1);
        let found = advisories.get(&(package.purl.as_str(), package.path.as_str()));
        packages.push(element(report, &notes, package, &id, found));
        relationships.push(relationship(TARGET, "CONTAINS", &id));
    }
    Ok(json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": report.target.name,
        "documentNamespace": format!("urn:uuid:{}", document_id(report)?),
        "creationInfo": {
            "created": seconds(report.scanned),
            "creators": [notes.annotator],
        },
        "packages": packages,
        "relationships": relationships,
    }))
}

/// Writes annotations, all by this tool at the time of the scan.
#[derive(Debug)]
struct Notes {
    annotator: String,
    date: String,
}

impl Notes {
    fn of(report: &Report) -> Self {
        let (name, version) = tool(report);
        Self {
            annotator: format!("Tool: {name}-{version}"),
            date: seconds(report.scanned),
        }
    }

    fn put_into(&self, lines: Vec<String>, package: &mut Value) {
        if lines.is_empty() {
            return;
        }
        package["annotations"] = lines
            .into_iter()
            .map(|line| {
                json!({
                    "annotationType": "OTHER",
                    "annotator": self.annotator,
                    "annotationDate": self.date,
                    "comment": format!("seawall:{line}"),
                })
            })
            .collect();
    }
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({
        "spdxElementId": from,
        "relationshipType": kind,
        "relatedSpdxElement": to,
    })
}

fn package_base(id: &str, name: &str, version: Option<&str>) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "copyrightText": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "supplier": "NOASSERTION",
    });
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        package["versionInfo"] = json!(version);
    }
    package
}

fn target(report: &Report, notes: &Notes) -> Value {
    let sbom = &report.sbom;
    let image = sbom.image.as_ref();
    let manifest = image.and_then(|image| image.manifest);
    let version = manifest.map(|digest| digest.to_string());
    let mut package = package_base(TARGET, &report.target.name, version.as_deref());
    package["primaryPackagePurpose"] = json!(match report.target.kind {
        TargetKind::Image => "CONTAINER",
        TargetKind::Rootfs => "OTHER",
        TargetKind::Sbom => "APPLICATION",
    });
    if let Some(manifest) = manifest {
        package["checksums"] = json!([{
            "algorithm": "SHA256",
            "checksumValue": manifest.hex(),
        }]);
    }
    if let Some(purl) = crate::image_purl(report) {
        package["externalRefs"] = json!([package_reference(purl.as_str())]);
    }
    let mut lines = vec![format!("target-kind={}", report.target.kind)];
    lines.extend(
        image
            .and_then(|image| image.config)
            .map(|digest| format!("config={digest}")),
    );
    lines.extend(
        image
            .iter()
            .flat_map(|image| &image.tags)
            .map(|tag| format!("tag={tag}")),
    );
    let platform = sbom
        .config
        .as_ref()
        .and_then(|config| config.platform.as_ref());
    lines.extend(platform.map(|platform| format!("platform={platform}")));
    lines.extend(
        sbom.layers
            .iter()
            .map(|layer| format!("layer={}", layer.diff_id)),
    );
    lines.extend(
        sbom.warnings
            .iter()
            .map(|warning| format!("warning={warning}")),
    );
    notes.put_into(lines, &mut package);
    package
}

fn package_reference(purl: &str) -> Value {
    json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    })
}

/// The advisory pages that speak of each package, by purl and path.
fn advisories(report: &Report) -> HashMap<(&str, &str), BTreeSet<String>> {
    let mut pages: HashMap<_, BTreeSet<String>> = HashMap::new();
    for finding in &report.findings {
        let package = &finding.package;
        if let Some(page) = link::advisory(finding.vulnerability.as_str()) {
            pages
                .entry((package.purl.as_str(), package.path.as_str()))
                .or_default()
                .insert(page);
        }
    }
    pages
}

fn element(
    report: &Report,
    notes: &Notes,
    package: &Package,
    id: &str,
    advisories: Option<&BTreeSet<String>>,
) -> Value {
    let mut element = package_base(id, &package.name, Some(&package.version));
    let mut references = vec![package_reference(package.purl.as_str())];
    references.extend(advisories.into_iter().flatten().map(|page| {
        json!({
            "referenceCategory": "SECURITY",
            "referenceType": "advisory",
            "referenceLocator": page,
        })
    }));
    element["externalRefs"] = json!(references);
    match license::joined(&package.licenses) {
        Some(expression) => element["licenseDeclared"] = json!(expression),
        None if !package.licenses.is_empty() => {
            element["licenseComments"] =
                json!(format!("stated as: {}", package.licenses.join(", ")));
        }
        None => {}
    }
    let mut lines = vec![format!("path={}", package.path)];
    let layer = package
        .layer
        .and_then(|index| report.sbom.layers.get(usize::try_from(index).ok()?));
    lines.extend(layer.map(|layer| format!("layer={}", layer.diff_id)));
    lines.extend(
        package
            .ecosystem
            .iter()
            .map(|name| format!("ecosystem={name}")),
    );
    lines.extend(
        package
            .architecture
            .iter()
            .map(|name| format!("architecture={name}")),
    );
    if let Some(source) = &package.source {
        element["sourceInfo"] = json!(format!(
            "built from source package {} {}",
            source.name, source.version
        ));
        lines.push(format!("source-name={}", source.name));
        lines.push(format!("source-version={}", source.version));
    }
    lines.extend(
        package
            .owned_by
            .iter()
            .map(|owner| format!("owned-by={owner}")),
    );
    // A licence list that is no expression survives only here.
    lines.extend(
        package
            .licenses
            .iter()
            .filter(|_| license::joined(&package.licenses).is_none())
            .map(|text| format!("license={text}")),
    );
    notes.put_into(lines, &mut element);
    element
}
