//! How a cluster is started.

use std::{path::PathBuf, time::Duration};

use anyhow::bail;
use serde_json::json;

use super::Place;

/// What a cluster is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stand-ins for nodes.
    pub nodes: u16,
    /// Without `CoreDNS`, kube-proxy and the like.
    pub is_bare: bool,
    pub audit: Audit,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 2,
            is_bare: false,
            audit: Audit::default(),
        }
    }
}

/// What the API server records, and where it goes.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// An audit policy, YAML; [`POLICY`] unless given.
    pub policy: Option<String>,
    /// Write events to [`Place::audit_log`].
    pub has_log: bool,
    pub webhook: Option<Webhook>,
}

/// Who receives audit events.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: String,
    pub token: Option<String>,
    /// A certificate authority to trust instead of the system's.
    pub ca: Option<PathBuf>,
    pub batch: Batch,
}

/// How events are sent; what is not said is the API server's own default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch {
    pub buffer: Option<u32>,
    pub size: Option<u32>,
    pub wait: Option<Duration>,
    /// Batches a second.
    pub rate: Option<u32>,
    pub burst: Option<u32>,
}

/// Everything an attack shows in, without what secrets and tokens hold:
/// objects as written, by whom, and what was answered.
pub const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: ['/healthz*', '/livez*', '/readyz*']
  - level: Metadata
    resources:
      - {group: '', resources: [secrets, serviceaccounts/token]}
      - {group: authentication.k8s.io, resources: [tokenreviews]}
  - level: Metadata
    verbs: [get, list, watch]
  - level: Metadata
    resources:
      - {group: coordination.k8s.io, resources: [leases]}
      - {group: '', resources: [events, endpoints, nodes/status, pods/status]}
      - {group: events.k8s.io, resources: [events]}
      - {group: discovery.k8s.io, resources: [endpointslices]}
  - level: RequestResponse
";

impl Options {
    /// Writes what the API server reads, and says so to `cluster up`.
    pub(super) fn arguments(&self, place: &Place) -> anyhow::Result<Vec<String>> {
        let mut arguments = vec![format!("--nodes={}", self.nodes)];
        if self.is_bare {
            arguments.push("--bare".to_owned());
        }
        if !self.audit.has_log && self.audit.webhook.is_none() {
            return Ok(arguments);
        }
        let policy = place.folder().join("audit-policy.yaml");
        std::fs::write(&policy, self.audit.policy.as_deref().unwrap_or(POLICY))?;
        arguments.push(format!("--audit-policy={}", policy.display()));
        if self.audit.has_log {
            arguments.push(format!("--audit-log={}", place.audit_log().display()));
        }
        if let Some(webhook) = &self.audit.webhook {
            if webhook.token.is_some() && webhook.url.starts_with("http:") {
                bail!(
                    "an API server sends no token without TLS: '{}' must be https",
                    webhook.url
                );
            }
            let file = place.folder().join("audit-webhook.json");
            std::fs::write(&file, webhook.kubeconfig().to_string())?;
            arguments.push(format!("--audit-webhook={}", file.display()));
            arguments.extend(webhook.batch.flags());
        }
        Ok(arguments)
    }
}

impl Webhook {
    /// The kubeconfig the API server wants; JSON is YAML.
    fn kubeconfig(&self) -> serde_json::Value {
        let mut cluster = json!({"server": self.url});
        if let Some(ca) = &self.ca {
            cluster["certificate-authority"] = json!(ca);
        }
        let user = self
            .token
            .as_ref()
            .map_or_else(|| json!({}), |token| json!({"token": token}));
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "seawall", "cluster": cluster}],
            "users": [{"name": "apiserver", "user": user}],
            "contexts": [{"name": "audit", "context": {"cluster": "seawall", "user": "apiserver"}}],
            "current-context": "audit",
        })
    }
}

impl Batch {
    fn flags(&self) -> Vec<String> {
        let number = |name: &str, value: Option<u32>| {
            value.map(|value| format!("--audit-flag=--audit-webhook-batch-{name}={value}"))
        };
        [
            number("buffer-size", self.buffer),
            number("max-size", self.size),
            number("throttle-qps", self.rate),
            number("throttle-burst", self.burst),
            self.wait.map(|wait| {
                let wait = wait.as_millis();
                format!("--audit-flag=--audit-webhook-batch-max-wait={wait}ms")
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        Webhook {
            url: "https://127.0.0.1:7443/audit".to_owned(),
            token: Some("word".to_owned()),
            ca: None,
            batch: Batch {
                size: Some(10),
                wait: Some(Duration::from_millis(200)),
                ..Batch::default()
            },
        }
    }

    #[test]
    fn nothing_is_audited_for_nobody() {
        let place = Place::new("/nowhere");
        let arguments = Options::default().arguments(&place).unwrap();
        assert_eq!(arguments, ["--nodes=2"]);
    }

    #[test]
    fn only_what_was_said_of_batches_is_passed_on() {
        assert_eq!(
            webhook().batch.flags(),
            [
                "--audit-flag=--audit-webhook-batch-max-size=10",
                "--audit-flag=--audit-webhook-batch-max-wait=200ms",
            ]
        );
        assert!(Batch::default().flags().is_empty());
    }

    #[test]
    fn receiver_is_named_with_its_token() {
        let config = webhook().kubeconfig();
        assert_eq!(
            config["clusters"][0]["cluster"]["server"],
            "https://127.0.0.1:7443/audit"
        );
        assert_eq!(config["users"][0]["user"]["token"], "word");
    }
}
