//! Which kinds are watched, and how much of each.

use std::collections::{BTreeMap, BTreeSet};

use kube::{
    Client,
    api::ApiResource,
    discovery::{Discovery, verbs},
};
use policy::{Policies, review::Kind};

/// How much of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Full,
    /// Its metadata: the API server does not send the rest.
    Metadata,
}

/// A kind that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    pub resource: ApiResource,
    pub depth: Depth,
}

impl Watched {
    /// `deployments.apps`; `pods`.
    pub fn name(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.resource.plural.clone(),
            group => format!("{}.{group}", self.resource.plural),
        }
    }

    pub fn kind(&self) -> Kind {
        Kind {
            group: self.resource.group.clone(),
            version: self.resource.version.clone(),
            kind: self.resource.kind.clone(),
        }
    }
}

/// Watched whatever policies ask for: group, plural.
const ALWAYS: &[(&str, &str)] = &[
    ("", "namespaces"),
    ("", "nodes"),
    ("", "pods"),
    ("", "services"),
    ("", "serviceaccounts"),
    ("", "replicationcontrollers"),
    ("", "persistentvolumeclaims"),
    ("", "limitranges"),
    ("", "resourcequotas"),
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("storage.k8s.io", "storageclasses"),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
    ),
];

/// Their metadata alone, but of [`CONFIG_MAPS`].
const METADATA: &[(&str, &str)] = &[
    ("", "secrets"),
    CONFIG_MAPS,
    ("apiextensions.k8s.io", "customresourcedefinitions"),
];

/// What they hold is asked for where a policy names them: it judges that,
/// and it is not kept. Secrets hold what they are there for.
const CONFIG_MAPS: (&str, &str) = ("", "configmaps");

/// The kind of [`CONFIG_MAPS`].
pub(crate) fn config_map() -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
    }
}

/// Whole groups whose objects are policies themselves.
const POLICY_GROUPS: &[&str] = &[
    "templates.gatekeeper.sh",
    "constraints.gatekeeper.sh",
    "config.gatekeeper.sh",
    "syncset.gatekeeper.sh",
    "mutations.gatekeeper.sh",
    "expansion.gatekeeper.sh",
    PROVIDERS,
];

/// Whom policies may ask; of no use where nobody is asked.
const PROVIDERS: &str = "externaldata.gatekeeper.sh";

/// Watched only where a policy looks them up: one that is about every
/// kind does not mean these, which change all the time and say nothing of
/// how anything is set up.
const BUSY: &[(&str, &str)] = &[
    ("", "events"),
    ("", "endpoints"),
    ("", "componentstatuses"),
    ("", "podtemplates"),
    ("apps", "controllerrevisions"),
    ("coordination.k8s.io", "leases"),
    ("coordination.k8s.io", "leasecandidates"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
    ("networking.k8s.io", "ipaddresses"),
    ("networking.k8s.io", "servicecidrs"),
    ("metrics.k8s.io", "nodes"),
    ("metrics.k8s.io", "pods"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"),
    (
        "flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations",
    ),
];

/// Whether a group's objects are policies.
pub(crate) fn is_policy(group: &str, kind: &str) -> bool {
    POLICY_GROUPS.contains(&group)
        || (group == "admissionregistration.k8s.io"
            && matches!(
                kind,
                "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding"
            ))
}

/// The kinds of pods, and of what makes them.
pub(crate) fn is_workload(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(kind, "Pod" | "ReplicationController"),
        "apps" => matches!(
            kind,
            "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet"
        ),
        "batch" => matches!(kind, "Job" | "CronJob"),
        _ => false,
    }
}

/// What policies have to do with a kind.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// One may have something to say of its objects.
    is_wanted: bool,
    /// One looks them up.
    is_looked_up: bool,
    /// One asks for one of them by its name.
    is_named: bool,
}

/// How much of a resource is watched; `None`: nothing.
fn depth(group: &str, plural: &str, by: Use) -> Option<Depth> {
    let named = (group, plural);
    let is_always = ALWAYS.contains(&named) || POLICY_GROUPS.contains(&group);
    let is_wanted = by.is_wanted && !BUSY.contains(&named);
    if named == CONFIG_MAPS && by.is_named {
        Some(Depth::Full)
    } else if METADATA.contains(&named) {
        Some(Depth::Metadata)
    } else if is_always || is_wanted || by.is_looked_up {
        Some(Depth::Full)
    } else {
        None
    }
}

/// The kinds the API server has that are to be watched, each in the
/// version it prefers, by name; providers of external data only where
/// they are asked.
pub(crate) async fn discover(
    client: &Client,
    policies: &Policies,
    asks_providers: bool,
) -> Result<BTreeMap<String, Watched>, kube::Error> {
    // Groups whose server does not answer are left out of the aggregated
    // form, and fail the other one.
    let found = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(found) if found.has_group("") => found,
        // Older ones do not know it.
        Ok(_) | Err(_) => Discovery::new(client.clone()).run().await?,
    };
    let looked_up = policies.inventory_kinds().into_iter();
    let looked_up: BTreeSet<_> = looked_up.map(|kind| (kind.group, kind.kind)).collect();
    let mut all = BTreeMap::new();
    for group in found.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let can = |verb| capabilities.supports_operation(verb);
            let is_idle = resource.group == PROVIDERS && !asks_providers;
            if is_idle || !can(verbs::LIST) || !can(verbs::WATCH) {
                continue;
            }
            let kind = Kind {
                group: resource.group.clone(),
                version: resource.version.clone(),
                kind: resource.kind.clone(),
            };
            let by = Use {
                is_wanted: policies.wants(&kind),
                is_looked_up: looked_up.contains(&(kind.group.clone(), kind.kind.clone())),
                is_named: policies.names(&kind),
            };
            if let Some(depth) = depth(&resource.group, &resource.plural, by) {
                let watched = Watched { resource, depth };
                all.insert(watched.name(), watched);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_secrets_no_more_than_metadata_is_asked_for() {
        for (is_wanted, is_named) in [(false, false), (true, false), (true, true)] {
            let by = Use {
                is_wanted,
                is_named,
                is_looked_up: is_wanted,
            };
            let depth = |plural| depth("", plural, by);
            assert_eq!(depth("secrets"), Some(Depth::Metadata));
            // By its name, or not at all.
            let config_maps = if is_named {
                Depth::Full
            } else {
                Depth::Metadata
            };
            assert_eq!(depth("configmaps"), Some(config_maps));
        }
    }

    #[test]
    fn what_is_busy_is_watched_only_where_it_is_looked_up() {
        let wanted = Use {
            is_wanted: true,
            ..Use::default()
        };
        let looked_up = Use {
            is_looked_up: true,
            ..Use::default()
        };
        for by in [wanted, looked_up] {
            let orders = depth("shop.example", "orders", by);
            assert_eq!(orders, Some(Depth::Full));
        }
        assert_eq!(depth("shop.example", "orders", Use::default()), None);
        assert_eq!(depth("", "events", wanted), None);
        assert_eq!(depth("", "endpoints", looked_up), Some(Depth::Full));
    }
}
