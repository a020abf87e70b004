//! Who did it, from where, what it was, and what changed.
//!
//! Every sensor fills in what it knows: an audit log names a principal
//! and a request, a sensor of system calls the user of a process. What
//! is not known is absent, never guessed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an alert says beside its rule, its place and its evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertContext {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    #[serde(skip_serializing_if = "Whence::is_empty")]
    pub whence: Whence,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<AlertAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<AlertChange>,
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Principal {
    /// As whoever let them in knows them:
    /// `system:serviceaccount:shop:ci`, `alice@example.com`, `root`.
    pub name: String,
    pub kind: PrincipalKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whom they acted as, by impersonation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<Box<Self>>,
}

/// What sort of principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person, or whatever else has a certificate or a token.
    #[default]
    User,
    ServiceAccount,
    /// A kubelet.
    Node,
    /// A part of the control plane.
    Component,
    /// Nobody said who it was.
    Anonymous,
    /// A user of one machine or container: `root` here is not `root`
    /// there.
    Local,
}

impl PrincipalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ServiceAccount => "service_account",
            Self::Node => "node",
            Self::Component => "component",
            Self::Anonymous => "anonymous",
            Self::Local => "local",
        }
    }
}

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Namespaces whose service accounts are parts of Kubernetes.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What hosted control planes call parts of themselves that do not begin
/// with `system:`: AKS (`aksService`, `masterclient`), EKS (`eks:…`).
const HOSTED_COMPONENTS: [&str; 2] = ["aksService", "masterclient"];

impl Principal {
    /// A principal by the name a Kubernetes API server knows it by.
    pub fn of_kubernetes(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            kind: kind_of(&name),
            name,
            ..Self::default()
        }
    }

    /// A user of one machine or container.
    pub fn local(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PrincipalKind::Local,
            ..Self::default()
        }
    }

    /// Namespace and name, where it is a service account.
    pub fn service_account(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')
    }

    /// Whether it is a part of Kubernetes itself, which does so much
    /// that having done two things relates them to nothing.
    pub fn is_system(&self) -> bool {
        match self.kind {
            PrincipalKind::Node | PrincipalKind::Component => true,
            PrincipalKind::ServiceAccount => self
                .service_account()
                .is_some_and(|(namespace, _)| SYSTEM_NAMESPACES.contains(&namespace)),
            PrincipalKind::User | PrincipalKind::Anonymous | PrincipalKind::Local => false,
        }
    }

    /// Whether the same name is the same one wherever in the cluster.
    pub fn is_identity(&self) -> bool {
        !matches!(self.kind, PrincipalKind::Anonymous | PrincipalKind::Local)
    }

    /// For people: `shop/ci` for a service account, else the name.
    pub fn shown(&self) -> String {
        match self.service_account() {
            Some((namespace, name)) => format!("{namespace}/{name}"),
            None => self.name.clone(),
        }
    }

    /// Itself, and whom it acted as.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.acting_as.as_deref())
    }
}

fn kind_of(name: &str) -> PrincipalKind {
    if name.starts_with(SERVICE_ACCOUNT) {
        PrincipalKind::ServiceAccount
    } else if name.starts_with("system:node:") {
        PrincipalKind::Node
    } else if name == "system:anonymous" || name == "system:unauthenticated" || name.is_empty() {
        PrincipalKind::Anonymous
    } else if name == "system:admin" {
        // The administrator's own certificate on k3s and OpenShift.
        PrincipalKind::User
    } else if name.starts_with("system:")
        || name.starts_with("eks:")
        || HOSTED_COMPONENTS.contains(&name)
    {
        PrincipalKind::Component
    } else {
        PrincipalKind::User
    }
}

/// From where it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whence {
    /// The first is nearest to whoever asked, the last to whoever
    /// answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Whence {
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.user_agent.is_none()
    }

    /// The address that tells one source from another; none where it is
    /// the machine itself.
    pub fn source(&self) -> Option<&str> {
        let address = self.addresses.first()?;
        let is_other = address
            .parse::<IpAddr>()
            .is_ok_and(|address| !address.is_loopback() && !address.is_unspecified());
        is_other.then_some(address.as_str())
    }
}

/// What was asked for, and what was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertAction {
    /// `create`, `patch`, `list`, …
    pub verb: String,
    /// `pods`; empty for a request that is about no resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// `exec`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// `rbac.authorization.k8s.io`; absent: the core group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path, where it is about no resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status of the response: 201, 403.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// `allow` or `forbid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

impl AlertAction {
    /// `pods/exec`
    pub fn resource(&self) -> String {
        match &self.subresource {
            Some(part) => format!("{}/{part}", self.resource),
            None => self.resource.clone(),
        }
    }

    /// `pods/exec shop/web-1`, for people.
    pub fn object(&self) -> String {
        let mut text = self.resource();
        let name = match (&self.namespace, &self.name) {
            // API servers say of a namespace that it lies in itself.
            (Some(namespace), Some(name)) if namespace == name && text == "namespaces" => {
                name.clone()
            }
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            (Some(namespace), None) => format!("in {namespace}"),
            (None, Some(name)) => name.clone(),
            (None, None) => self.path.clone().unwrap_or_default(),
        };
        if !text.is_empty() && !name.is_empty() {
            text.push(' ');
        }
        text.push_str(&name);
        text
    }
}

