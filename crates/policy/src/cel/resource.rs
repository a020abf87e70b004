//! From a kind to the resource it is served as. Rules of the API server
//! name resources, while objects name kinds.

use crate::review::Kind;

/// Kinds whose resource does not follow from a rule.
const IRREGULAR: &[(&str, &str)] = &[
    ("APIService", "apiservices"),
    ("CSIDriver", "csidrivers"),
    ("CSINode", "csinodes"),
    ("CSIStorageCapacity", "csistoragecapacities"),
    ("ClusterCIDR", "clustercidrs"),
    ("ComponentStatus", "componentstatuses"),
    ("Endpoints", "endpoints"),
    ("IPAddress", "ipaddresses"),
    ("NodeMetrics", "nodes"),
    ("PodMetrics", "pods"),
    ("SecurityContextConstraints", "securitycontextconstraints"),
    ("ServiceCIDR", "servicecidrs"),
];

/// Kinds of the API server that are in no namespace.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "SelfSubjectAccessReview",
    "ServiceCIDR",
    "StorageClass",
    "StorageVersion",
    "SubjectAccessReview",
    "TokenReview",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

/// The resource of `kind`: as a table has it, else the plural in lower
/// case, which is how nearly every definition names its own.
pub(crate) fn plural(kind: &str) -> String {
    if let Some((_, resource)) = IRREGULAR.iter().find(|(name, _)| *name == kind) {
        return (*resource).to_owned();
    }
    let lower = kind.to_ascii_lowercase();
    if let Some(stem) = lower.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        return format!("{stem}ies");
    }
    if lower.ends_with('s')
        || lower.ends_with('x')
        || lower.ends_with("ch")
        || lower.ends_with("sh")
    {
        return format!("{lower}es");
    }
    format!("{lower}s")
}

/// Whether the API server serves `kind` outside namespaces.
pub(crate) fn is_cluster_scoped(kind: &str) -> bool {
    CLUSTER_SCOPED.binary_search(&kind).is_ok()
}

/// Groups in which the API server serves the same objects.
pub(crate) fn is_same_group(left: &Kind, group: &str) -> bool {
    left.group == group
        || matches!(
            (left.kind.as_str(), left.group.as_str(), group),
            (
                "Deployment" | "DaemonSet" | "ReplicaSet",
                "apps",
                "extensions"
            ) | (
                "Deployment" | "DaemonSet" | "ReplicaSet",
                "extensions",
                "apps"
            ) | (
                "Ingress" | "NetworkPolicy",
                "networking.k8s.io",
                "extensions"
            ) | (
                "Ingress" | "NetworkPolicy",
                "extensions",
                "networking.k8s.io"
            ) | ("Event", "", "events.k8s.io")
                | ("Event", "events.k8s.io", "")
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_plural_the_api_server_gives_them() {
        for (kind, resource) in [
            ("Pod", "pods"),
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("IngressClass", "ingressclasses"),
            ("Endpoints", "endpoints"),
            ("Gateway", "gateways"),
            ("StorageClass", "storageclasses"),
            ("CSIStorageCapacity", "csistoragecapacities"),
        ] {
            assert_eq!(plural(kind), resource);
        }
    }

    #[test]
    fn the_table_is_sorted_for_the_search() {
        assert!(CLUSTER_SCOPED.is_sorted());
        assert!(is_cluster_scoped("Node") && !is_cluster_scoped("Pod"));
    }
}
