//! From the name of a field to where it is.

use super::{Extractor, Keys, Leaf, TimeForm, Top};

fn asked(keys: Keys, leaf: Leaf) -> Extractor {
    Extractor::Walk {
        from: Top::RequestObject,
        keys: keys.into(),
        index: None,
        leaf,
    }
}

fn walk(from: Top, keys: Keys, leaf: Leaf) -> Extractor {
    Extractor::Walk {
        from,
        keys: keys.into(),
        index: None,
        leaf,
    }
}

fn annotation(key: &str) -> Extractor {
    Extractor::Key {
        from: Top::Annotations,
        keys: &[],
        key: key.to_owned(),
        leaf: Leaf::Text,
    }
}

impl Extractor {
    /// By the name of a field.
    pub(crate) fn new(name: &str, argument: Option<&str>) -> Self {
        use Leaf::{Each, Text};
        let argument = argument.unwrap_or_default();
        let index = argument.parse::<usize>().ok();
        for (prefix, list) in [
            ("ka.req.pod.containers.", "containers"),
            ("ka.req.pod.initContainers.", "initContainers"),
            ("ka.req.pod.ephemeralContainers.", "ephemeralContainers"),
        ] {
            if let Some(what) = name.strip_prefix(prefix) {
                return container(list, what, index);
            }
        }
        if let Some(what) = name.strip_prefix("ka.req.podspec.") {
            return pod_spec(what);
        }
        let indexed = |keys: Keys, leaf| Self::Walk {
            from: Top::RequestObject,
            keys: keys.into(),
            index,
            leaf,
        };
        match name {
            "ka.auditid" => Self::Top(Top::AuditId),
            "ka.stage" => Self::Top(Top::Stage),
            "ka.level" => Self::Top(Top::Level),
            "ka.verb" => Self::Top(Top::Verb),
            "ka.uri" => Self::Top(Top::RequestUri),
            "ka.useragent" => Self::Top(Top::UserAgent),
            "ka.uri.param" => Self::Parameter(argument.to_owned()),
            "ka.sourceips" => Self::Walk {
                from: Top::SourceIps,
                keys: Box::new([]),
                index,
                leaf: Each,
            },
            "ka.auth.decision" => annotation("authorization.k8s.io/decision"),
            "ka.auth.reason" => annotation("authorization.k8s.io/reason"),
            "ka.auth.openshift.decision" => annotation("authentication.openshift.io/decision"),
            "ka.auth.openshift.username" => annotation("authentication.openshift.io/username"),
            "ka.validations.admission.policy.failure" => {
                annotation("validation.policy.admission.k8s.io/validation_failure")
            }
            "ka.security.pod.violations" => {
                annotation("pod-security.kubernetes.io/audit-violations")
            }
            "ka.cluster.name" => annotation("cluster_name"),
            "ka.annotation" => annotation(argument),
            "ka.user.name" => walk(Top::User, &["username"], Text),
            "ka.user.groups" => walk(Top::User, &["groups"], Each),
            "ka.user.uid" => walk(Top::User, &["uid"], Text),
            "ka.user.extra" => Self::Key {
                from: Top::User,
                keys: &["extra"],
                key: argument.to_owned(),
                leaf: Each,
            },
            "ka.user.credential" => Self::Key {
                from: Top::User,
                keys: &["extra"],
                key: "authentication.kubernetes.io/credential-id".to_owned(),
                leaf: Each,
            },
            "ka.user.serviceaccount" => Self::ServiceAccount,
            "ka.impuser.name" => walk(Top::ImpersonatedUser, &["username"], Text),
            "ka.impuser.groups" => walk(Top::ImpersonatedUser, &["groups"], Each),
            "ka.impuser.uid" => walk(Top::ImpersonatedUser, &["uid"], Text),
            "ka.target.name" | "ka.req.configmap.name" => walk(Top::ObjectRef, &["name"], Text),
            "ka.target.namespace" => walk(Top::ObjectRef, &["namespace"], Text),
            "ka.target.resource" => walk(Top::ObjectRef, &["resource"], Text),
            "ka.target.subresource" => walk(Top::ObjectRef, &["subresource"], Text),
            "ka.target.apigroup" => walk(Top::ObjectRef, &["apiGroup"], Text),
            "ka.target.apiversion" => walk(Top::ObjectRef, &["apiVersion"], Text),
            "ka.target.uid" => walk(Top::ObjectRef, &["uid"], Text),
            "ka.target.pod.name" => Self::MadePod,
            "ka.response.code" => walk(Top::ResponseStatus, &["code"], Text),
            "ka.response.reason" => walk(Top::ResponseStatus, &["reason"], Text),
            "ka.response.status" => walk(Top::ResponseStatus, &["status"], Text),
            "ka.response.message" => walk(Top::ResponseStatus, &["message"], Text),
            "ka.resp.name" => walk(Top::ResponseObject, &["metadata", "name"], Text),
            "ka.resp.kind" => walk(Top::ResponseObject, &["kind"], Text),
            "ka.req.binding.subjects" => asked(&["subjects"], Each),
            "ka.req.binding.subjects.user_names" => subjects("User", false),
            "ka.req.binding.subjects.group_names" => subjects("Group", false),
            "ka.req.binding.subjects.serviceaccount_names" => subjects("ServiceAccount", false),
            "ka.req.binding.subjects.serviceaccount_ns_names" => subjects("ServiceAccount", true),
            "ka.req.binding.role" => asked(&["roleRef", "name"], Text),
            "ka.req.binding.role.kind" => asked(&["roleRef", "kind"], Text),
            "ka.req.binding.subject.has_name" => Self::Fixed("true"),
            "ka.req.configmap.obj" => asked(&["data"], Text),
            "ka.req.container.image" => container("containers", "image", Some(0)),
            "ka.req.container.image.repository" => {
                container("containers", "image.repository", Some(0))
            }
            "ka.req.container.privileged" => Self::AnyPrivileged,
            "ka.req.container.host_network" | "ka.req.pod.host_network" => {
                asked(&["spec", "hostNetwork"], Text)
            }
            "ka.req.pod.host_ipc" => asked(&["spec", "hostIPC"], Text),
            "ka.req.pod.host_pid" => asked(&["spec", "hostPID"], Text),
            "ka.req.pod.run_as_user" => asked(&["spec", "securityContext", "runAsUser"], Text),
            "ka.req.pod.run_as_group" => asked(&["spec", "securityContext", "runAsGroup"], Text),
            "ka.req.pod.fs_group" => asked(&["spec", "securityContext", "fsGroup"], Text),
            "ka.req.pod.supplemental_groups" => {
                asked(&["spec", "securityContext", "supplementalGroups"], Each)
            }
            "ka.req.pod.volumes.hostpath" => {
                indexed(&["spec", "volumes", "hostPath", "path"], Text)
            }
            "ka.req.pod.volumes.flexvolume_driver" => {
                indexed(&["spec", "volumes", "flexVolume", "driver"], Text)
            }
            "ka.req.pod.volumes.volume_type" => indexed(&["spec", "volumes"], Leaf::VolumeType),
            "ka.req.volume.hostpath" => Self::HostPath(argument.to_owned()),
            "ka.req.role.rules" => asked(&["rules"], Each),
            "ka.req.role.rules.apiGroups" => indexed(&["rules", "apiGroups"], Each),
            "ka.req.role.rules.nonResourceURLs" => indexed(&["rules", "nonResourceURLs"], Each),
            "ka.req.role.rules.verbs" => indexed(&["rules", "verbs"], Each),
            "ka.req.role.rules.resources" => indexed(&["rules", "resources"], Each),
            "ka.req.service.type" => asked(&["spec", "type"], Text),
            "ka.req.service.ports" => indexed(&["spec", "ports"], Each),
            "ka.req.service.external_name" => asked(&["spec", "externalName"], Text),
            "ka.req.service.external_ips" => asked(&["spec", "externalIPs"], Each),
            "ka.req.kind" => asked(&["kind"], Text),
            "ka.req.name" => Self::RequestName,
            "ka.req.namespace" => asked(&["metadata", "namespace"], Text),
            "ka.req.annotation" => metadata("annotations", argument),
            "ka.req.label" => metadata("labels", argument),
            "ka.req.annotation.names" => asked(&["metadata", "annotations"], Leaf::Keys),
            "ka.req.owner_kinds" => asked(&["metadata", "ownerReferences", "kind"], Text),
            "ka.req.finalizers" => asked(&["metadata", "finalizers"], Each),
            "ka.req.data.names" => asked(&["data"], Leaf::Keys),
            "ka.req.patch.ops" => Self::PatchOperations("op"),
            "ka.req.patch.paths" => Self::PatchOperations("path"),
            "ka.req.patch.values" => Self::PatchOperations("value"),
            "ka.req.webhook.urls" => asked(&["webhooks", "clientConfig", "url"], Text),
            "ka.req.webhook.services" => Self::WebhookServices,
            "ka.req.webhook.failure_policies" => asked(&["webhooks", "failurePolicy"], Text),
            "ka.req.csr.signer" => asked(&["spec", "signerName"], Text),
            // Object identifiers 2.5.4.3 and 2.5.4.10: name, organization.
            "ka.req.csr.username" => Self::Certificate(&[6, 3, 0x55, 4, 3]),
            "ka.req.csr.groups" => Self::Certificate(&[6, 3, 0x55, 4, 10]),
            "ka.req.csr.usages" => asked(&["spec", "usages"], Each),
            "ka.req.csr.conditions" => asked(&["status", "conditions", "type"], Text),
            "ka.req.token.audiences" => asked(&["spec", "audiences"], Each),
            "ka.req.token.expiration" => asked(&["spec", "expirationSeconds"], Text),
            "jevt.value" | "json.value" => pointer(argument),
            "jevt.obj" | "json.obj" | "evt.plugininfo" => Self::Json,
            "jevt.rawtime" | "json.rawtime" | "evt.rawtime" => Self::Time(1),
            "evt.rawtime.s" => Self::Time(1_000_000_000),
            "evt.rawtime.ns" => Self::Time(-1),
            "evt.num" => Self::Fixed("1"),
            "evt.source" | "evt.pluginname" => Self::Fixed("k8s_audit"),
            "evt.is_async" => Self::Fixed("false"),
            "evt.time" => Self::TimeText(TimeForm::Clock {
                with_fraction: true,
            }),
            "evt.time.s" => Self::TimeText(TimeForm::Clock {
                with_fraction: false,
            }),
            "evt.datetime" => Self::TimeText(TimeForm::Date {
                with_fraction: true,
            }),
            "evt.datetime.s" => Self::TimeText(TimeForm::Date {
                with_fraction: false,
            }),
            "evt.time.iso8601" => Self::TimeText(TimeForm::Rfc3339),
            _ => Self::Nothing,
        }
    }
}

