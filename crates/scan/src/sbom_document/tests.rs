//! SBOM files of our own, of other tools and of the specification.

use std::{error::Error as _, fmt::Write as _, path::Path, process::Command};

use model::{Digest, Sbom, error::chain};

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sbom_document/testdata");
    std::fs::read(folder.join(name)).expect("the fixture can be read")
}

fn read_fixture(name: &str) -> Sbom {
    read(&fixture(name)).expect("the fixture is an SBOM")
}

/// One line a package: everything matching rests on.
fn render(sbom: &Sbom) -> String {
    let mut text = String::new();
    if let Some(os) = &sbom.os {
        let ecosystem = os.ecosystem().map(|name| name.to_string());
        writeln!(text, "os {} {} {ecosystem:?}", os.id, os.version).unwrap();
    }
    if let Some(image) = &sbom.image {
        let short = |digest: Option<Digest>| digest.map(|digest| digest.short());
        writeln!(
            text,
            "image {:?} {:?} {:?}",
            short(image.manifest),
            short(image.config),
            image.tags
        )
        .unwrap();
    }
    for layer in &sbom.layers {
        writeln!(text, "layer {}", layer.diff_id.short()).unwrap();
    }
    for package in &sbom.packages {
        write!(
            text,
            "{} {} {}",
            package.kind, package.name, package.version
        )
        .unwrap();
        if let Some(ecosystem) = &package.ecosystem {
            write!(text, " in {ecosystem}").unwrap();
        }
        if let Some(source) = &package.source {
            write!(text, " from {} {}", source.name, source.version).unwrap();
        }
        if let Some(architecture) = &package.architecture {
            write!(text, " for {architecture}").unwrap();
        }
        write!(text, " at '{}'", package.path).unwrap();
        if let Some(layer) = package.layer {
            write!(text, " layer {layer}").unwrap();
        }
        if let Some(owner) = &package.owned_by {
            write!(text, " owned by {owner}").unwrap();
        }
        writeln!(text, " {:?}", package.licenses).unwrap();
    }
    for warning in &sbom.warnings {
        writeln!(text, "warning {warning}").unwrap();
    }
    text
}

