//! A bundle, compiled: what a judge knows by heart.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use api::policy::{Bundle, BundleDocument, BundleImage, BundlePolicy, PolicyAction};
use model::{Query, Severity};
use policy::{
    Document, ImageState, Policies, Problem, Trust, TrustFound, exempt::Exemption,
    review::Violation,
};
use serde_json::Value;

/// Files of a folder that are read, and how far down.
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 8;
/// Problems that are told.
const MAX_PROBLEMS: usize = 100;

/// Everything a judge decides by. Immutable: a new bundle makes new rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// Of the bundle.
    pub mark: String,
    pub environment: String,
    pub cluster: String,
    pub policies: Policies,
    pub images: Arc<BTreeMap<String, ImageState>>,
    pub trust: Arc<Trust>,
    /// What is wrong with documents, and where.
    pub problems: Vec<String>,
    pub(super) exemptions: Vec<Exemption>,
    /// By the constraint's kind and name.
    known: HashMap<(String, String), Arc<Known>>,
    /// A policy changes objects.
    pub mutates: bool,
    /// The documents of each policy that compiled.
    good: BTreeMap<String, Vec<BundleDocument>>,
}

/// What is said of a policy beside its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) fix: String,
}

/// How many of a bundle's policies are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub policies: usize,
    pub problems: usize,
}

impl Rules {
    /// Compiles a bundle. A policy that does not compile is told of, and
    /// stays as it was in `before`.
    pub fn load(bundle: &Bundle, before: Option<&Self>) -> Self {
        let mut sources = HashMap::new();
        let mut documents = Vec::new();
        for policy in &bundle.policies {
            documents.extend(of_policy(&policy.id, &policy.documents, &mut sources));
        }
        let (mut policies, found) = Policies::load(&documents);
        let mut problems: Vec<String> = policy::notes(&documents).iter().map(line).collect();
        if bundle.exemptions_cut {
            problems.push(format!(
                "there are more exemptions than a judge holds: {} are in force here, what the \
                 others are for is not let through; end those nobody needs, or make wider ones",
                bundle.exemptions.len()
            ));
        }
        let mut broken: BTreeSet<String> = BTreeSet::new();
        for problem in found {
            let policy = sources.get(&problem.source).cloned().unwrap_or_default();
            let stays = before.is_some_and(|before| before.good.contains_key(&policy));
            let kept = if stays {
                "; its last version stays in force"
            } else {
                ""
            };
            problems.push(line(&problem) + kept);
            broken.insert(policy);
        }
        let mut good: BTreeMap<String, Vec<BundleDocument>> = BTreeMap::new();
        for policy in &bundle.policies {
            let last = before.and_then(|before| before.good.get(&policy.id));
            match (broken.contains(&policy.id), last) {
                (false, _) => good.insert(policy.id.clone(), policy.documents.clone()),
                (true, Some(last)) => good.insert(policy.id.clone(), last.clone()),
                (true, None) => None,
            };
        }
        if broken.iter().any(|policy| good.contains_key(policy)) {
            let mut sources = HashMap::new();
            let documents: Vec<Document> = good
                .iter()
                .flat_map(|(id, documents)| of_policy(id, documents, &mut sources))
                .collect();
            policies = Policies::load(&documents).0;
        }
        let exemptions = bundle
            .exemptions
            .iter()
            .filter_map(|exemption| match Query::parse_scope(&exemption.scope) {
                Ok(scope) => Some(Exemption {
                    id: exemption.id.clone(),
                    scope,
                    expires: exemption.expires,
                }),
                Err(error) => {
                    let told = format!("exemption {} is not understood: {error}", exemption.id);
                    problems.push(told);
                    None
                }
            });
        let exemptions = exemptions.collect();
        problems.truncate(MAX_PROBLEMS);
        let mutates = good
            .values()
            .flatten()
            .any(|document| text(&document.value, "apiVersion").starts_with("mutations."));
        Self {
            mark: bundle.mark.clone(),
            environment: bundle.environment.clone(),
            cluster: bundle.cluster.clone(),
            known: known(bundle, &good),
            images: Arc::new(images(&bundle.images)),
            trust: Arc::new(trust(bundle)),
            policies,
            problems,
            exemptions,
            mutates,
            good,
        }
    }

    pub fn loaded(&self) -> Loaded {
        Loaded {
            policies: self.good.len(),
            problems: self.problems.len(),
        }
    }

    /// What is known of the policy a violation is of.
    pub(super) fn policy(&self, violation: &Violation) -> Arc<Known> {
        let key = (violation.kind.clone(), violation.constraint.clone());
        self.known.get(&key).cloned().unwrap_or_else(|| {
            Arc::new(Known {
                id: violation.kind.to_lowercase(),
                title: violation.constraint.clone(),
                severity: Severity::Medium,
                fix: String::new(),
            })
        })
    }
}

fn line(problem: &Problem) -> String {
    format!(
        "{} ({} '{}'): {}",
        problem.source, problem.kind, problem.name, problem.message
    )
}