fn subjects(kind: &'static str, has_namespace: bool) -> Extractor {
    Extractor::Subjects {
        kind,
        has_namespace,
    }
}

fn metadata(what: &'static str, key: &str) -> Extractor {
    Extractor::Key {
        from: Top::RequestObject,
        keys: if what == "labels" {
            &["metadata", "labels"]
        } else {
            &["metadata", "annotations"]
        },
        key: key.to_owned(),
        leaf: Leaf::Text,
    }
}

fn pointer(text: &str) -> Extractor {
    let text = text.trim_matches(['"', '\'']);
    if text.is_empty() || text == "/" {
        return Extractor::Json;
    }
    Extractor::Pointer(
        text.strip_prefix('/')
            .unwrap_or(text)
            .split('/')
            .map(|step| (step != "*").then(|| step.replace("~1", "/").replace("~0", "~")))
            .collect(),
    )
}

/// Below a container: its key and what is wanted of it.
fn of_container(what: &str) -> Option<(Keys, Leaf)> {
    Some(match what {
        "name" => (&["name"], Leaf::Text),
        "image" => (&["image"], Leaf::Text),
        "image.repository" => (&["image"], Leaf::Repository),
        "command" => (&["command"], Leaf::Joined),
        "args" => (&["args"], Leaf::Joined),
        "privileged" => (&["securityContext", "privileged"], Leaf::Text),
        "allow_privilege_escalation" => {
            (&["securityContext", "allowPrivilegeEscalation"], Leaf::Text)
        }
        "read_only_fs" => (&["securityContext", "readOnlyRootFilesystem"], Leaf::Text),
        "run_as_user" => (&["securityContext", "runAsUser"], Leaf::Text),
        "run_as_group" => (&["securityContext", "runAsGroup"], Leaf::Text),
        "proc_mount" => (&["securityContext", "procMount"], Leaf::Text),
        "add_capabilities" => (&["securityContext", "capabilities", "add"], Leaf::Each),
        "host_port" => (&["ports"], Leaf::Ports),
        "env_names" => (&["env", "name"], Leaf::Text),
        "env_values" => (&["env", "value"], Leaf::Text),
        "mount_paths" => (&["volumeMounts", "mountPath"], Leaf::Text),
        _ => return None,
    })
}

