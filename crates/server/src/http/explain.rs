//! Why a finding is shown, why it matters and what mends it, in
//! sentences made from what the record knows.

use api::finding::Step;
use jiff::Timestamp;
use model::{AffectedState, FindingState, PackageKind, Severity, Vulnerability};
use store::{Finding, FindingDetail, FoundPackage, RuleDetails, SaidBy, ScanOrigin};

/// What is said of one finding.
pub(crate) struct Explained {
    pub(crate) description: String,
    pub(crate) why: String,
    pub(crate) remediation: Vec<Step>,
    pub(crate) because: Vec<String>,
    pub(crate) references: Vec<String>,
}

pub(crate) fn finding(known: &FindingDetail) -> Explained {
    let mut because = Vec::new();
    if let Some(look) = known.look {
        let name = known
            .finding
            .image
            .as_ref()
            .map_or(known.finding.asset.name.as_str(), |image| &image.name);
        let trigger = match look.origin {
            ScanOrigin::User => "somebody asked for it",
            ScanOrigin::Start => "the server had started",
            ScanOrigin::Schedule => "its time had come",
            ScanOrigin::Demo => "the demonstration was set up",
            ScanOrigin::Push => "it was pushed",
            ScanOrigin::Import => "it was copied into a registry",
            ScanOrigin::RecentPull => "it is in use",
            ScanOrigin::Running => "containers run it",
            ScanOrigin::Admission => "a request to a cluster named it",
            ScanOrigin::Advisory => "advisories changed",
            ScanOrigin::Ci => "a pipeline read it",
        };
        because.push(format!(
            "{name} was last read at {}, because {trigger}.",
            at(look.time)
        ));
    }
    let mut explained = match &known.said_by {
        SaidBy::Vulnerability(vulnerability) => vulnerability_of(known, vulnerability, because),
        SaidBy::Rule(rule) => rule_of(known, rule, because),
    };
    explained.because.extend(decided(&known.finding));
    explained
}

fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn vulnerability_of(
    known: &FindingDetail,
    vulnerability: &Vulnerability,
    mut because: Vec<String>,
) -> Explained {
    let finding = &known.finding;
    if let Some(package) = &finding.package {
        because.push(installed(known, package));
        because.push(matched(finding, package));
    }
    if let Some(epss) = vulnerability.epss {
        because.push(format!(
            "EPSS expects it to be exploited within 30 days with a probability of {}, more than \
             {} of all vulnerabilities.",
            percent(epss.score),
            percent(epss.percentile)
        ));
    }
    if let Some(kev) = &vulnerability.kev {
        let ransomware = if kev.ransomware {
            ", by ransomware too"
        } else {
            ""
        };
        because.push(format!(
            "It is in CISA's catalogue of exploited vulnerabilities since {}{ransomware}.",
            kev.added
        ));
    }
    Explained {
        description: vulnerability.description.clone(),
        why: why(finding, vulnerability),
        remediation: mend(known),
        because,
        references: vulnerability.references.clone(),
    }
}

/// Where the package comes from.
fn installed(known: &FindingDetail, package: &FoundPackage) -> String {
    let finding = &known.finding;
    let path = finding.path.as_deref().filter(|path| !path.is_empty());
    let parts = [
        Some(format!("{} {} is installed", package.name, package.version)),
        path.map(|path| format!(": {path} names it")),
        finding
            .layer
            .map(|layer| format!(", brought by layer {layer}")),
        known
            .created_by
            .as_ref()
            .map(|step| format!(", made by '{}'", short(step))),
        Some(".".to_owned()),
    ];
    parts.into_iter().flatten().collect()
}

/// Which advisory says so of the installed version.
fn matched(finding: &Finding, package: &FoundPackage) -> String {
    let by = if finding.advisories.is_empty() {
        "An advisory".to_owned()
    } else {
        finding.advisories.join(", ")
    };
    let rule = &finding.rule;
    match finding.fix.as_ref().and_then(|fix| fix.version()) {
        Some(version) => format!(
            "{by}: {rule} affects versions before {version}, and {} is one.",
            package.version
        ),
        None => format!(
            "{by}: {rule} affects version {}, and no version is known that mends it.",
            package.version
        ),
    }
}