/// What changed, as far as the event shows it; secrets redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertChange {
    /// What it was; requests rarely say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What was asked for: the object, or the patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Whether `new` is a patch: `application/json-patch+json` and its
    /// like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// The most values kept of one field of an alert.
pub const MAX_TERMS: usize = 32;
/// The longest value of one.
const MAX_TERM: usize = 500;

/// A field of an alert's context that queries ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    User,
    Group,
    /// `namespace/name`
    ServiceAccount,
    SourceAddress,
    Verb,
    Resource,
}

impl Term {
    pub const ALL: [Self; 6] = [
        Self::User,
        Self::Group,
        Self::ServiceAccount,
        Self::SourceAddress,
        Self::Verb,
        Self::Resource,
    ];
}

impl AlertContext {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it has under each field queries ask for, each once, bounded.
    pub fn terms(&self) -> Vec<(Term, String)> {
        let mut terms = Vec::new();
        let mut put = |term: Term, value: &str| {
            let end = value.floor_char_boundary(MAX_TERM);
            let value = value.get(..end).unwrap_or_default().to_owned();
            let of_it = terms.iter().filter(|(known, _)| *known == term).count();
            if !value.is_empty() && of_it < MAX_TERMS && !terms.contains(&(term, value.clone())) {
                terms.push((term, value));
            }
        };
        for principal in self.principal.iter().flat_map(Principal::all) {
            put(Term::User, &principal.name);
            for group in &principal.groups {
                put(Term::Group, group);
            }
            if let Some((namespace, name)) = principal.service_account() {
                put(Term::ServiceAccount, &format!("{namespace}/{name}"));
            }
        }
        for address in &self.whence.addresses {
            put(Term::SourceAddress, address);
        }
        if let Some(action) = &self.action {
            put(Term::Verb, &action.verb);
            put(Term::Resource, &action.resource);
            if action.subresource.is_some() {
                put(Term::Resource, &action.resource());
            }
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_told_apart_by_their_names() {
        for (name, kind, is_system) in [
            ("alice@example.com", PrincipalKind::User, false),
            ("system:admin", PrincipalKind::User, false),
            ("system:node:n1", PrincipalKind::Node, true),
            ("system:kube-scheduler", PrincipalKind::Component, true),
            ("aksService", PrincipalKind::Component, true),
            ("eks:node-manager", PrincipalKind::Component, true),
            ("system:anonymous", PrincipalKind::Anonymous, false),
            ("", PrincipalKind::Anonymous, false),
            (
                "system:serviceaccount:kube-system:replicaset-controller",
                PrincipalKind::ServiceAccount,
                true,
            ),
            (
                "system:serviceaccount:shop:ci",
                PrincipalKind::ServiceAccount,
                false,
            ),
        ] {
            let principal = Principal::of_kubernetes(name);
            assert_eq!(
                (principal.kind, principal.is_system()),
                (kind, is_system),
                "{name}"
            );
        }
        let account = Principal::of_kubernetes("system:serviceaccount:shop:ci");
        assert_eq!(account.shown(), "shop/ci");
        assert!(!Principal::local("root").is_identity());
    }

    #[test]
    fn the_machine_itself_is_no_source() {
        let whence = |address: &str| Whence {
            addresses: vec![address.to_owned()],
            user_agent: None,
        };
        for own in ["127.0.0.1", "::1", "0.0.0.0", "", "nonsense"] {
            assert_eq!(whence(own).source(), None, "{own}");
        }
        assert_eq!(whence("203.0.113.9").source(), Some("203.0.113.9"));
    }

    #[test]
    fn terms_are_said_once_and_bounded() {
        let mut principal = Principal::of_kubernetes("alice");
        principal.groups = (0..100).map(|number| format!("group-{number}")).collect();
        principal.acting_as = Some(Box::new(Principal::of_kubernetes(
            "system:serviceaccount:shop:ci",
        )));
        let context = AlertContext {
            principal: Some(principal),
            action: Some(AlertAction {
                verb: "create".to_owned(),
                resource: "pods".to_owned(),
                subresource: Some("exec".to_owned()),
                ..AlertAction::default()
            }),
            ..AlertContext::default()
        };
        let terms = context.terms();
        let of = |term: Term| {
            let known = terms.iter().filter(|(known, _)| *known == term);
            known.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of(Term::User), ["alice", "system:serviceaccount:shop:ci"]);
        assert_eq!(of(Term::ServiceAccount), ["shop/ci"]);
        assert_eq!(of(Term::Resource), ["pods", "pods/exec"]);
        assert_eq!(of(Term::Group).len(), MAX_TERMS);
    }

    #[test]
    fn an_object_is_named_as_people_do() {
        let mut action = AlertAction {
            resource: "secrets".to_owned(),
            namespace: Some("shop".to_owned()),
            ..AlertAction::default()
        };
        assert_eq!(action.object(), "secrets in shop");
        action.name = Some("db".to_owned());
        assert_eq!(action.object(), "secrets shop/db");
        action.resource = "namespaces".to_owned();
        action.name = Some("shop".to_owned());
        assert_eq!(action.object(), "namespaces shop");
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let text = serde_json::to_string(&AlertContext::default()).unwrap();
        assert_eq!(text, "{}");
        assert_eq!(
            serde_json::from_str::<AlertContext>(&text).unwrap(),
            AlertContext::default()
        );
    }
}
