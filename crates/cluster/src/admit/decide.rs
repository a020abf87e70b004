//! One answer to one question, from memory and without a side effect.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use api::decision::{DecisionViolation, NewDecision, Verdict};
use jiff::Timestamp;
use policy::{
    World,
    exempt::Offence,
    review::{Action, Operation, Violation},
};
use serde_json::{Map, Value, json};

use super::{bundle::Rules, review::Request};

/// Namespaces whose objects are never judged: without them there is no
/// cluster.
pub(super) const ALWAYS_EXEMPT: [&str; 3] = ["kube-system", "kube-node-lease", "kube-public"];
/// A namespace with this label is left alone.
pub(super) const EXEMPT_LABEL: &str = "admission.seawall.dev/exempt";

/// The longest message of a refusal, and of one fix in it.
const MAX_MESSAGE: usize = 12_000;
const MAX_FIX_LINES: usize = 24;
/// The API server cuts what is longer.
const MAX_WARNING: usize = 255;
const MAX_WARNINGS: usize = 20;
/// Violations kept of one decision.
const MAX_VIOLATIONS: usize = 50;
const MAX_IMAGES: usize = 50;

/// What may become of a violation, the heaviest first.
const BY_WEIGHT: [Verdict; 4] = [
    Verdict::Denied,
    Verdict::Warned,
    Verdict::Audited,
    Verdict::Exempted,
];

/// What happens to a request nobody can judge in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fail {
    /// It goes through, and says so.
    #[default]
    Open,
    /// It is refused.
    Closed,
}

impl Fail {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Where a judge sits.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its own namespace, which it never judges.
    pub own_namespace: Option<String>,
    /// Others that are left alone beside [`ALWAYS_EXEMPT`].
    pub exempt_namespaces: Vec<String>,
}

impl Place {
    /// Whether objects of a namespace are left alone, by its name.
    pub fn leaves_alone(&self, namespace: &str) -> bool {
        ALWAYS_EXEMPT.contains(&namespace)
            || self.own_namespace.as_deref() == Some(namespace)
            || self.exempt_namespaces.iter().any(|name| name == namespace)
    }
}

/// Decides.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    pub rules: &'a Rules,
    pub world: &'a World,
    pub place: &'a Place,
    /// Nothing is refused, warned of or changed.
    pub audit_only: bool,
    pub fail: Fail,
    pub now: Timestamp,
}

/// What is answered, and what is remembered of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The whole `AdmissionReview`.
    pub review: Value,
    pub is_allowed: bool,
    /// Absent where nothing is worth remembering, and of dry runs.
    pub decision: Option<NewDecision>,
    /// Images it names that nobody read, or verified where that is asked
    /// for, and no decision tells of.
    pub unread: Vec<String>,
}

/// A violation, and what becomes of it.
struct Judged<'v> {
    violation: &'v Violation,
    policy: String,
    fix: String,
    container: Option<&'v str>,
    verdict: Verdict,
    exemption: Option<String>,
}

