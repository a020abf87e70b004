//! One report with something of everything, for the tests of every
//! format: a Debian image with Java, Node.js, Go and Python inside,
//! suppressed findings, unreadable files and a name that attacks.

use jiff::Timestamp;
use model::{
    AffectedState, Digest, Ecosystem, Finding, FindingKind, Fingerprint, Fix, ImageConfig,
    ImageIdentity, Layer, OperatingSystem, Package, PackageKind, Report, Sbom, Severity,
    SourcePackage, Suppression, TargetKind, Vulnerability, VulnerabilityId, Warning,
    db::{DatabaseStatus, SourceStatus},
    finding::{AffectedPackage, SuppressedBy},
    scan::Target,
    vulnerability::{Cvss, Epss, Kev},
};

use crate::WriteOptions;

const STATUS: &str = "var/lib/dpkg/status";
const JAR: &str = "app/shop.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar";

pub(crate) fn options() -> WriteOptions {
    WriteOptions {
        width: None,
        color: false,
        hyperlinks: false,
        show_suppressed: false,
        list_packages: false,
        now: time("2024-02-12T09:00:00Z"),
        // Good enough for the few versions here.
        compare_versions: |_, a, b| Some(a.cmp(b)),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn report() -> Report {
    let mut report = Report {
        schema: Report::SCHEMA,
        tool: "seawall 0.1.0".to_owned(),
        target: Target {
            kind: TargetKind::Image,
            name: "registry.example/shop/web:1.4".to_owned(),
        },
        scanned: time("2024-02-12T08:59:30.25Z"),
        database: DatabaseStatus {
            generation: "00c0ffee00c0ffee".to_owned(),
            compiled: time("2024-02-11T22:00:00Z"),
            advisories: 55_577,
            sources: ["Debian", "Go", "Maven", "PyPI", "npm"]
                .map(|ecosystem| SourceStatus {
                    ecosystem: ecosystem.to_owned(),
                    advisories: 11_115,
                    newest: Some(time("2024-02-10T06:00:00Z")),
                })
                .to_vec(),
            epss: Some("2024-02-10".parse().unwrap()),
            kev: Some("2024-02-09".parse().unwrap()),
            starter_only: false,
        },
        sbom: sbom(),
        findings: Vec::new(),
        suppressed: Vec::new(),
        vulnerabilities: vulnerabilities()
            .into_iter()
            .map(|vulnerability| (vulnerability.id.clone(), vulnerability))
            .collect(),
        issues: Vec::new(),
        suppressed_issues: Vec::new(),
        rules: std::collections::BTreeMap::new(),
        lists_licenses: false,
        leaves_out_vulnerabilities: false,
    };
    report.findings = findings(&report.sbom);
    report.suppressed = suppressed(&report.sbom);
    report
}

/// The same target with nothing found.
pub(crate) fn clean() -> Report {
    Report {
        findings: Vec::new(),
        suppressed: Vec::new(),
        vulnerabilities: std::collections::BTreeMap::new(),
        ..report()
    }
}

fn layer(seed: &str, step: &str) -> Layer {
    Layer {
        diff_id: Digest::of(seed.as_bytes()),
        digest: Some(Digest::of(format!("{seed}.gz").as_bytes())),
        size: Some(29_150_000),
        created_by: Some(step.to_owned()),
        created: Some(time("2024-01-10T12:00:00Z")),
    }
}

fn sbom() -> Sbom {
    Sbom {
        os: Some(OperatingSystem {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            codename: Some("bookworm".to_owned()),
            like: Vec::new(),
        }),
        image: Some(ImageIdentity {
            manifest: Some(Digest::of(b"manifest")),
            config: Some(Digest::of(b"config")),
            tags: vec!["registry.example/shop/web:1.4".to_owned()],
        }),
        config: Some(ImageConfig {
            platform: Some("linux/amd64".parse().unwrap()),
            ..ImageConfig::default()
        }),
        layers: vec![
            layer(
                "base",
                "/bin/sh -c #(nop) ADD file:4b1be1de1a1e5aa608c688cad2824587262081866180d7368feb79d33ca05953 in / ",
            ),
            layer(
                "tools",
                "RUN /bin/sh -c apt-get update && apt-get install -y nodejs # buildkit",
            ),
            layer("app", "COPY . /app # buildkit"),
        ],
        packages: packages(),
        files: None,
        secrets: None,
        malware: None,
        notable: None,
        warnings: vec![
            Warning::new("not a zip archive: end of central directory is missing")
                .at("app/broken.jar")
                .in_layer(Digest::of(b"app")),
            Warning::new("larger than 512 MiB, passed over").at("app/model.bin"),
        ],
    }
}

fn deb(name: &str, version: &str, source: &str, licenses: &[&str]) -> Package {
    Package {
        kind: PackageKind::Deb,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: Some(Ecosystem::with_release("Debian", "12")),
        source: Some(SourcePackage {
            name: source.to_owned(),
            version: version.to_owned(),
        }),
        architecture: Some("amd64".to_owned()),
        licenses: licenses.iter().map(|&license| license.to_owned()).collect(),
        purl: format!("pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12")
            .parse()
            .unwrap(),
        path: STATUS.to_owned(),
        layer: Some(0),
        owned_by: None,
    }
}

fn language(kind: PackageKind, name: &str, version: &str, purl: &str, path: &str) -> Package {
    Package {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: kind.registry(),
        source: None,
        architecture: None,
        licenses: Vec::new(),
        purl: purl.parse().unwrap(),
        path: path.to_owned(),
        layer: Some(2),
        owned_by: None,
    }
}

fn packages() -> Vec<Package> {
    use PackageKind::{Gem, Golang, Maven, Npm, Pypi};
    let openssl = "3.0.11-1~deb12u1";
    let mut packages = vec![
        deb(
            "libssl3",
            openssl,
            "openssl",
            &["Apache-2.0", "Artistic", "GPL-1+"],
        ),
        deb(
            "openssl",
            openssl,
            "openssl",
            &["Apache-2.0", "Artistic", "GPL-1+"],
        ),
        deb(
            "perl-base",
            "5.36.0-7",
            "perl",
            &["GPL-1.0-or-later OR Artistic-2.0"],
        ),
        deb("zlib1g", "1:1.2.13.dfsg-1", "zlib", &["Zlib"]),
        language(
            Npm,
            "@babel/traverse",
            "7.22.0",
            "pkg:npm/%40babel/traverse@7.22.0",
            "app/node_modules/@babel/traverse/package.json",
        ),
        language(
            Npm,
            "lodash",
            "4.17.20",
            "pkg:npm/lodash@4.17.20",
            "app/package-lock.json",
        ),
        language(
            Npm,
            "lodash",
            "4.17.20",
            "pkg:npm/lodash@4.17.20",
            "app/admin/package-lock.json",
        ),
        language(
            Npm,
            "left\u{1b}[2Jpad\u{202e}",
            "1.0.0",
            "pkg:npm/left%1B%5B2Jpad@1.0.0",
            "app/node_modules/left\tpad/package.json",
        ),
        language(
            Pypi,
            "six",
            "1.16.0",
            "pkg:pypi/six@1.16.0",
            "usr/lib/python3/dist-packages/six-1.16.0.egg-info",
        ),
        language(
            Maven,
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            JAR,
        ),
        language(
            Golang,
            "stdlib",
            "1.21.3",
            "pkg:golang/stdlib@1.21.3",
            "usr/local/bin/probe",
        ),
        language(
            Gem,
            "rack",
            "2.2.3",
            "pkg:gem/rack@2.2.3",
            "app/Gemfile.lock",
        ),
    ];
    packages[5].licenses = vec!["MIT".to_owned()];
    packages[8].owned_by = Some("python3-six".to_owned());
    packages[8].layer = Some(1);
    packages
}

/// The finding of `id` in the package at `index`.
fn finding(sbom: &Sbom, index: usize, id: &str, severity: Severity, fix: Fix) -> Finding {
    let package = &sbom.packages[index];
    Finding {
        fingerprint: Fingerprint::of(&[
            "vulnerability",
            id,
            "registry.example/shop/web",
            &package.purl.without_version(),
            &package.path,
        ]),
        kind: FindingKind::Vulnerability,
        vulnerability: VulnerabilityId::new(id),
        severity,
        package: AffectedPackage {
            kind: package.kind,
            name: package.name.clone(),
            version: package.version.clone(),
            purl: package.purl.clone(),
            path: package.path.clone(),
            layer: package.layer,
        },
        fix,
        advisories: vec![id.to_owned()],
        suppression: None,
    }
}

fn fixed(version: &str) -> Fix {
    Fix {
        state: AffectedState::Fixed,
        versions: vec![version.to_owned()],
    }
}

fn unfixed(state: AffectedState) -> Fix {
    Fix {
        state,
        versions: Vec::new(),
    }
}

fn findings(sbom: &Sbom) -> Vec<Finding> {
    use AffectedState::{Unfixed, WillNotFix};
    use Severity::{Critical, High, Low, Medium, Unknown};
    let mut findings = vec![
        finding(sbom, 9, "CVE-2021-44228", Critical, fixed("2.15.0")),
        finding(sbom, 9, "CVE-2021-45046", Critical, fixed("2.16.0")),
        finding(sbom, 4, "CVE-2023-45133", Critical, fixed("7.23.2")),
        finding(sbom, 3, "CVE-2023-45853", Critical, unfixed(WillNotFix)),
        finding(sbom, 6, "CVE-2021-23337", High, fixed("4.17.21")),
        finding(sbom, 5, "CVE-2021-23337", High, fixed("4.17.21")),
        finding(sbom, 10, "CVE-2023-39326", Medium, fixed("1.21.5")),
        finding(sbom, 0, "CVE-2023-5678", Medium, fixed("3.0.13-1~deb12u1")),
        finding(sbom, 1, "CVE-2023-5678", Medium, fixed("3.0.13-1~deb12u1")),
        finding(sbom, 0, "CVE-2024-0727", Medium, fixed("3.0.13-1~deb12u1")),
        finding(sbom, 1, "CVE-2024-0727", Medium, fixed("3.0.13-1~deb12u1")),
        finding(sbom, 2, "CVE-2011-4116", Low, unfixed(Unfixed)),
        finding(
            sbom,
            7,
            "GHSA-xxxx-0000-yyyy",
            Unknown,
            fixed("1.0.1; reboot"),
        ),
    ];
    findings[0].advisories = vec!["GHSA-jfh8-c2jp-5v3q".to_owned()];
    findings
}

fn suppressed(sbom: &Sbom) -> Vec<Finding> {
    let mut by_vex = finding(
        sbom,
        0,
        "CVE-2023-2975",
        Severity::Medium,
        fixed("3.0.13-1~deb12u1"),
    );
    by_vex.suppression = Some(Suppression {
        by: SuppressedBy::Vex,
        status: "not_affected".to_owned(),
        justification: Some("vulnerable_code_not_in_execute_path".to_owned()),
        statement: Some("AES-SIV is never used".to_owned()),
        source: "shop.openvex.json".to_owned(),
        expires: None,
    });
    let mut by_file = finding(
        sbom,
        2,
        "CVE-2023-31484",
        Severity::High,
        unfixed(AffectedState::Unfixed),
    );
    by_file.suppression = Some(Suppression {
        by: SuppressedBy::IgnoreFile,
        status: "ignored".to_owned(),
        justification: Some("CPAN is not used at run time".to_owned()),
        statement: None,
        source: ".seawallignore.yaml".to_owned(),
        expires: Some("2024-06-30".parse().unwrap()),
    });
    vec![by_file, by_vex]
}

fn vulnerability(id: &str, title: &str, severity: Severity, epss: Option<f64>) -> Vulnerability {
    Vulnerability {
        id: VulnerabilityId::new(id),
        aliases: Vec::new(),
        title: title.to_owned(),
        description: String::new(),
        severity,
        cvss: Vec::new(),
        epss: epss.map(|score| Epss {
            score,
            percentile: 0.5,
        }),
        kev: None,
        cwes: Vec::new(),
        references: Vec::new(),
        published: Some(time("2023-01-02T03:04:05Z")),
        modified: None,
    }
}

fn vulnerabilities() -> Vec<Vulnerability> {
    use Severity::{Critical, High, Low, Medium, Unknown};
    let mut log4shell = vulnerability(
        "CVE-2021-44228",
        "Remote code execution through JNDI look-ups in log messages",
        Critical,
        Some(0.97565),
    );
    log4shell.aliases = vec!["GHSA-jfh8-c2jp-5v3q".to_owned()];
    log4shell.description =
        "Log4j resolves `${jndi:…}` in logged text.\n\nRaise **log4j-core**.".to_owned();
    log4shell.cvss = vec![Cvss {
        vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H".to_owned(),
        score: 10.0,
        source: "GHSA-jfh8-c2jp-5v3q".to_owned(),
    }];
    log4shell.kev = Some(Kev {
        added: "2021-12-10".parse().unwrap(),
        due: Some("2021-12-24".parse().unwrap()),
        ransomware: true,
    });
    log4shell.cwes = vec!["CWE-20".to_owned(), "CWE-917".to_owned()];
    log4shell.references = vec![
        "https://logging.apache.org/security.html".to_owned(),
        "javascript:alert(1)".to_owned(),
    ];
    log4shell.modified = Some(time("2024-01-01T00:00:00Z"));
    vec![
        log4shell,
        vulnerability(
            "CVE-2021-45046",
            "Incomplete fix of CVE-2021-44228",
            Critical,
            Some(0.9),
        ),
        vulnerability(
            "CVE-2023-45133",
            "Arbitrary code when compiling crafted code",
            Critical,
            Some(0.0006),
        ),
        vulnerability(
            "CVE-2023-45853",
            "Heap overflow in MiniZip's zipOpenNewFileInZip4_64",
            Critical,
            Some(0.0021),
        ),
        vulnerability(
            "CVE-2021-23337",
            "Command injection through templates",
            High,
            Some(0.0083),
        ),
        vulnerability(
            "CVE-2023-39326",
            "A reader of chunked bodies reads far more than it returns",
            Medium,
            None,
        ),
        vulnerability(
            "CVE-2023-5678",
            "Slow generation of long X9.42 DH keys",
            Medium,
            Some(0.001),
        ),
        vulnerability(
            "CVE-2024-0727",
            "Crash on a malformed PKCS12 file",
            Medium,
            Some(0.001),
        ),
        vulnerability(
            "CVE-2011-4116",
            "File::Temp handles symbolic links insecurely",
            Low,
            None,
        ),
        vulnerability("GHSA-xxxx-0000-yyyy", "Odd\u{7}\nname", Unknown, None),
        vulnerability(
            "CVE-2023-2975",
            "AES-SIV ignores empty associated data",
            Medium,
            None,
        ),
        vulnerability(
            "CVE-2023-31484",
            "CPAN.pm does not verify certificates",
            High,
            None,
        ),
    ]
}