fn effective_key(what: &str) -> Option<&'static str> {
    match what {
        "eff_run_as_user" => Some("runAsUser"),
        "eff_run_as_group" => Some("runAsGroup"),
        _ => None,
    }
}

fn container(list: &'static str, what: &str, index: Option<usize>) -> Extractor {
    if let Some(key) = effective_key(what) {
        return Extractor::Effective {
            list: Some(list),
            key,
            index,
        };
    }
    let Some((keys, leaf)) = of_container(what) else {
        return Extractor::Nothing;
    };
    let mut path = vec!["spec", list];
    path.extend(keys);
    Extractor::Walk {
        from: Top::RequestObject,
        keys: path.into(),
        index,
        leaf,
    }
}

fn pod_spec(what: &str) -> Extractor {
    use Leaf::Text;
    if let Some(of) = what.strip_prefix("containers.") {
        if let Some(key) = effective_key(of) {
            return Extractor::Effective {
                list: None,
                key,
                index: None,
            };
        }
        return match of_container(of) {
            Some((keys, leaf)) => Extractor::Containers { keys, leaf },
            None => Extractor::Nothing,
        };
    }
    let (keys, leaf): (Keys, Leaf) = match what {
        "host_ipc" => (&["hostIPC"], Text),
        "host_network" => (&["hostNetwork"], Text),
        "host_pid" => (&["hostPID"], Text),
        "node_name" => (&["nodeName"], Text),
        "service_account" => (&["serviceAccountName"], Text),
        "automount_token" => (&["automountServiceAccountToken"], Text),
        "runtime_class" => (&["runtimeClassName"], Text),
        "volumes.hostpath" => (&["volumes", "hostPath", "path"], Text),
        "volumes.volume_type" => (&["volumes"], Leaf::VolumeType),
        "volumes.secret" => (&["volumes", "secret", "secretName"], Text),
        "tolerations" => (&["tolerations", "key"], Text),
        _ => return Extractor::Nothing,
    };
    Extractor::Pod { keys, leaf }
}