impl Judge<'_> {
    /// Whether a request is none of our business.
    fn is_left_alone(&self, request: &Request) -> bool {
        let namespace = match (request.namespace.as_str(), request.kind.kind.as_str()) {
            ("", "Namespace") => &request.name,
            (namespace, _) => namespace,
        };
        let is_labelled = || {
            let label = format!("/metadata/labels/{}", EXEMPT_LABEL.replace('/', "~1"));
            let known = self.world.namespace(namespace);
            known.is_some_and(|known| known.pointer(&label).is_some())
        };
        request.is_leaving()
            || is_ours(request)
            || self.goes_with_its_namespace(request)
            || !namespace.is_empty() && (self.place.leaves_alone(namespace) || is_labelled())
            || !self.rules.policies.wants(&request.kind)
    }

    /// Whether it is deleted because its namespace is: kept back, it
    /// would keep that for ever.
    fn goes_with_its_namespace(&self, request: &Request) -> bool {
        let namespace = self.world.namespace(&request.namespace);
        request.operation == Operation::Delete
            && namespace
                .and_then(|known| known.pointer("/metadata/deletionTimestamp"))
                .is_some_and(|time| !time.is_null())
    }

    /// Answers `/validate`.
    pub fn validate(&self, request: &Request) -> Answer {
        if self.is_left_alone(request) {
            return allowed(request);
        }
        let review = request.review(self.world.namespace(&request.namespace));
        let mut violations = self.rules.policies.review(&review, self.world);
        // Others asked to see what is deleted, too.
        let policies = &self.rules.policies;
        violations.retain(|said| policies.asked_for(said, &request.kind, request.operation));
        if violations.is_empty() {
            let mut answer = allowed(request);
            answer.unread = self.unread(request);
            return answer;
        }
        let about = About::of(request);
        let judged: Vec<Judged<'_>> = violations
            .iter()
            .map(|violation| self.judge(violation, &about))
            .collect();
        self.answer(request, &about, &judged)
    }

    fn unread(&self, request: &Request) -> Vec<String> {
        let makes = matches!(request.operation, Operation::Create | Operation::Update);
        if request.is_dry_run || !makes {
            return Vec::new();
        }
        let World { images, trust, .. } = self.world;
        let is_known = |image: &str| {
            images.get(image).is_some_and(|image| image.scanned)
                && trust.of(image).is_none_or(|trust| trust.verified)
        };
        let named = containers(request.subject(), &request.kind.kind);
        named
            .into_iter()
            .map(|(_, image)| image)
            .filter(|image| !image.is_empty() && !is_known(image))
            .take(MAX_IMAGES)
            .map(str::to_owned)
            .collect()
    }

    fn judge<'v>(&self, violation: &'v Violation, about: &About<'_>) -> Judged<'v> {
        let policy = self.rules.policy(violation);
        let container = violation.details.get("container").and_then(Value::as_str);
        let of_container = container.map(|name| {
            let own = about.containers.iter().filter(|(known, _)| *known == name);
            own.map(|(_, image)| *image).collect::<Vec<_>>()
        });
        let all = || about.containers.iter().map(|(_, image)| *image).collect();
        let images: Vec<&str> = of_container.unwrap_or_else(all);
        let offence = Offence {
            policy: &policy.id,
            title: &policy.title,
            severity: policy.severity,
            environment: &self.rules.environment,
            cluster: &self.rules.cluster,
            namespace: about.namespace,
            workloads: &about.workloads,
            container,
            images: &images,
            labels: &about.labels,
            message: &violation.message,
        };
        let exemption = self
            .rules
            .exemptions
            .iter()
            .find(|exemption| exemption.holds(&offence, self.now));
        let verdict = match (exemption, violation.action) {
            (Some(_), _) => Verdict::Exempted,
            // A policy that cannot be evaluated has not said no.
            (None, Action::Deny) if violation.failed && self.fail == Fail::Open => Verdict::Warned,
            (None, Action::Deny) => Verdict::Denied,
            (None, Action::Warn) => Verdict::Warned,
            (None, Action::DryRun) => Verdict::Audited,
        };
        let is_heard = matches!(verdict, Verdict::Denied | Verdict::Warned);
        Judged {
            violation,
            policy: policy.id.clone(),
            fix: if is_heard {
                fix(about.object, &violation.details).unwrap_or_else(|| policy.fix.clone())
            } else {
                String::new()
            },
            container,
            verdict: if self.audit_only && is_heard {
                Verdict::Audited
            } else {
                verdict
            },
            exemption: exemption.map(|exemption| exemption.id.clone()),
        }
    }

    fn answer(&self, request: &Request, about: &About<'_>, judged: &[Judged<'_>]) -> Answer {
        let of = |wanted: Verdict| judged.iter().filter(move |one| one.verdict == wanted);
        let is_allowed = of(Verdict::Denied).next().is_none();
        let mut response = json!({"allowed": is_allowed});
        if !is_allowed {
            response["status"] = json!({
                "code": 403, "reason": "Forbidden",
                "message": refusal(&of(Verdict::Denied).collect::<Vec<_>>()),
            });
        }
        let mut warnings: Vec<String> = of(Verdict::Warned).map(warning).collect();
        if warnings.len() > MAX_WARNINGS {
            let more = warnings.len() - MAX_WARNINGS;
            warnings.truncate(MAX_WARNINGS);
            warnings.push(format!("and {more} more warnings of policies"));
        }
        if !warnings.is_empty() {
            response["warnings"] = json!(warnings);
        }
        response["auditAnnotations"] = annotations(judged);
        let mut by_weight = BY_WEIGHT.into_iter();
        let worst = by_weight.find(|verdict| of(*verdict).next().is_some());
        let decision = worst.filter(|_| !request.is_dry_run).map(|verdict| {
            // What decided is not to be among those left out.
            let mut kept: Vec<&Judged<'_>> = judged.iter().collect();
            kept.sort_by_key(|one| BY_WEIGHT.iter().position(|known| *known == one.verdict));
            kept.truncate(MAX_VIOLATIONS);
            let mut decision = self.decision(request, about, verdict);
            if kept.len() < judged.len() {
                decision.remark(&format!(
                    "{} of {} violations are kept, those that weigh most",
                    kept.len(),
                    judged.len()
                ));
            }
            decision.violations = kept.into_iter().map(Judged::wire).collect();
            decision
        });
        Answer {
            review: request.reply(response),
            is_allowed,
            decision,
            unread: Vec::new(),
        }
    }

    fn decision(&self, request: &Request, about: &About<'_>, verdict: Verdict) -> NewDecision {
        let images = about
            .containers
            .iter()
            .map(|(_, image)| (*image).to_owned());
        let count = about.containers.len();
        let note = if count > MAX_IMAGES {
            format!("{MAX_IMAGES} of {count} images are kept")
        } else {
            String::new()
        };
        NewDecision {
            uid: request.uid.clone(),
            time: self.now,
            verdict,
            operation: request.operation.word().to_owned(),
            group: request.kind.group.clone(),
            kind: request.kind.kind.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            workload: about.workload.clone().unwrap_or_default(),
            user: request.user.clone(),
            images: images.take(MAX_IMAGES).collect(),
            took_us: 0,
            violations: Vec::new(),
            note,
        }
    }

    /// Answers `/mutate`. What cannot be mended goes on as it was: the
    /// validating webhook sees it next.
    pub fn mutate(&self, request: &Request) -> Answer {
        let makes = matches!(request.operation, Operation::Create | Operation::Update);
        if self.audit_only || !self.rules.mutates || !makes || self.is_left_alone(request) {
            return allowed(request);
        }
        let review = request.review(self.world.namespace(&request.namespace));
        let about = About::of(request);
        match (
            self.rules.policies.mutate(&review, self.world),
            request.object(),
        ) {
            (Ok(Some(mended)), Some(object)) if mended != *object => {
                let patch = policy::difference(object, &mended);
                let count = patch.as_array().map_or(0, Vec::len);
                let encoded = base64(patch.to_string().as_bytes());
                let mut decision = self.decision(request, &about, Verdict::Mutated);
                decision.uid.push_str("/mutate");
                decision.remark(&format!("{count} changes"));
                Answer {
                    review: request.reply(json!({
                        "allowed": true, "patchType": "JSONPatch", "patch": encoded,
                    })),
                    is_allowed: true,
                    decision: (!request.is_dry_run).then_some(decision),
                    unread: Vec::new(),
                }
            }
            (Ok(_), _) => allowed(request),
            (Err(error), _) => {
                let told = model::error::chain(&error);
                let mut decision = self.decision(request, &about, Verdict::Failed);
                decision.uid.push_str("/mutate");
                decision.remark(&told);
                let warning = cut(
                    format!("seawall could not change this: {told}"),
                    MAX_WARNING,
                );
                Answer {
                    review: request.reply(json!({"allowed": true, "warnings": [warning]})),
                    is_allowed: true,
                    decision: (!request.is_dry_run).then_some(decision),
                    unread: Vec::new(),
                }
            }
        }
    }

    /// Answers a request that could not be judged, and says why.
    pub fn unjudged(&self, request: &Request, why: &str) -> Answer {
        let is_allowed = self.fail == Fail::Open || self.audit_only;
        let told = format!("seawall could not judge this: {why}");
        let response = if is_allowed {
            let warning = cut(format!("{told}; it was let through"), MAX_WARNING);
            json!({"allowed": true, "warnings": [warning],
                "auditAnnotations": {"unjudged": why}})
        } else {
            let message = format!(
                "{told}. Admission is set to fail closed: try again, or ask whoever runs it"
            );
            json!({"allowed": false, "auditAnnotations": {"unjudged": why},
                "status": {"code": 503, "reason": "ServiceUnavailable", "message": message}})
        };
        let about = About::of(request);
        let decision = (!request.is_dry_run).then(|| {
            let mut decision = self.decision(request, &about, Verdict::Failed);
            decision.remark(why);
            decision
        });
        Answer {
            review: request.reply(response),
            is_allowed,
            decision,
            unread: Vec::new(),
        }
    }
}

