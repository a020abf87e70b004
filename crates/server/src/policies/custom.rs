//! Policies somebody wrote: what a text holds, and what is wrong with it.

use api::policy::{PolicyForm, PolicyProblem};
use policy::{Document, Policies};
use serde_json::Value;

/// The longest text of a policy.
pub(crate) const MAX_TEXT: usize = 512 << 10;

/// A policy's documents, understood.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) id: String,
    /// Of the constraint.
    pub(crate) kind: String,
    pub(crate) form: PolicyForm,
    pub(crate) documents: Vec<Document>,
    pub(crate) problems: Vec<PolicyProblem>,
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn problem(document: &Document, message: impl Into<String>) -> PolicyProblem {
    PolicyProblem {
        document: document.source.clone(),
        kind: text(&document.value, "/kind").to_owned(),
        name: text(&document.value, "/metadata/name").to_owned(),
        message: message.into(),
    }
}

pub(crate) fn told(problem: policy::Problem) -> PolicyProblem {
    PolicyProblem {
        document: problem.source,
        kind: problem.kind,
        name: problem.name,
        message: problem.message,
    }
}

/// Reads a text as one policy, and compiles it.
pub(crate) fn parse(written: &str) -> Parsed {
    let mut parsed = read("", written);
    if parsed.problems.is_empty() {
        let (_, wrong) = Policies::load(&parsed.documents);
        parsed.problems.extend(wrong.into_iter().map(told));
    }
    parsed
}

/// Reads a text, as far as it can be without compiling it. `known`: what
/// it is called, where that is known.
pub(super) fn read(known: &str, written: &str) -> Parsed {
    let (documents, wrong) = policy::documents("document", written);
    let mut problems: Vec<PolicyProblem> = wrong.into_iter().map(told).collect();
    let of_kind = |kind: &str| {
        let documents = documents.iter();
        documents
            .filter(|document| text(&document.value, "/kind") == kind)
            .collect::<Vec<_>>()
    };
    let templates = of_kind("ConstraintTemplate");
    let native = of_kind("ValidatingAdmissionPolicy");
    let mutators: Vec<&Document> = documents
        .iter()
        .filter(|document| text(&document.value, "/apiVersion").starts_with("mutations."))
        .collect();
    let (form, head) = match (templates.as_slice(), native.as_slice(), mutators.first()) {
        ([template, ..], [], None) => (PolicyForm::Template, Some(*template)),
        ([], [native, ..], None) => (PolicyForm::AdmissionPolicy, Some(*native)),
        ([], [], Some(mutator)) => (PolicyForm::Mutation, Some(*mutator)),
        ([], [], None) => (PolicyForm::Template, None),
        _ => (PolicyForm::Template, documents.first()),
    };
    let kinds = usize::from(!templates.is_empty())
        + usize::from(!native.is_empty())
        + usize::from(!mutators.is_empty());
    let heads = templates.len() + native.len();
    let id = head.map_or("", |head| text(&head.value, "/metadata/name"));
    let kind = match form {
        PolicyForm::Template => {
            let names = head.map_or("", |head| text(&head.value, "/spec/crd/spec/names/kind"));
            names.to_owned()
        }
        PolicyForm::AdmissionPolicy => "ValidatingAdmissionPolicy".to_owned(),
        PolicyForm::Mutation => head
            .map_or("", |head| text(&head.value, "/kind"))
            .to_owned(),
    };
    let whole = |message: &str| PolicyProblem {
        document: "the whole".to_owned(),
        kind: String::new(),
        name: String::new(),
        message: message.to_owned(),
    };
    if known.is_empty() && problems.is_empty() {
        if head.is_none() {
            problems.push(whole(
                "there is no ConstraintTemplate, ValidatingAdmissionPolicy or mutator in it",
            ));
        } else if kinds > 1 || heads > 1 {
            problems.push(whole(
                "one policy is one ConstraintTemplate with its constraints, one \
                 ValidatingAdmissionPolicy with its bindings, or mutators: make several of it",
            ));
        } else if let Some(head) = head {
            check(head, form, &kind, id, &documents, &mut problems);
        }
    }
    Parsed {
        id: if known.is_empty() {
            id.to_owned()
        } else {
            known.to_owned()
        },
        kind,
        form,
        documents,
        problems,
    }
}