fn why(finding: &Finding, vulnerability: &Vulnerability) -> String {
    let mut reasons = Vec::new();
    if vulnerability.kev.is_some() {
        reasons.push("Attackers are known to use it.".to_owned());
    }
    match vulnerability.epss {
        Some(epss) if epss.score >= 0.1 => reasons.push(format!(
            "It is likely to be used soon: {} within 30 days.",
            percent(epss.score)
        )),
        _ => {}
    }
    let cvss = vulnerability
        .cvss
        .iter()
        .map(|cvss| cvss.score)
        .fold(None, |best: Option<f64>, score| {
            Some(best.map_or(score, |best| best.max(score)))
        });
    let severity = match finding.severity {
        Severity::Critical => "Whoever can reach it may take over what runs it",
        Severity::High => "It gives an attacker much of what they need",
        Severity::Medium => "It helps an attacker under some conditions",
        Severity::Low | Severity::Info => "Alone it does little harm",
        Severity::Unknown => "Nobody has said yet how bad it is",
    };
    reasons.push(match cvss {
        Some(score) => format!("{severity} (CVSS {score:.1})."),
        None => format!("{severity}."),
    });
    reasons.join(" ")
}

fn step(text: impl Into<String>) -> Step {
    Step {
        text: text.into(),
        code: None,
        language: None,
    }
}

fn code(text: impl Into<String>, code: String, language: &str) -> Step {
    Step {
        text: text.into(),
        code: Some(code),
        language: Some(language.to_owned()),
    }
}

/// A word a shell takes as it is: names come from the files of others.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-@/:~=".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        text.to_owned()
    } else {
        format!(
            "'{}'",
            text.replace('\'', r"'\''").replace(['\n', '\r'], " ")
        )
    }
}

fn short(text: &str) -> String {
    const LONGEST: usize = 120;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        line
    } else {
        let cut: String = line.chars().take(LONGEST).collect();
        format!("{cut}…")
    }
}

/// Steps that mend a vulnerability.
fn mend(known: &FindingDetail) -> Vec<Step> {
    let finding = &known.finding;
    let Some(package) = &finding.package else {
        return Vec::new();
    };
    // Distribution packages are upgraded by their source's name, but
    // installed by their own.
    let Some(version) = finding.fix.as_ref().and_then(|fix| fix.version()) else {
        return unmendable(finding, package);
    };
    let mut steps = vec![upgrade(package, version)];
    if let Some(dockerfile) = dockerfile(package.kind, &package.name) {
        steps.push(code(
            "Or do so while the image is built, after its FROM line.",
            dockerfile,
            "dockerfile",
        ));
    }
    if finding.image.is_some() {
        steps.push(rebuild(known));
    }
    steps.push(step(
        "Look again: the finding resolves by itself once the version is gone.",
    ));
    steps
}

fn unmendable(finding: &Finding, package: &FoundPackage) -> Vec<Step> {
    let why = match finding.fix.as_ref().map(|fix| fix.state) {
        Some(AffectedState::WillNotFix) => "The publisher has said that it will not be mended.",
        Some(AffectedState::UnderInvestigation) => "The publisher is still looking into it.",
        _ => "No version is known that mends it yet.",
    };
    vec![
        step(why),
        step(format!(
            "Remove {} where it is not needed, or use an image without it.",
            package.name
        )),
        step(
            "Else exempt it until a date: Seawall looks again whenever the advisories change, and \
             it opens again when the time is over.",
        ),
    ]
}