impl Judged<'_> {
    fn wire(&self) -> DecisionViolation {
        DecisionViolation {
            policy: self.policy.clone(),
            constraint: self.violation.constraint.clone(),
            verdict: self.verdict,
            message: cut(self.violation.message.clone(), 2_000),
            container: self.container.map(str::to_owned),
            patch: self.violation.details.get("patch").cloned(),
            exemption: self.exemption.clone(),
        }
    }
}

/// Lets through what nothing is said of.
pub(super) fn allowed(request: &Request) -> Answer {
    Answer {
        review: request.reply(json!({"allowed": true})),
        is_allowed: true,
        decision: None,
        unread: Vec::new(),
    }
}

/// Our own webhooks, whoever changes them: to judge them would be to lock
/// oneself out.
fn is_ours(request: &Request) -> bool {
    matches!(
        request.kind.kind.as_str(),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration"
    ) && request.kind.group == "admissionregistration.k8s.io"
}

/// What a request is about, as people know it.
struct About<'a> {
    object: Option<&'a Value>,
    namespace: &'a str,
    /// `Deployment/checkout`
    workload: Option<String>,
    workloads: Vec<String>,
    containers: Vec<(&'a str, &'a str)>,
    labels: Vec<(&'a str, &'a str)>,
}

impl<'a> About<'a> {
    fn of(request: &'a Request) -> Self {
        let object = request.subject();
        let kind = request.kind.kind.as_str();
        let metadata = object.and_then(|object| object.get("metadata"));
        let labels = metadata.and_then(|metadata| metadata.get("labels"));
        let labels: Vec<(&str, &str)> = labels
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect();
        let owner = metadata
            .and_then(|metadata| metadata.get("ownerReferences"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true));
        let hash = labels.iter().find(|(key, _)| *key == "pod-template-hash");
        let workload =
            match owner.and_then(|owner| Some((word(owner, "kind")?, word(owner, "name")?))) {
                // A ReplicaSet of a Deployment is named by it.
                Some(("ReplicaSet", name)) => {
                    match hash.and_then(|(_, hash)| name.strip_suffix(hash)?.strip_suffix('-')) {
                        Some(deployment) => Some(("Deployment", deployment)),
                        None => Some(("ReplicaSet", name)),
                    }
                }
                Some(owner) => Some(owner),
                None if pod(object, kind).is_some() => Some((kind, request.name.as_str())),
                None => None,
            };
        let mut workloads = Vec::new();
        let own = (kind, request.name.as_str());
        for (kind, name) in workload.into_iter().chain([own]) {
            for text in [name.to_owned(), format!("{kind}/{name}")] {
                if !workloads.contains(&text) {
                    workloads.push(text);
                }
            }
        }
        Self {
            object,
            namespace: &request.namespace,
            workload: workload.map(|(kind, name)| format!("{kind}/{name}")),
            workloads,
            containers: containers(object, kind),
            labels,
        }
    }
}