#[test]
fn our_own_documents_hold_everything_matching_rests_on() {
    let cyclonedx = read_fixture("own.cdx.json");
    insta::assert_snapshot!(render(&cyclonedx), @r#"
    os debian 12 Some("Debian:12")
    image Some("aaaaaaaaaaaa") Some("cccccccccccc") ["registry.example.com/harbour:1"]
    layer 111111111111
    layer 222222222222
    deb libssl3 3.0.11-1~deb12u2 in Debian:12 from openssl 3.0.11-1~deb12u2 for amd64 at 'var/lib/dpkg/status' layer 0 []
    rpm bash 1:5.1.8-6.el9 at 'var/lib/rpm/rpmdb.sqlite' layer 1 []
    pypi requests 2.28.1 in PyPI at 'usr/lib/python3/dist-packages/requests-2.28.1.egg-info/PKG-INFO' layer 0 owned by python3-requests ["Apache-2.0"]
    maven org.apache.logging.log4j:log4j-core 2.14.1 in Maven at 'app/server.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar' layer 1 []
    golang github.com/Azure/azure-sdk-for-go v1.0.0 in Go at 'app/tide' layer 1 []
    warning app/x.jar: the archive could not be read
    "#);
    assert_eq!(cyclonedx, read_fixture("own.spdx.json"));
}

#[test]
fn documents_in_the_manner_of_syft_are_understood() {
    insta::assert_snapshot!(render(&read_fixture("syft_style.cdx.json")), @r#"
    os debian 12 Some("Debian:12")
    image Some("aaaaaaaaaaaa") None []
    deb libssl3 3.0.11-1~deb12u2+b1 in Debian:12 from openssl 3.0.11-1~deb12u2 for amd64 at 'var/lib/dpkg/status' ["OpenSSL"]
    npm @hapi/boom 9.1.0 in npm at 'app/node_modules/@hapi/boom/package.json' []
    npm JSONStream 1.3.5 in npm at '' []
    generic unknown-thing 1.0 at '' []
    warning 1 components of the SBOM have no usable name and version
    "#);
}

#[test]
fn documents_in_the_manner_of_trivy_are_understood() {
    insta::assert_snapshot!(render(&read_fixture("trivy_style.cdx.json")), @r#"
    os rhel 9.3 Some("Red Hat:enterprise_linux:9")
    image Some("aaaaaaaaaaaa") Some("cccccccccccc") ["app:1"]
    layer 111111111111
    layer 222222222222
    rpm openssl-libs 1:3.0.7-24.el9 in Red Hat:enterprise_linux:9 from openssl 1:3.0.7-24.el9 for x86_64 at '' layer 0 []
    npm ms 2.0.0 in npm at 'app/node_modules/ms/package.json' layer 1 []
    "#);
}

#[test]
fn xml_is_read_with_nested_components_and_without_tools_and_ancestors() {
    insta::assert_snapshot!(render(&read_fixture("nested.cdx.xml")), @r#"
    os alpine 3.18.4 Some("Alpine:v3.18")
    apk libcrypto3 3.1.4-r5 in Alpine:v3.18 from openssl 3.1.4-r5 for x86_64 at 'lib/apk/db/installed' []
    maven org.yaml:snakeyaml 1.30 in Maven at '' ["Apache-2.0"]
    "#);
}

#[test]
fn a_system_is_taken_from_the_packages_where_none_is_stated() {
    let text = br#"{"spdxVersion": "SPDX-2.3", "packages": [{
        "name": "libssl3", "versionInfo": "3.0.2-0ubuntu1",
        "sourceInfo": "acquired package info from DPKG DB: /var/lib/dpkg/status, /usr/share/doc",
        "externalRefs": [{"referenceType": "purl", "referenceLocator":
            "pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1?distro=ubuntu-22.04&upstream=openssl"}]}]}"#;
    let sbom = read(text).unwrap();
    insta::assert_snapshot!(render(&sbom), @r#"
    os ubuntu 22.04 Some("Ubuntu:22.04:LTS")
    deb libssl3 3.0.2-0ubuntu1 in Ubuntu:22.04:LTS from openssl 3.0.2-0ubuntu1 at 'var/lib/dpkg/status' []
    "#);
}

fn refusal(text: &str) -> String {
    let error = read(text.as_bytes()).unwrap_err();
    format!("failed to {}", chain(&error))
}

#[test]
fn what_is_no_sbom_is_refused_in_words() {
    let deep = format!(
        "{}{}",
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>",
        "<a>".repeat(1000)
    );
    let cases = [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"bomFormat": "AnotherFormat", "specVersion": "1.6"}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "9.9"}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {}}"#,
        r#"{"bomFormat": "CycloneDX", "#,
        r#"{"spdxVersion": "SPDX-1.0"}"#,
        r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#,
        "SPDXVersion: SPDX-2.3\n",
        "<html></html>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/0.9'/>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'></wrong>",
        &deep,
    ];
    let refusals: Vec<String> = cases.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(refusals.join("\n"), @r"
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to read CycloneDX version '9.9' (1.2 to 1.7 can be read)
    failed to read the CycloneDX document: invalid type: map, expected a list of components at line 1 column 65
    failed to read the SBOM as JSON: EOF while parsing a value at line 1 column 27
    failed to read SPDX version 'SPDX-1.0' (SPDX-2.2 and SPDX-2.3 can be read, as JSON)
    failed to read SPDX version 'SPDX-3' (SPDX-2.2 and SPDX-2.3 can be read, as JSON)
    failed to read SPDX version 'tag-value' (SPDX-2.2 and SPDX-2.3 can be read, as JSON)
    failed to recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)
    failed to read CycloneDX version '0.9' (1.2 to 1.7 can be read)
    failed to read the CycloneDX document as XML: ill-formed document: expected `</bom>`, but `</wrong>` was found
    failed to read the CycloneDX document: its elements are nested too deep
    ");
}

#[test]
fn nesting_without_end_is_refused() {
    let text = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {}"#,
        r#"[{"name": "a", "components": "#.repeat(10_000)
    );
    assert!(read(text.as_bytes()).unwrap_err().source().is_some());
}

#[test]
fn the_specifications_documents_are_read() {
    let Some(archive) = testkit::data("conformance/cyclonedx-resources.tar.xz") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("-xJf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        testkit::skipped("tar cannot unpack the CycloneDX documents");
        return;
    }
    let mut valid = 0;
    let mut refused = Vec::new();
    for version in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
        let resources = folder.path().join("tools/src/test/resources").join(version);
        for entry in std::fs::read_dir(resources).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_document = [".json", ".xml"]
                .iter()
                .any(|ending| name.ends_with(ending));
            if !is_document {
                continue;
            }
            let result = read(&std::fs::read(&path).unwrap());
            if name.starts_with("valid") {
                valid += 1;
                assert!(result.is_ok(), "{name}: {result:?}");
            } else if let Err(error) = result {
                refused.push(format!("{name}: {}", chain(&error)));
            }
        }
    }
    assert!(valid > 100, "only {valid} valid documents were found");
    refused.sort();
    insta::assert_snapshot!(refused.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_flipped_byte_panics(at in 0..5000_usize, byte: u8) {
        for name in ["own.cdx.json", "own.spdx.json", "nested.cdx.xml"] {
            let mut bytes = fixture(name);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _outcome = read(&bytes);
        }
    }
}