/// A policy's documents, and whose each is.
fn of_policy(
    id: &str,
    documents: &[BundleDocument],
    sources: &mut HashMap<String, String>,
) -> Vec<Document> {
    let named = documents.iter().map(|document| {
        let source = format!("{id}: {}", document.source);
        sources.insert(source.clone(), id.to_owned());
        Document {
            source,
            value: document.value.clone(),
        }
    });
    named.collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn name(value: &Value) -> &str {
    value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or("")
}

fn known(
    bundle: &Bundle,
    good: &BTreeMap<String, Vec<BundleDocument>>,
) -> HashMap<(String, String), Arc<Known>> {
    let mut all = HashMap::new();
    for policy in &bundle.policies {
        let known = Arc::new(Known {
            id: policy.id.clone(),
            title: policy.title.clone(),
            severity: severity(policy.severity),
            fix: policy.fix.clone(),
        });
        let last = good.get(&policy.id).into_iter().flatten();
        for document in policy.documents.iter().chain(last) {
            let value = &document.value;
            let kind = match (text(value, "apiVersion"), text(value, "kind")) {
                (_, "ValidatingAdmissionPolicyBinding") => "ValidatingAdmissionPolicy",
                (version, kind) if version.starts_with("constraints.") => kind,
                _ => continue,
            };
            let key = (kind.to_owned(), name(value).to_owned());
            all.insert(key, Arc::clone(&known));
        }
    }
    all
}

fn severity(severity: api::Severity) -> Severity {
    match severity {
        api::Severity::Critical => Severity::Critical,
        api::Severity::High => Severity::High,
        api::Severity::Medium => Severity::Medium,
        api::Severity::Low => Severity::Low,
        api::Severity::Info => Severity::Info,
        api::Severity::Unknown => Severity::Unknown,
    }
}

/// What scans said of images, by every way a pod may name each.
pub fn images(all: &[BundleImage]) -> BTreeMap<String, ImageState> {
    let mut states = BTreeMap::new();
    for image in all {
        let state = ImageState {
            scanned: !image.unscanned,
            critical: image.critical,
            high: image.high,
            fixable: image.fixable,
            exploited: image.exploited,
            signed: None,
        };
        for reference in &image.references {
            for spelling in policy::spellings(reference, image.digest.as_deref()) {
                // A name may lead to several, and what is known of one
                // says more than that nothing is of another.
                if image.unscanned {
                    states.entry(spelling).or_insert(state);
                } else {
                    states.insert(spelling, state);
                }
            }
        }
    }
    states
}

/// Whose signatures a bundle asks for, and what was found.
pub fn trust(bundle: &Bundle) -> Trust {
    let asked = bundle.trust.iter();
    let mut trust = Trust::new(asked.map(|it| (it.name.as_str(), it.repositories.as_slice())));
    for image in &bundle.trusted {
        let found = TrustFound {
            digest: image.digest.clone(),
            signed: image.signed.clone(),
            refused: image.refused.clone(),
        };
        trust.put(&image.repository, &image.tags, found);
    }
    trust
}

/// Reads a folder of policies as a bundle, for admission without a
/// server: YAML or JSON documents, in any order. Constraints of the
/// product's own policies need no template beside them.
pub fn read_folder(folder: &Path, cluster: &str) -> io::Result<(Bundle, Vec<String>)> {
    let mut files = Vec::new();
    gather(folder, 0, &mut files)?;
    files.sort();
    let mut policies: BTreeMap<String, BundlePolicy> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut texts = String::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let shown = file
            .strip_prefix(folder)
            .unwrap_or(&file)
            .display()
            .to_string();
        let (documents, wrong) = policy::documents(&shown, &text);
        problems.extend(
            wrong
                .into_iter()
                .map(|problem| format!("{}: {}", problem.source, problem.message)),
        );
        texts.push_str(&text);
        for document in documents {
            put(document, &mut policies);
        }
    }
    let bundle = Bundle {
        mark: format!("{:016x}", xxhash_rust::xxh3::xxh3_64(texts.as_bytes())),
        environment: "local".to_owned(),
        cluster: cluster.to_owned(),
        policies: policies.into_values().collect(),
        ..Bundle::default()
    };
    Ok((bundle, problems))
}

fn put(document: Document, policies: &mut BTreeMap<String, BundlePolicy>) {
    let (version, kind) = (
        text(&document.value, "apiVersion"),
        text(&document.value, "kind"),
    );
    let ours = policy::policy_of_kind(kind);
    let id = match (ours, kind) {
        (Some(ours), _) => ours.id.clone(),
        (None, "ConstraintTemplate") => {
            let of = document.value.pointer("/spec/crd/spec/names/kind");
            let of = of.and_then(Value::as_str).unwrap_or_default();
            policy::policy_of_kind(of)
                .map_or_else(|| name(&document.value).to_owned(), |ours| ours.id.clone())
        }
        (None, "ValidatingAdmissionPolicyBinding") => document
            .value
            .pointer("/spec/policyName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        (None, _) if version.starts_with("constraints.") => kind.to_lowercase(),
        (None, _) => name(&document.value).to_owned(),
    };
    let policy = policies.entry(id.clone()).or_insert_with(|| {
        let said = policy::recommendation(&id);
        BundlePolicy {
            title: said.map_or_else(|| id.clone(), |said| said.title.clone()),
            severity: said.map_or(api::Severity::Medium, |said| said.severity.into()),
            action: PolicyAction::Audit,
            fix: said
                .and_then(|said| said.remediation.first())
                .map(|step| step.text.clone())
                .unwrap_or_default(),
            documents: ours
                .map(|ours| BundleDocument {
                    source: format!("{id}, built in"),
                    value: ours.template.clone(),
                })
                .into_iter()
                .collect(),
            id,
        }
    });
    policy.documents.push(BundleDocument {
        source: document.source,
        value: document.value,
    });
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() && depth < MAX_DEPTH {
            gather(&path, depth + 1, files)?;
        } else if matches!(ending, Some("yaml" | "yml" | "json")) && path.is_file() {
            if files.len() >= MAX_FILES {
                return Err(io::Error::other(format!("more than {MAX_FILES} files")));
            }
            files.push(path);
        }
    }
    Ok(())
}