fn check(
    head: &Document,
    form: PolicyForm,
    kind: &str,
    id: &str,
    documents: &[Document],
    problems: &mut Vec<PolicyProblem>,
) {
    let is_name = !id.is_empty()
        && id.len() <= 253
        && id.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
        });
    if !is_name {
        problems.push(problem(
            head,
            "metadata.name: expected a name of Kubernetes'",
        ));
    }
    if policy::policy(id).is_some() || policy::policy_of_kind(kind).is_some() {
        problems.push(problem(head, "one of Seawall's own policies is called so"));
    }
    let mut parts = 0;
    for document in documents
        .iter()
        .filter(|document| !std::ptr::eq(*document, head))
    {
        let (version, own) = (
            text(&document.value, "/apiVersion"),
            text(&document.value, "/kind"),
        );
        let fits = match form {
            PolicyForm::Template => version.starts_with("constraints.") && own == kind,
            PolicyForm::AdmissionPolicy => {
                own == "ValidatingAdmissionPolicyBinding"
                    && text(&document.value, "/spec/policyName") == id
            }
            PolicyForm::Mutation => version.starts_with("mutations."),
        };
        parts += usize::from(fits);
        let is_beside = matches!(
            own,
            "ExpansionTemplate" | "Config" | "SyncSet" | "ConfigMap"
        ) || (own == "Provider" && version.starts_with("externaldata."));
        if !fits && !is_beside {
            let told = match form {
                PolicyForm::Template => format!("expected a constraint of the kind {kind}"),
                PolicyForm::AdmissionPolicy => format!("expected a binding of the policy {id}"),
                PolicyForm::Mutation => "expected another mutator".to_owned(),
            };
            problems.push(problem(document, told));
        }
    }
    let lacks = match form {
        PolicyForm::Template => format!("there is no constraint of the kind {kind} beside it"),
        PolicyForm::AdmissionPolicy => "there is no binding of it beside it".to_owned(),
        PolicyForm::Mutation => return,
    };
    if parts == 0 {
        problems.push(problem(head, format!("{lacks}: it would judge nothing")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\n\
        metadata: {name: testnothing}\nspec:\n  crd: {spec: {names: {kind: TestNothing}}}\n  \
        targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package testnothing\n      \
        violation[{\"msg\": \"no\"}] { input.review.object.spec.bad }\n";
    const CONSTRAINT: &str = "---\napiVersion: constraints.gatekeeper.sh/v1beta1\n\
        kind: TestNothing\nmetadata: {name: nothing}\nspec: {}\n";

    fn problems(text: &str) -> String {
        let parsed = parse(text);
        let told = parsed.problems.iter();
        let lines: Vec<String> = told
            .map(|one| format!("{}: {}\n", one.document, one.message))
            .collect();
        lines.concat()
    }

    #[test]
    fn a_policy_is_named_by_its_template() {
        let parsed = parse(&format!("{TEMPLATE}{CONSTRAINT}"));
        assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
        assert_eq!(
            (parsed.id.as_str(), parsed.kind.as_str(), parsed.form),
            ("testnothing", "TestNothing", PolicyForm::Template)
        );
    }

    #[test]
    fn a_provider_of_external_data_may_stand_beside_a_policy() {
        let bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t";
        let provider = format!(
            "---\napiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\n\
             metadata: {{name: images}}\nspec: {{url: \"https://images.tools.svc/validate\", \
             timeout: 3, caBundle: {bundle}}}\n"
        );
        let told = |provider: &str| problems(&format!("{TEMPLATE}{CONSTRAINT}{provider}"));
        assert_eq!(told(&provider), "");
        let old = provider.replace("v1beta1", "v1alpha1");
        assert_eq!(told(&old), "");
        let plain = told(&provider.replace("https:", "http:"));
        assert!(
            plain.contains("document #3: spec.url: only https"),
            "{plain}"
        );
        let other = told(&provider.replace("externaldata.gatekeeper.sh", "example.org"));
        assert!(
            other.contains("document #3: expected a constraint"),
            "{other}"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("kind: [", "document #1"),
            (
                "kind: Pod\nmetadata: {name: x}",
                "there is no ConstraintTemplate",
            ),
            (
                TEMPLATE,
                "there is no constraint of the kind TestNothing beside it",
            ),
            (
                &TEMPLATE.replace("violation[", "violation[["),
                "there is no constraint",
            ),
            (
                &format!(
                    "{}{CONSTRAINT}",
                    TEMPLATE.replace("violation[{", "violation[[{")
                ),
                "document #1",
            ),
            (
                &format!("{TEMPLATE}{CONSTRAINT}---\nkind: Pod\n"),
                "document #3: expected a constraint",
            ),
            (
                &format!("{TEMPLATE}---\n{TEMPLATE}"),
                "the whole: one policy is one",
            ),
        ] {
            let told = problems(text);
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}
