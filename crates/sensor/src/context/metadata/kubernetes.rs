//! Pods, by the labels and annotations that runtimes keep for the kubelet,
//! and the workloads they are of.

use std::collections::BTreeMap;

use rules::syscall::{Bytes, Container, Pod};

use super::image::{self, bytes};

/// What runtimes keep, by name.
pub(super) type Notes = BTreeMap<String, String>;

/// Labels kept of a pod or container, and the length of one.
pub(super) const MAX_LABELS: usize = 128;
pub(super) const MAX_LABEL: usize = 4096;

/// The workload of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob`, `Pod`.
    pub kind: &'static str,
    pub name: String,
}

/// Reads what containerd, CRI-O and the kubelet wrote down.
pub(super) fn put(notes: &Notes, container: &mut Container) {
    let note = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| notes.get(*name))
            .map(String::as_str)
            .filter(|text| !text.is_empty() && text.len() <= MAX_LABEL)
    };
    let mut pod = container.pod.take().unwrap_or_default();
    let set = |place: &mut Bytes, names: &[&str]| {
        if let Some(text) = note(names) {
            *place = bytes(text);
        }
    };
    set(
        &mut pod.name,
        &[
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.pod.name",
            "io.kubernetes.cri-o.KubeName",
        ],
    );
    set(
        &mut pod.namespace,
        &[
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.pod.namespace",
            "io.kubernetes.cri-o.Namespace",
        ],
    );
    set(
        &mut pod.uid,
        &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"],
    );
    set(
        &mut pod.sandbox,
        &[
            "io.kubernetes.cri.sandbox-id",
            "io.kubernetes.cri-o.SandboxID",
            "io.kubernetes.sandbox.id",
        ],
    );
    set(
        &mut pod.address,
        &["io.kubernetes.cri-o.IP.0", "io.kubernetes.cri-o.IP"],
    );
    set(&mut pod.cni, &["io.kubernetes.cri-o.CNIResult"]);
    let is_sandbox = note(&[
        "io.kubernetes.cri.container-type",
        "io.kubernetes.cri-o.ContainerType",
        "io.kubernetes.docker.type",
    ])
    .is_some_and(|it| matches!(it, "sandbox" | "podsandbox"));
    if let Some(name) = note(&[
        "io.kubernetes.cri.container-name",
        "io.kubernetes.container.name",
    ]) {
        container.name = bytes(name);
    } else if is_sandbox && !pod.name.is_empty() {
        container.name = bytes("POD");
    }
    if let Some(name) = note(&[
        "io.kubernetes.cri.image-name",
        "io.kubernetes.cri-o.ImageName",
        "io.kubernetes.cri.podsandbox.image-name",
    ]) && !image::is_id(name)
    {
        image::put(name, container);
    }
    if let Some(reference) = note(&["io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.Image"]) {
        if image::is_id(reference) {
            container.image_id = image::id(reference);
        } else if let Some((_, digest)) = reference.split_once('@') {
            container.digest = bytes(digest);
        }
    }
    // CRI-O keeps the pod's labels as one text of JSON.
    if let Some(text) = notes.get("io.kubernetes.cri-o.Labels")
        && text.len() <= 64 * 1024
        && let Ok(labels) = serde_json::from_str::<Notes>(text)
    {
        pod.labels = labels_of(&labels);
    }
    if !pod.name.is_empty() || !pod.uid.is_empty() {
        container.pod = Some(pod);
    }
}

/// Labels, as many and as long as they may be.
pub(super) fn labels_of(labels: &Notes) -> Vec<(Bytes, Bytes)> {
    labels
        .iter()
        .filter(|(key, value)| key.len() <= MAX_LABEL && value.len() <= MAX_LABEL)
        .take(MAX_LABELS)
        .map(|(key, value)| (bytes(key), bytes(value)))
        .collect()
}

