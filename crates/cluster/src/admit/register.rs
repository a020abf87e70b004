//! Telling the API server of us: which objects we want to see, where we
//! are, whom to trust.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::{
    Api, Client, Discovery,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    discovery::{Scope, verbs},
};
use policy::review::{Kind, Operation};
use serde_json::{Value, json};

use super::{
    bundle::Rules,
    decide::{ALWAYS_EXEMPT, EXEMPT_LABEL, Fail, Place},
};

/// The name of both configurations.
const NAME: &str = "seawall-admission";
const OWNER: &str = "seawall-admission";

/// Where the API server finds us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    Service {
        namespace: String,
        name: String,
        port: u16,
    },
    /// `https://host:port`, for admission outside the cluster.
    Url(String),
}

/// Why the API server could not be told.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("ask the API server what kinds of objects there are")]
    Discover(#[source] Box<kube::Error>),
    #[error("ask the API server for webhook configurations")]
    List(#[source] Box<kube::Error>),
    #[error("write the {what} {NAME}")]
    Write {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("remove the {what} {NAME}")]
    Remove {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
}

/// What is told of us.
#[derive(Clone, Debug)]
pub struct Registration {
    pub whence: Where,
    pub place: Place,
    pub fail: Fail,
    /// Whole seconds.
    pub timeout_seconds: u32,
}

/// A resource and the kind of its objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Served {
    pub(super) kind: Kind,
    pub(super) plural: String,
    pub(super) is_namespaced: bool,
}

/// Every kind of object the API server lets people make.
pub(super) async fn served(client: &Client) -> Result<Vec<Served>, RegistrationError> {
    let discovery = Discovery::new(client.clone())
        .run()
        .await
        .map_err(|error| RegistrationError::Discover(Box::new(error)))?;
    let mut all = Vec::new();
    for group in discovery.groups() {
        for version in group.versions() {
            for (resource, may) in group.versioned_resources(version) {
                if may.supports_operation(verbs::CREATE) {
                    all.push(Served {
                        kind: Kind {
                            group: resource.group,
                            version: resource.version,
                            kind: resource.kind,
                        },
                        plural: resource.plural,
                        is_namespaced: may.scope == Scope::Namespaced,
                    });
                }
            }
        }
    }
    all.sort();
    Ok(all)
}

/// Webhooks of a Gatekeeper that is at work.
pub(super) async fn gatekeepers(client: &Client) -> Result<Vec<String>, RegistrationError> {
    let refuse = |error| RegistrationError::List(Box::new(error));
    let all = ListParams::default();
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mut names = BTreeSet::new();
    let mut look = |configuration: Option<String>, webhooks: Vec<String>| {
        if webhooks.iter().any(|name| name.ends_with(".gatekeeper.sh")) {
            names.extend(configuration);
        }
    };
    for one in validating.list(&all).await.map_err(refuse)? {
        let webhooks = one.webhooks.unwrap_or_default();
        look(
            one.metadata.name,
            webhooks.into_iter().map(|webhook| webhook.name).collect(),
        );
    }
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    for one in mutating.list(&all).await.map_err(refuse)? {
        let webhooks = one.webhooks.unwrap_or_default();
        look(
            one.metadata.name,
            webhooks.into_iter().map(|webhook| webhook.name).collect(),
        );
    }
    Ok(names.into_iter().collect())
}

impl Registration {
    /// Which requests a webhook is asked about: of `only` those that
    /// policies ask to judge.
    fn resources(served: &[Served], rules: &Rules, only: &[Operation]) -> Vec<Value> {
        let asked = |kind: &Kind| -> Vec<Operation> {
            let all = rules.policies.operations(kind).into_iter();
            all.filter(|one| only.contains(one)).collect()
        };
        let mut groups: BTreeMap<(&str, Vec<Operation>), BTreeSet<&str>> = BTreeMap::new();
        for one in served {
            let mut operations = asked(&one.kind);
            // Nothing that is listed is connected to.
            operations.retain(|operation| *operation != Operation::Connect);
            if operations.is_empty() {
                continue;
            }
            let changes = operations.contains(&Operation::Update);
            let resources = groups
                .entry((one.kind.group.as_str(), operations))
                .or_default();
            resources.insert(&one.plural);
            if one.kind.group.is_empty() && one.kind.kind == "Pod" && changes {
                // A container added to a pod that runs.
                resources.insert("pods/ephemeralcontainers");
            }
        }
        for (kind, resource) in policy::CONNECTIONS {
            let kind = Kind {
                group: String::new(),
                version: "v1".to_owned(),
                kind: kind.to_owned(),
            };
            let operations = asked(&kind);
            if !operations.is_empty() {
                groups.entry(("", operations)).or_default().insert(resource);
            }
        }
        groups
            .into_iter()
            .map(|((group, operations), resources)| {
                json!({
                    "apiGroups": [group], "apiVersions": ["*"], "resources": resources,
                    "operations": operations, "scope": "*",
                })
            })
            .collect()
    }

    fn client_config(&self, path: &str, trusted: &str) -> Value {
        let bundle = base64::engine::general_purpose::STANDARD.encode(trusted);
        match &self.whence {
            Where::Service {
                namespace,
                name,
                port,
            } => json!({
                "caBundle": bundle,
                "service": {"namespace": namespace, "name": name, "path": path, "port": port},
            }),
            Where::Url(url) => json!({
                "caBundle": bundle,
                "url": format!("{}{path}", url.trim_end_matches('/')),
            }),
        }
    }

    fn namespaces(&self) -> Value {
        let mut names: BTreeSet<&str> = ALWAYS_EXEMPT.into_iter().collect();
        names.extend(self.place.own_namespace.as_deref());
        names.extend(self.place.exempt_namespaces.iter().map(String::as_str));
        json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": names},
            {"key": EXEMPT_LABEL, "operator": "DoesNotExist"},
        ]})
    }

    /// One configuration, as the API server takes it; without webhooks
    /// where nothing is wanted.
    pub(super) fn configuration(
        &self,
        is_mutating: bool,
        resources: &[Value],
        trusted: &str,
    ) -> Value {
        let (kind, path, name) = if is_mutating {
            (
                "MutatingWebhookConfiguration",
                "/mutate",
                "mutate.seawall.dev",
            )
        } else {
            (
                "ValidatingWebhookConfiguration",
                "/validate",
                "validate.seawall.dev",
            )
        };
        let webhook = json!({
            "name": name,
            "clientConfig": self.client_config(path, trusted),
            "rules": resources,
            "failurePolicy": match self.fail { Fail::Open => "Ignore", Fail::Closed => "Fail" },
            "matchPolicy": "Equivalent",
            "namespaceSelector": self.namespaces(),
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": self.timeout_seconds,
            "admissionReviewVersions": ["v1", "v1beta1"],
        });
        let webhooks = if resources.is_empty() {
            json!([])
        } else {
            json!([webhook])
        };
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": NAME, "labels": {"app.kubernetes.io/part-of": "seawall"}},
            "webhooks": webhooks,
        })
    }

    /// Tells the API server what there is to tell.
    pub(super) async fn apply(
        &self,
        client: &Client,
        served: &[Served],
        rules: &Rules,
        mutates: bool,
        trusted: &str,
    ) -> Result<(), RegistrationError> {
        let resources = Self::resources(served, rules, &Operation::ALL);
        let parameters = PatchParams::apply(OWNER).force();
        let what = "ValidatingWebhookConfiguration";
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        let wanted = self.configuration(false, &resources, trusted);
        validating
            .patch(NAME, &parameters, &Patch::Apply(&wanted))
            .await
            .map_err(|source| RegistrationError::Write {
                what,
                source: Box::new(source),
            })?;
        let what = "MutatingWebhookConfiguration";
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        if !mutates {
            return remove(mutating, what).await;
        }
        // Only what is made or changed can be mended.
        let resources = Self::resources(served, rules, &[Operation::Create, Operation::Update]);
        let wanted = self.configuration(true, &resources, trusted);
        mutating
            .patch(NAME, &parameters, &Patch::Apply(&wanted))
            .await
            .map_err(|source| RegistrationError::Write {
                what,
                source: Box::new(source),
            })?;
        Ok(())
    }
}

