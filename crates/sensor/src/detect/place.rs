//! Where an alert happened: the steps down the tree of assets, and the
//! image that ran there.

use api::sensor::{SensorImage, SensorStep};
use rules::syscall::{Bytes, Container, Pod};

use super::{Settings, text};

/// No name of Kubernetes is longer.
const MAX_NAME: usize = 253;
/// How much of an id the record tells containers apart by.
const IDENTITY: usize = 12;

/// A container of a pod is below cluster and namespace, any other below
/// its host; what is in no container happened to the host.
pub(super) fn of(container: Option<&Container>, settings: &Settings) -> Vec<SensorStep> {
    let mut steps = Vec::new();
    if let Some(cluster) = &settings.cluster {
        same(&mut steps, "cluster", cluster.clone());
    }
    let Some(container) = container else {
        same(&mut steps, "host", settings.host.clone());
        return steps;
    };
    if let Some(pod) = &container.pod {
        if settings.cluster.is_none() {
            same(&mut steps, "cluster", "kubernetes".to_owned());
        }
        same(&mut steps, "namespace", name(&pod.namespace));
        if let Some(workload) = workload(pod) {
            same(&mut steps, "workload", workload);
        }
        same(&mut steps, "pod", name(&pod.name));
        // Its name outlives a restart, its id does not.
        let own = label(&container.labels, b"io.kubernetes.container.name");
        let own = own.map_or_else(|| name(&container.name), name);
        if own.is_empty() {
            same(&mut steps, "container", identity(container));
        } else {
            same(&mut steps, "container", own);
        }
        return steps;
    }
    same(&mut steps, "host", settings.host.clone());
    let identity = identity(container);
    let mut shown = name(&container.name);
    if shown.is_empty() {
        shown.clone_from(&identity);
    }
    steps.push(SensorStep {
        kind: "container".to_owned(),
        identity,
        name: shown,
    });
    steps
}

/// The image, as far as it is known.
pub(super) fn image(container: &Container) -> Option<SensorImage> {
    let named = if container.image.is_empty() {
        match (&*container.repository, &*container.tag) {
            (b"", _) => return None,
            (repository, b"") => repository.to_vec(),
            (repository, tag) => [repository, b":", tag].concat(),
        }
    } else {
        container.image.to_vec()
    };
    let digest = text::bytes(&container.digest, 100);
    let is_digest = digest
        .strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit()));
    Some(SensorImage {
        name: text::bytes(&named, 500),
        digest: is_digest.then_some(digest),
    })
}

/// What made a pod, from the marks controllers leave on what they make.
fn workload(pod: &Pod) -> Option<String> {
    let whole = name(&pod.name);
    let marked = |key: &[u8]| label(&pod.labels, key).map(name);
    if let Some(hash) = marked(b"pod-template-hash") {
        let (before, _) = whole.rsplit_once('-')?;
        return Some(before.strip_suffix(&hash)?.strip_suffix('-')?.to_owned());
    }
    if let Some(job) = marked(b"batch.kubernetes.io/job-name").or_else(|| marked(b"job-name")) {
        return Some(job);
    }
    // Pods of stateful sets end in a number, of daemon sets in five letters.
    marked(b"controller-revision-hash")?;
    let (before, _) = whole.rsplit_once('-')?;
    Some(before.to_owned())
}

fn identity(container: &Container) -> String {
    name(
        container
            .full_id
            .get(..IDENTITY)
            .unwrap_or(&container.full_id),
    )
}

fn label<'l>(labels: &'l [(Bytes, Bytes)], key: &[u8]) -> Option<&'l [u8]> {
    let found = labels.iter().find(|(name, _)| **name == *key)?;
    (!found.1.is_empty()).then_some(&*found.1)
}

fn name(bytes: impl AsRef<[u8]>) -> String {
    text::bytes(bytes.as_ref(), MAX_NAME)
}

/// A step whose name is its identity.
fn same(steps: &mut Vec<SensorStep>, kind: &str, name: String) {
    steps.push(SensorStep {
        kind: kind.to_owned(),
        identity: name.clone(),
        name,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    fn told(container: Option<&Container>, cluster: Option<&str>) -> String {
        let settings = Settings {
            host: "node-1".to_owned(),
            cluster: cluster.map(str::to_owned),
            off: Vec::new(),
        };
        of(container, &settings)
            .iter()
            .map(|step| format!("{}={}", step.kind, step.name))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn hosts_containers_and_pods_are_told_apart() {
        let container = made::container("web");
        assert_eq!(told(None, None), "host=node-1");
        assert_eq!(told(None, Some("prod")), "cluster=prod host=node-1");
        assert_eq!(told(Some(&container), None), "host=node-1 container=web");
        let mut bare = container.clone();
        bare.name = Bytes::default();
        assert_eq!(
            told(Some(&bare), None),
            "host=node-1 container=0123456789ab"
        );
        let mut pod = container;
        pod.pod = Some(Pod {
            name: b"web-7d9f-x2x4z".as_slice().into(),
            namespace: b"shop".as_slice().into(),
            labels: vec![(
                b"pod-template-hash".as_slice().into(),
                b"7d9f".as_slice().into(),
            )],
            ..Pod::default()
        });
        assert_eq!(
            told(Some(&pod), Some("prod")),
            "cluster=prod namespace=shop workload=web pod=web-7d9f-x2x4z container=web"
        );
    }

    #[test]
    fn a_digest_that_is_none_is_left_out() {
        let mut container = made::container("web");
        container.digest = b"sha256:abc".as_slice().into();
        assert_eq!(image(&container).unwrap().digest, None);
        container.digest = format!("sha256:{}", "a".repeat(64)).into_bytes().into();
        assert!(image(&container).unwrap().digest.is_some());
    }
}