fn upgrade(package: &FoundPackage, version: &str) -> Step {
    let name = word(&package.name);
    let pinned = |glue: &str| word(&format!("{}{glue}{version}", package.name));
    let text = format!("Upgrade {} to {version} or later.", package.name);
    let command = match package.kind.as_str() {
        "deb" => format!("apt-get update && apt-get install --only-upgrade {name}"),
        "apk" => format!("apk add --upgrade {}", pinned(">=")),
        "rpm" => format!("dnf upgrade {name}"),
        "npm" => format!("npm install {}", pinned("@")),
        "pypi" => format!("pip install --upgrade {}", pinned(">=")),
        "golang" if package.name == "stdlib" => {
            return step(format!("Build it with Go {version} or later."));
        }
        "golang" => format!(
            "go get {}@{} && go mod tidy",
            name,
            word(&format!("v{}", version.trim_start_matches('v')))
        ),
        "cargo" => format!("cargo update --package {name} --precise {}", word(version)),
        "gem" => format!("bundle update --conservative {name}"),
        "composer" => format!("composer require {}", pinned(":^")),
        "nuget" => format!("dotnet add package {name} --version {}", word(version)),
        "maven" => {
            let (group, artifact) = package.name.split_once(':').unwrap_or(("", &package.name));
            let xml = format!(
                "<dependency>\n  <groupId>{}</groupId>\n  <artifactId>{}</artifactId>\n  \
                 <version>{}</version>\n</dependency>",
                escape(group),
                escape(artifact),
                escape(version)
            );
            return code(text, xml, "xml");
        }
        _ => return step(text),
    };
    code(text, command, "shell")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn dockerfile(kind: PackageKind, name: &str) -> Option<String> {
    let name = word(name);
    match kind.as_str() {
        "deb" => Some(format!(
            "RUN apt-get update \\\n && apt-get install -y --only-upgrade {name} \\\n && rm -rf \
             /var/lib/apt/lists/*"
        )),
        "apk" => Some(format!("RUN apk add --no-cache --upgrade {name}")),
        "rpm" => Some(format!("RUN dnf upgrade -y {name} && dnf clean all")),
        _ => None,
    }
}

/// Which part of an image has to be built again.
fn rebuild(known: &FindingDetail) -> Step {
    let build = "docker build --pull --no-cache .".to_owned();
    match (known.finding.layer, &known.created_by) {
        (Some(0), _) => code(
            "The package comes with the lowest layer, the base image: rebuild on a newer one.",
            build,
            "shell",
        ),
        (Some(layer), Some(made_by)) => code(
            format!(
                "Layer {layer} brought it, made by '{}': rebuild from that step on.",
                short(made_by)
            ),
            build,
            "shell",
        ),
        _ => code("Rebuild the image and start it anew.", build, "shell"),
    }
}

fn rule_of(known: &FindingDetail, rule: &RuleDetails, mut because: Vec<String>) -> Explained {
    let finding = &known.finding;
    let source = if rule.source.is_empty() {
        String::new()
    } else {
        format!(" of {}", rule.source)
    };
    let place = known
        .chain
        .iter()
        .skip(1)
        .map(|asset| format!("{} {}", asset.kind, asset.name))
        .collect::<Vec<_>>()
        .join(", ");
    because.push(if finding.kind == model::FindingKind::Alert {
        let times = match finding.occurrences {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        format!(
            "The rule '{}'{source} matched {times}, first at {} and last at {}.",
            finding.rule,
            at(finding.first_seen),
            at(finding.last_seen)
        )
    } else {
        format!(
            "The rule '{}'{source} does not hold since {}.",
            finding.rule,
            at(finding.first_seen)
        )
    });
    if !place.is_empty() {
        because.push(format!("It is about {place}."));
    }
    if !rule.condition.is_empty() {
        because.push(format!("The rule's condition: {}", short(&rule.condition)));
    }
    if known.evidence.is_some() {
        because.push("What was seen is kept as evidence below.".to_owned());
    }
    Explained {
        description: rule.description.clone(),
        why: rule.why.clone(),
        remediation: own_steps(known)
            .into_iter()
            .chain(rule.remediation.iter().map(|step| {
                let step = match known.finding.context.as_deref() {
                    Some(context) => step.filled(context),
                    None => step.clone(),
                };
                Step {
                    text: step.text,
                    code: step.code,
                    language: step.language,
                }
            }))
            .collect(),
        because,
        references: rule.references.clone(),
    }
}

/// What mends this very asset, as the check said it; before what holds
/// for every one. Only our own checks are believed: the evidence of an
/// alert is somebody else's words.
fn own_steps(known: &FindingDetail) -> Vec<Step> {
    if known.finding.kind != model::FindingKind::Misconfiguration {
        return Vec::new();
    }
    known
        .evidence
        .as_ref()
        .and_then(|evidence| evidence.get("remediation"))
        .and_then(|steps| serde_json::from_value(steps.clone()).ok())
        .unwrap_or_default()
}

/// Who said that it needs no work.
fn decided(finding: &Finding) -> Option<String> {
    if let Some(decision) = &finding.decision {
        let what = match finding.state {
            FindingState::Exempted => "exempted",
            _ => "dismissed",
        };
        let note = decision
            .note
            .as_deref()
            .map(|note| format!(": {note}"))
            .unwrap_or_default();
        return Some(format!(
            "{} {what} it {} at {}{note}",
            decision.by,
            decision.reason.phrase(),
            at(decision.at)
        ));
    }
    let suppression = finding.suppression.as_ref()?;
    Some(format!(
        "{} says that it is {}; it is counted apart.",
        suppression.source, suppression.status
    ))
}