/// Tells the API server to ask us no more.
pub(super) async fn withdraw(client: &Client) -> Result<(), RegistrationError> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    remove(validating, "ValidatingWebhookConfiguration").await?;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    remove(mutating, "MutatingWebhookConfiguration").await
}

async fn remove<K>(api: Api<K>, what: &'static str) -> Result<(), RegistrationError>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match api.delete(NAME, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => Err(RegistrationError::Remove {
            what,
            source: Box::new(source),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_server_is_asked_for_what_policies_ask_for() {
        let document = |value: Value| api::policy::BundleDocument {
            source: "x".to_owned(),
            value,
        };
        let policy = |name: &str, kind: &str, operations: Value| {
            let template = json!({"apiVersion": "templates.gatekeeper.sh/v1",
                "kind": "ConstraintTemplate", "metadata": {"name": name.to_lowercase()},
                "spec": {"crd": {"spec": {"names": {"kind": name}}},
                    "targets": [{"target": "admission.k8s.gatekeeper.sh",
                        "operations": operations,
                        "rego": "package x\nviolation[{\"msg\": \"no\"}] { true }"}]}});
            let constraint = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1",
                "kind": name, "metadata": {"name": "x"},
                "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": [kind]}]}}});
            api::policy::BundlePolicy {
                id: name.to_owned(),
                title: String::new(),
                severity: api::Severity::High,
                action: api::policy::PolicyAction::Deny,
                fix: String::new(),
                documents: vec![document(template), document(constraint)],
            }
        };
        let bundle = api::policy::Bundle {
            policies: vec![
                policy("Plain", "Pod", Value::Null),
                policy("Keep", "Secret", json!(["DELETE"])),
                policy("Shut", "PodExecOptions", Value::Null),
            ],
            ..api::policy::Bundle::default()
        };
        let rules = Rules::load(&bundle, None);
        assert!(rules.problems.is_empty(), "{:?}", rules.problems);
        let served = |kind: &str, plural: &str| Served {
            kind: Kind {
                group: String::new(),
                version: "v1".to_owned(),
                kind: kind.to_owned(),
            },
            plural: plural.to_owned(),
            is_namespaced: true,
        };
        let served = [
            served("Pod", "pods"),
            served("Secret", "secrets"),
            served("Service", "services"),
        ];
        let asked = |only: &[Operation]| -> Vec<(Value, Value)> {
            let rules = Registration::resources(&served, &rules, only).into_iter();
            rules
                .map(|mut rule| (rule["operations"].take(), rule["resources"].take()))
                .collect()
        };
        let made = (
            json!(["CREATE", "UPDATE"]),
            json!(["pods", "pods/ephemeralcontainers"]),
        );
        assert_eq!(
            asked(&Operation::ALL),
            [
                made.clone(),
                (json!(["DELETE"]), json!(["secrets"])),
                (json!(["CONNECT"]), json!(["pods/exec"])),
            ]
        );
        assert_eq!(asked(&[Operation::Create, Operation::Update]), [made]);
    }

    #[test]
    fn a_configuration_leaves_what_a_cluster_needs_alone() {
        let registration = Registration {
            whence: Where::Service {
                namespace: "seawall".to_owned(),
                name: "seawall-admission".to_owned(),
                port: 443,
            },
            place: Place {
                own_namespace: Some("seawall".to_owned()),
                exempt_namespaces: vec!["legacy".to_owned()],
            },
            fail: Fail::Closed,
            timeout_seconds: 5,
        };
        let rules = [json!({"resources": ["pods"]})];
        let configuration = registration.configuration(false, &rules, "PEM");
        let webhook = &configuration["webhooks"][0];
        assert_eq!(
            webhook["namespaceSelector"]["matchExpressions"][0]["values"],
            json!([
                "kube-node-lease",
                "kube-public",
                "kube-system",
                "legacy",
                "seawall"
            ])
        );
        assert_eq!(webhook["failurePolicy"], "Fail");
        assert_eq!(webhook["clientConfig"]["service"]["path"], "/validate");
        assert_eq!(webhook["sideEffects"], "NoneOnDryRun");
        // With nothing to ask for, the API server asks nothing.
        let none = registration.configuration(true, &[], "PEM");
        assert_eq!(none["webhooks"], json!([]));
        let outside = Registration {
            whence: Where::Url("https://127.0.0.1:8443/".to_owned()),
            fail: Fail::Open,
            ..registration
        };
        let configuration = outside.configuration(true, &rules, "PEM");
        let webhook = &configuration["webhooks"][0];
        assert_eq!(
            webhook["clientConfig"]["url"],
            "https://127.0.0.1:8443/mutate"
        );
        assert_eq!(webhook["failurePolicy"], "Ignore");
    }
}