/// Which workload a pod is of: by the labels that controllers set, else by
/// how they make names.
pub fn workload(pod: &Pod) -> Option<Workload> {
    let name = std::str::from_utf8(&pod.name).ok()?;
    let label = |key: &str| {
        pod.labels
            .iter()
            .find(|(name, _)| **name == *key.as_bytes())
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    let of = |kind: &'static str, name: &str| {
        Some(Workload {
            kind,
            name: name.to_owned(),
        })
    };
    if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
        return match cron_of(job) {
            Some(cron) => of("CronJob", cron),
            None => of("Job", job),
        };
    }
    let cut = |name: &str| name.rsplit_once('-').map(|(before, _)| before.to_owned());
    if let Some(hash) = label("pod-template-hash") {
        let set = cut(name)?;
        return match set.strip_suffix(hash).and_then(|it| it.strip_suffix('-')) {
            Some(deployment) => of("Deployment", deployment),
            None => of("ReplicaSet", &set),
        };
    }
    if label("statefulset.kubernetes.io/pod-name").is_some()
        || label("apps.kubernetes.io/pod-index").is_some()
    {
        return of("StatefulSet", &cut(name)?);
    }
    if label("controller-revision-hash").is_some() {
        return of("DaemonSet", &cut(name)?);
    }
    if name.is_empty() {
        return None;
    }
    // Runtimes that keep no labels: names as controllers make them.
    if let Some((before, last)) = name.rsplit_once('-') {
        if is_random(last, 5..=5) {
            if let Some((deployment, hash)) = before.rsplit_once('-')
                && is_random(hash, 6..=10)
            {
                return of("Deployment", deployment);
            }
            return match cron_of(before) {
                Some(cron) => of("CronJob", cron),
                None => of("DaemonSet", before),
            };
        }
        if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
            return of("StatefulSet", before);
        }
    }
    of("Pod", name)
}

/// Letters that generated names are made of: no vowels, nothing that looks
/// like another.
fn is_random(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
        && text
            .bytes()
            .all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

/// A job named after a time, in minutes, is a cron job's.
fn cron_of(job: &str) -> Option<&str> {
    let (before, minutes) = job.rsplit_once('-')?;
    (minutes.len() == 8 && minutes.bytes().all(|byte| byte.is_ascii_digit())).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, labels: &[(&str, &str)]) -> Pod {
        Pod {
            name: bytes(name),
            labels: labels
                .iter()
                .map(|(key, value)| (bytes(key), bytes(value)))
                .collect(),
            ..Pod::default()
        }
    }

    #[test]
    fn workloads_are_told_by_labels_and_by_names() {
        for (name, labels, kind, workload_name) in [
            (
                "web-5d9c7b-x2x4z",
                &[("pod-template-hash", "5d9c7b")][..],
                "Deployment",
                "web",
            ),
            ("web-5d9c7b6f8d-x2x4z", &[], "Deployment", "web"),
            (
                "db-0",
                &[("statefulset.kubernetes.io/pod-name", "db-0")],
                "StatefulSet",
                "db",
            ),
            ("db-12", &[], "StatefulSet", "db"),
            (
                "agent-x2x4z",
                &[("controller-revision-hash", "7")],
                "DaemonSet",
                "agent",
            ),
            ("load-x2x4z", &[("job-name", "load")], "Job", "load"),
            (
                "tidy-28391040-x2x4z",
                &[("batch.kubernetes.io/job-name", "tidy-28391040")],
                "CronJob",
                "tidy",
            ),
            ("tidy-28391040-x2x4z", &[], "CronJob", "tidy"),
            ("alone", &[], "Pod", "alone"),
        ] {
            let found = workload(&pod(name, labels)).unwrap();
            assert_eq!((found.kind, &*found.name), (kind, workload_name), "{name}");
        }
        assert_eq!(workload(&pod("", &[])), None);
    }

    #[test]
    fn both_runtimes_notes_make_a_pod() {
        let notes = |pairs: &[(&str, &str)]| -> Notes {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let mut container = Container::default();
        put(
            &notes(&[
                ("io.kubernetes.cri.container-name", "web"),
                ("io.kubernetes.cri.container-type", "container"),
                (
                    "io.kubernetes.cri.image-name",
                    "docker.io/library/nginx:1.25",
                ),
                ("io.kubernetes.cri.sandbox-id", "abc"),
                ("io.kubernetes.cri.sandbox-name", "web-0"),
                ("io.kubernetes.cri.sandbox-namespace", "shop"),
                ("io.kubernetes.cri.sandbox-uid", "1-2"),
            ]),
            &mut container,
        );
        let pod = container.pod.as_ref().unwrap();
        assert_eq!(
            (&*container.name, &*container.tag),
            (&b"web"[..], &b"1.25"[..])
        );
        assert_eq!((&*pod.name, &*pod.namespace), (&b"web-0"[..], &b"shop"[..]));

        let mut container = Container::default();
        put(
            &notes(&[
                ("io.kubernetes.container.name", "db"),
                ("io.kubernetes.cri-o.ImageName", "quay.io/a/db:2"),
                ("io.kubernetes.cri-o.ImageRef", &"a".repeat(64)),
                ("io.kubernetes.cri-o.Labels", r#"{"app":"db","x":"y"}"#),
                ("io.kubernetes.pod.name", "db-0"),
                ("io.kubernetes.pod.namespace", "shop"),
            ]),
            &mut container,
        );
        assert_eq!(container.pod.unwrap().labels.len(), 2);
        assert_eq!(container.image_id.len(), 64);
    }
}
