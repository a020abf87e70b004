//! CycloneDX 1.6 JSON (ECMA-424): the bill of materials together with
//! its vulnerabilities and what has been said of them.
//!
//! Whatever the standard has no field for travels as `seawall:*`
//! properties, so that scanning the document finds what scanning the
//! image found.

mod vulnerability;

use std::collections::HashMap;

use model::{Package, PackageKind, Report, TargetKind};
use serde_json::{Map, Value, json};

use crate::{document_id, license, sarif::seconds, tool};

/// Packages by purl and path: how a finding finds its component.
type References<'a> = HashMap<(&'a str, &'a str), String>;

pub(crate) fn document(report: &Report) -> Result<Value, serde_json::Error> {
    let (name, version) = tool(report);
    let (components, references) = components(report);
    let target = target(report);
    let target_ref = target["bom-ref"].clone();
    let depends: Vec<&Value> = components
        .iter()
        .map(|component| &component["bom-ref"])
        .collect();
    let dependencies = json!([{ "ref": target_ref, "dependsOn": depends }]);
    let vulnerabilities = vulnerability::all(report, &references);
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", document_id(report)?),
        "version": 1,
        "metadata": {
            "timestamp": seconds(report.scanned),
            "tools": { "components": [{
                "type": "application",
                "name": name,
                "version": version,
            }]},
            "component": target,
        },
        "components": components,
        "dependencies": dependencies,
        "vulnerabilities": vulnerabilities,
    });
    if report.is_partial() {
        document["compositions"] = json!([{
            "aggregate": "incomplete",
            "assemblies": [target_ref],
        }]);
    }
    Ok(document)
}

/// `seawall:<name>` properties, in the order given.
#[derive(Debug, Default)]
struct Properties(Vec<Value>);

impl Properties {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0
            .push(json!({ "name": format!("seawall:{name}"), "value": value.into() }));
    }

    fn add_if(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn put_into(self, component: &mut Value) {
        if !self.0.is_empty() {
            component["properties"] = Value::Array(self.0);
        }
    }
}

fn target(report: &Report) -> Value {
    let sbom = &report.sbom;
    let image = sbom.image.as_ref();
    let mut component = json!({
        "bom-ref": "target",
        "type": match report.target.kind {
            TargetKind::Image => "container",
            TargetKind::Rootfs => "platform",
            TargetKind::Sbom => "application",
        },
        "name": report.target.name,
    });
    if let Some(manifest) = image.and_then(|image| image.manifest) {
        component["version"] = json!(manifest);
        component["hashes"] = json!([{ "alg": "SHA-256", "content": manifest.hex() }]);
    }
    if let Some(purl) = crate::image_purl(report) {
        component["purl"] = json!(purl);
    }
    let mut properties = Properties::default();
    properties.add("target-kind", report.target.kind.as_str());
    properties.add_if(
        "config",
        image
            .and_then(|image| image.config)
            .map(|digest| digest.to_string()),
    );
    for tag in image.iter().flat_map(|image| &image.tags) {
        properties.add("tag", tag);
    }
    let platform = sbom
        .config
        .as_ref()
        .and_then(|config| config.platform.as_ref());
    properties.add_if("platform", platform.map(ToString::to_string));
    // Lowest first; a component's own `seawall:layer` is one of these.
    for layer in &sbom.layers {
        properties.add("layer", layer.diff_id.to_string());
    }
    for warning in &sbom.warnings {
        properties.add("warning", warning.to_string());
    }
    properties.put_into(&mut component);
    component
}

fn components(report: &Report) -> (Vec<Value>, References<'_>) {
    let mut components = Vec::with_capacity(report.sbom.packages.len() + 1);
    if let Some(os) = &report.sbom.os {
        let mut component = json!({
            "bom-ref": "os",
            "type": "operating-system",
            "name": os.id,
        });
        if !os.version.is_empty() {
            component["version"] = json!(os.version);
        }
        if !os.name.is_empty() {
            component["description"] = json!(os.name);
        }
        let mut properties = Properties::default();
        properties.add_if("os-codename", os.codename.as_ref());
        for like in &os.like {
            properties.add("os-like", like);
        }
        properties.put_into(&mut component);
        components.push(component);
    }
    let mut references = References::new();
    for (index, package) in report.sbom.packages.iter().enumerate() {
        let reference = format!("package-{}", index + 1);
        components.push(component(report, package, &reference));
        references.insert((package.purl.as_str(), package.path.as_str()), reference);
    }
    (components, references)
}

fn component(report: &Report, package: &Package, reference: &str) -> Value {
    let mut component = Map::new();
    component.insert("bom-ref".into(), json!(reference));
    component.insert("type".into(), json!("library"));
    let (group, name) = group_and_name(package);
    if let Some(group) = group {
        component.insert("group".into(), json!(group));
    }
    component.insert("name".into(), json!(name));
    component.insert("version".into(), json!(package.version));
    component.insert("purl".into(), json!(package.purl));
    if !package.licenses.is_empty() {
        component.insert("licenses".into(), licenses(&package.licenses));
    }
    let mut component = Value::Object(component);
    let mut properties = Properties::default();
    properties.add("path", &package.path);
    let layer = package
        .layer
        .and_then(|index| report.sbom.layers.get(usize::try_from(index).ok()?));
    properties.add_if("layer", layer.map(|layer| layer.diff_id.to_string()));
    properties.add_if(
        "ecosystem",
        package.ecosystem.as_ref().map(ToString::to_string),
    );
    properties.add_if("architecture", package.architecture.as_ref());
    if let Some(source) = &package.source {
        properties.add("source-name", &source.name);
        properties.add("source-version", &source.version);
    }
    properties.add_if("owned-by", package.owned_by.as_ref());
    properties.put_into(&mut component);
    component
}

/// Where a registry's names have two parts, CycloneDX keeps them apart.
fn group_and_name(package: &Package) -> (Option<&str>, &str) {
    let separator = match package.kind {
        PackageKind::Maven => ':',
        PackageKind::Npm | PackageKind::Composer => '/',
        _ => return (None, &package.name),
    };
    match package.name.split_once(separator) {
        Some((group, name)) if !group.is_empty() && !name.is_empty() => (Some(group), name),
        _ => (None, &package.name),
    }
}

/// Either one expression or a list, never both (CycloneDX 1.6,
/// `licenseChoice`).
fn licenses(licenses: &[String]) -> Value {
    match license::joined(licenses) {
        Some(expression) if !license::is_identifier(&expression) => {
            json!([{ "expression": expression }])
        }
        _ => licenses
            .iter()
            .map(|text| {
                let key = if license::is_identifier(text) {
                    "id"
                } else {
                    "name"
                };
                json!({ "license": { key: text } })
            })
            .collect(),
    }
}