/// The pod an object is, or the one it will make.
fn pod<'v>(object: Option<&'v Value>, kind: &str) -> Option<&'v Value> {
    object?.pointer(policy::pod_path(kind)?)
}

/// Name and image of each container an object has, or will make.
fn containers<'v>(object: Option<&'v Value>, kind: &str) -> Vec<(&'v str, &'v str)> {
    let Some(spec) = pod(object, kind).and_then(|pod| pod.get("spec")) else {
        return Vec::new();
    };
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let all = lists
        .into_iter()
        .filter_map(|list| spec.get(list)?.as_array());
    all.flatten()
        .filter_map(|one| Some((word(one, "name")?, word(one, "image").unwrap_or(""))))
        .collect()
}

fn word<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// The change that would mend an object.
fn fix(object: Option<&Value>, details: &Value) -> Option<String> {
    let patch = details.get("patch").filter(|patch| patch.is_array())?;
    let diff = policy::fix(object?, patch).ok()?;
    let mut lines: Vec<&str> = diff.lines().collect();
    if lines.is_empty() {
        return None;
    }
    let is_cut = lines.len() > MAX_FIX_LINES;
    lines.truncate(MAX_FIX_LINES);
    if is_cut {
        lines.push("…");
    }
    Some(lines.join("\n"))
}

/// What whoever asked is told.
fn refusal(denied: &[&Judged<'_>]) -> String {
    let mut text = String::new();
    let mut said: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut fixes: Vec<&str> = Vec::new();
    for one in denied {
        let message = one.violation.message.as_str();
        if !said.insert((&one.policy, message)) {
            continue;
        }
        let start = if text.is_empty() { "" } else { "\n" };
        write!(text, "{start}[{}] {message}", one.policy).ok();
        if !one.fix.is_empty() && !fixes.contains(&one.fix.as_str()) {
            fixes.push(&one.fix);
            let indented = one.fix.replace('\n', "\n    ");
            write!(text, "\n  fix:\n    {indented}").ok();
        }
        if text.len() > MAX_MESSAGE {
            break;
        }
    }
    cut(text, MAX_MESSAGE)
}

fn warning(one: &Judged<'_>) -> String {
    cut(
        format!("[{}] {}", one.policy, one.violation.message),
        MAX_WARNING,
    )
}

/// What the audit log says of it: which policies, and what they did.
fn annotations(judged: &[Judged<'_>]) -> Value {
    let mut by_verdict: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in judged {
        let word = match one.verdict {
            Verdict::Denied => "denied",
            Verdict::Warned => "warned",
            Verdict::Exempted => "exempted",
            _ => "audited",
        };
        let policies = by_verdict.entry(word).or_default();
        if !policies.contains(&one.policy.as_str()) {
            policies.push(&one.policy);
        }
    }
    let mut annotations = Map::new();
    for (word, policies) in by_verdict {
        annotations.insert(word.to_owned(), cut(policies.join(","), 2_000).into());
    }
    annotations.into()
}

/// No more than `most` bytes, and whole characters.
fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let mut end = most.saturating_sub(3);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept: Cow<'_, str> = text.get(..end).unwrap_or_default().into();
    format!("{kept}…")
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
