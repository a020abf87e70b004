//! Vocabulary of the audit log of a Kubernetes API server.
//!
//! `ka.*` and `jevt.*` are the names Falco's rules for audit logs use;
//! what is marked as ours goes further: the level, the groups of an
//! impersonated user, the API group of the object, the operations of a
//! patch, and one pod template wherever a workload keeps it.

use super::{
    Argument::{Optional, Required},
    Field,
    Kind::{Text, Time},
    Needs::{RequestBody, ResponseBody},
};

const fn text(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Text, doc)
}

/// Of the request's body.
const fn asked(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Text, doc).needs(RequestBody)
}

/// Any number of values of the request's body.
const fn asked_list(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Text, doc).needs(RequestBody).list()
}

/// Likewise, and `[n]` picks those of the n-th element.
const fn asked_each(name: &'static str, doc: &'static str) -> Field {
    asked_list(name, doc).argument(Optional)
}

/// The same questions of each list of containers.
macro_rules! containers {
    ($prefix:literal, $what:literal) => {
        [
            asked_each(
                concat!($prefix, ".name"),
                concat!("Names of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".image"),
                concat!("Images of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".image.repository"),
                concat!("Images of the ", $what, ", without tag and digest."),
            ),
            asked_each(
                concat!($prefix, ".command"),
                concat!(
                    "Commands of the ",
                    $what,
                    ", each with its words joined by blanks."
                ),
            ),
            asked_each(
                concat!($prefix, ".args"),
                concat!("Arguments of the ", $what, ", each joined by blanks."),
            ),
            asked_each(
                concat!($prefix, ".privileged"),
                concat!(
                    "`true` or `false` for each of the ",
                    $what,
                    " that says `privileged`."
                ),
            ),
            asked_each(
                concat!($prefix, ".allow_privilege_escalation"),
                concat!("`allowPrivilegeEscalation` of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".read_only_fs"),
                concat!("`readOnlyRootFilesystem` of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".run_as_user"),
                concat!("`runAsUser` of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".eff_run_as_user"),
                concat!(
                    "The user the ",
                    $what,
                    " start as: their own, else the pod's, else 0."
                ),
            ),
            asked_each(
                concat!($prefix, ".run_as_group"),
                concat!("`runAsGroup` of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".eff_run_as_group"),
                concat!(
                    "The group the ",
                    $what,
                    " start as: their own, else the pod's, else 0."
                ),
            ),
            asked_each(
                concat!($prefix, ".proc_mount"),
                concat!("`procMount` of the ", $what, "."),
            ),
            asked_each(
                concat!($prefix, ".add_capabilities"),
                concat!("Capabilities the ", $what, " ask for."),
            ),
            asked_each(
                concat!($prefix, ".host_port"),
                concat!(
                    "Ports of the host the ",
                    $what,
                    " ask for, else their own ports."
                ),
            ),
        ]
    };
}

pub(super) fn fields() -> Vec<Field> {
    let mut fields = super::of_any_event();
    fields.extend(event());
    fields.extend(body());
    fields.extend(containers!("ka.req.pod.containers", "containers"));
    fields.extend(containers!("ka.req.pod.initContainers", "init containers"));
    fields.extend(containers!(
        "ka.req.pod.ephemeralContainers",
        "ephemeral containers"
    ));
    fields.extend(
        containers!(
            "ka.req.podspec.containers",
            "containers of any list, wherever the pod stands"
        )
        .map(Field::ours),
    );
    fields.extend(pod_spec().map(Field::ours));
    fields.extend(more_of_event().map(Field::ours));
    fields.extend(more_of_body().map(Field::ours));
    fields
}

/// What level `Metadata` tells.
fn event() -> [Field; 26] {
    [
        text(
            "ka.auditid",
            "Id of the request; the same in each of its stages.",
        ),
        text(
            "ka.stage",
            "Stage of the request: `ResponseComplete`, `ResponseStarted` and so on.",
        ),
        text(
            "ka.auth.decision",
            "Whether authorization said `allow` or `forbid`.",
        ),
        text(
            "ka.auth.reason",
            "Why authorization decided so: the binding it found.",
        ),
        text(
            "ka.auth.openshift.decision",
            "What OpenShift's sign-in decided.",
        ),
        text("ka.auth.openshift.username", "Who signs in to OpenShift."),
        text(
            "ka.validations.admission.policy.failure",
            "What a ValidatingAdmissionPolicy has against the request.",
        ),
        text(
            "ka.security.pod.violations",
            "What the Pod Security Standards have against the pod.",
        ),
        text("ka.user.name", "Who asks."),
        text("ka.user.groups", "The groups of who asks.").list(),
        text("ka.impuser.name", "Who is impersonated."),
        text(
            "ka.verb",
            "What is done: `get`, `list`, `watch`, `create`, `update`, `patch` and so on.",
        ),
        text("ka.uri", "The path and query of the request, as sent."),
        text(
            "ka.uri.param",
            "A parameter of the query: `ka.uri.param[command]`.",
        )
        .argument(Required),
        text(
            "ka.target.name",
            "Name of the object; empty where the server will make one up.",
        ),
        text("ka.target.namespace", "Namespace of the object."),
        text(
            "ka.target.resource",
            "Resource of the object, in the plural: `pods`.",
        ),
        text(
            "ka.target.subresource",
            "Part of the object that is meant: `exec`, `status`.",
        ),
        text("ka.response.code", "HTTP status of the answer."),
        text(
            "ka.response.reason",
            "Why it failed, in one word: `Forbidden`, `NotFound`.",
        ),
        text("ka.useragent", "What the client calls itself."),
        text(
            "ka.sourceips",
            "Addresses the request came by, the client's first.",
        )
        .list()
        .argument(Optional),
        text(
            "ka.cluster.name",
            "Name of the cluster, where the log carries it.",
        ),
        text(
            "jevt.value",
            "Any value of the event by JSON pointer; a step `*` means each.",
        )
        .argument(Required),
        text("jevt.obj", "The whole event as JSON."),
        Field::new(
            "jevt.rawtime",
            Time,
            "When the request arrived, in nanoseconds since 1970.",
        ),
    ]
}

/// What the bodies tell.
fn body() -> [Field; 36] {
    [
        text("ka.target.pod.name", "Name of the pod that was made.").needs(ResponseBody),
        text("ka.resp.name", "Name of the object in the answer.").needs(ResponseBody),
        asked_list(
            "ka.req.binding.subjects",
            "Subjects of a role binding, each as JSON.",
        ),
        asked_list(
            "ka.req.binding.subjects.user_names",
            "Users a role binding names.",
        ),
        asked_list(
            "ka.req.binding.subjects.group_names",
            "Groups a role binding names.",
        ),
        asked_list(
            "ka.req.binding.subjects.serviceaccount_names",
            "Service accounts a role binding names.",
        ),
        asked_list(
            "ka.req.binding.subjects.serviceaccount_ns_names",
            "Service accounts a role binding names, as `namespace:name`.",
        ),
        asked("ka.req.binding.role", "The role a role binding gives."),
        asked(
            "ka.req.binding.subject.has_name",
            "Always `true`; kept for old rules.",
        )
        .argument(Required),
        text(
            "ka.req.configmap.name",
            "Name of the config map: that of the object.",
        ),
        asked("ka.req.configmap.obj", "Data of the config map, as JSON."),
        asked(
            "ka.req.container.image",
            "Image of the first container; kept for old rules.",
        ),
        asked(
            "ka.req.container.image.repository",
            "Image of the first container without its tag; kept for old rules.",
        ),
        asked(
            "ka.req.container.host_network",
            "`hostNetwork` of the pod; kept for old rules.",
        ),
        asked(
            "ka.req.container.privileged",
            "Whether any container of the pod is privileged.",
        ),
        asked("ka.req.pod.host_ipc", "`hostIPC` of the pod."),
        asked("ka.req.pod.host_network", "`hostNetwork` of the pod."),
        asked("ka.req.pod.host_pid", "`hostPID` of the pod."),
        asked(
            "ka.req.pod.run_as_user",
            "`runAsUser` of the pod as a whole.",
        ),
        asked(
            "ka.req.pod.run_as_group",
            "`runAsGroup` of the pod as a whole.",
        ),
        asked("ka.req.pod.fs_group", "`fsGroup` of the pod."),
        asked_list(
            "ka.req.pod.supplemental_groups",
            "`supplementalGroups` of the pod.",
        ),
        asked_each(
            "ka.req.pod.volumes.hostpath",
            "Paths of the host the pod mounts.",
        ),
        asked_each(
            "ka.req.pod.volumes.flexvolume_driver",
            "Drivers of the pod's flex volumes.",
        ),
        asked_each(
            "ka.req.pod.volumes.volume_type",
            "Types of the pod's volumes.",
        ),
        asked(
            "ka.req.volume.hostpath",
            "Whether a volume is this path of the host; `[/etc*]` means anything below.",
        )
        .argument(Required),
        asked_list("ka.req.role.rules", "Rules of a role, each as JSON."),
        asked_each("ka.req.role.rules.apiGroups", "API groups a role is about."),
        asked_each(
            "ka.req.role.rules.nonResourceURLs",
            "Paths that are no resource a role is about.",
        ),
        asked_each("ka.req.role.rules.verbs", "Verbs a role permits."),
        asked_each("ka.req.role.rules.resources", "Resources a role is about."),
        asked(
            "ka.req.service.type",
            "Type of a service: `LoadBalancer`, `NodePort` and so on.",
        ),
        asked_each("ka.req.service.ports", "Ports of a service, each as JSON."),
        text("json.value", "The same as `jevt.value`.").argument(Required),
        text("json.obj", "The same as `jevt.obj`."),
        Field::new("json.rawtime", Time, "The same as `jevt.rawtime`."),
    ]
}

/// The pod, whether it is asked for itself or stands in the template of a
/// workload, a job or a cron job.
fn pod_spec() -> [Field; 14] {
    [
        asked(
            "ka.req.podspec.host_ipc",
            "`hostIPC` of the pod, wherever it stands.",
        ),
        asked(
            "ka.req.podspec.host_network",
            "`hostNetwork` of the pod, wherever it stands.",
        ),
        asked(
            "ka.req.podspec.host_pid",
            "`hostPID` of the pod, wherever it stands.",
        ),
        asked("ka.req.podspec.node_name", "The node the pod is bound to."),
        asked(
            "ka.req.podspec.service_account",
            "The service account the pod runs as.",
        ),
        asked(
            "ka.req.podspec.automount_token",
            "`automountServiceAccountToken` of the pod.",
        ),
        asked(
            "ka.req.podspec.runtime_class",
            "The runtime class of the pod.",
        ),
        asked_list(
            "ka.req.podspec.volumes.hostpath",
            "Paths of the host that are mounted.",
        ),
        asked_list(
            "ka.req.podspec.volumes.volume_type",
            "Types of the volumes.",
        ),
        asked_list("ka.req.podspec.volumes.secret", "Secrets that are mounted."),
        asked_list(
            "ka.req.podspec.containers.env_names",
            "Names of environment variables.",
        ),
        asked_list(
            "ka.req.podspec.containers.env_values",
            "Values of environment variables.",
        ),
        asked_list(
            "ka.req.podspec.containers.mount_paths",
            "Where volumes are mounted.",
        ),
        asked_list(
            "ka.req.podspec.tolerations",
            "Taints the pod tolerates: key, or `*` for all.",
        ),
    ]
}

fn more_of_event() -> [Field; 13] {
    [
        text(
            "ka.level",
            "How much was recorded: `Metadata`, `Request`, `RequestResponse`.",
        ),
        text("ka.user.uid", "Unique id of who asks."),
        text("ka.user.extra", "Further facts of who asks, by key.")
            .list()
            .argument(Required),
        text(
            "ka.user.serviceaccount",
            "The service account that asks, as `namespace:name`; absent for people.",
        ),
        text(
            "ka.user.credential",
            "Id of the credential that was shown, where it is told.",
        ),
        text("ka.impuser.groups", "Groups of who is impersonated.").list(),
        text("ka.impuser.uid", "Unique id of who is impersonated."),
        text(
            "ka.target.apigroup",
            "API group of the object; absent for the core group.",
        ),
        text(
            "ka.target.apiversion",
            "Version of the API the object is of.",
        ),
        text("ka.target.uid", "Unique id of the object."),
        text(
            "ka.response.status",
            "`Failure` or `Success`, where it is told.",
        ),
        text("ka.response.message", "What the answer says in words."),
        text("ka.annotation", "Any annotation of the event by its key.").argument(Required),
    ]
}

fn more_of_body() -> [Field; 26] {
    [
        asked("ka.req.kind", "Kind of the object in the request."),
        asked(
            "ka.req.name",
            "Name of the object in the request, or what it shall begin with.",
        ),
        asked(
            "ka.req.namespace",
            "Namespace of the object in the request.",
        ),
        asked(
            "ka.req.annotation",
            "An annotation of the object in the request.",
        )
        .argument(Required),
        asked("ka.req.label", "A label of the object in the request.").argument(Required),
        asked_list(
            "ka.req.annotation.names",
            "Names of the annotations of the object asked for.",
        ),
        asked_list("ka.req.owner_kinds", "Kinds of the object's owners."),
        asked_list(
            "ka.req.finalizers",
            "Finalizers of the object in the request.",
        ),
        asked_list(
            "ka.req.data.names",
            "Names of the entries of a config map or secret.",
        ),
        asked_list(
            "ka.req.patch.ops",
            "What a JSON patch does: `add`, `replace`, `remove` and so on.",
        ),
        asked_list("ka.req.patch.paths", "Where a JSON patch does it."),
        asked_list(
            "ka.req.patch.values",
            "What a JSON patch puts there, as JSON or text.",
        ),
        asked("ka.req.binding.role.kind", "`Role` or `ClusterRole`."),
        asked(
            "ka.req.service.external_name",
            "The name an `ExternalName` service stands for.",
        ),
        asked_list(
            "ka.req.service.external_ips",
            "External addresses of a service.",
        ),
        asked_list(
            "ka.req.webhook.urls",
            "Where admission webhooks send to, if not to a service.",
        ),
        asked_list(
            "ka.req.webhook.services",
            "Services of admission webhooks: `namespace/name`.",
        ),
        asked_list(
            "ka.req.webhook.failure_policies",
            "`Fail` or `Ignore` of admission webhooks.",
        ),
        asked("ka.req.csr.signer", "Who shall sign a certificate."),
        asked(
            "ka.req.csr.username",
            "Whose certificate it shall be: the common name asked for.",
        ),
        asked_list(
            "ka.req.csr.groups",
            "In which groups that is: the organizations asked for.",
        ),
        asked_list("ka.req.csr.usages", "What the certificate is for."),
        asked_list("ka.req.csr.conditions", "`Approved`, `Denied`, `Failed`."),
        asked_list(
            "ka.req.token.audiences",
            "For whom a service account token is asked.",
        ),
        asked(
            "ka.req.token.expiration",
            "For how many seconds it is asked.",
        ),
        text("ka.resp.kind", "Kind of the object in the answer.").needs(ResponseBody),
    ]
}
