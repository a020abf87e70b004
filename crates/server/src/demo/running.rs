//! The demonstration's running containers: made-up pods of a made-up
//! cluster, which run the made-up images. They go through the same
//! function as what a cluster tells.

use std::collections::HashMap;

use model::{ContainerEngine, Digest, PublishedPort, RunningContainer};
use serde::Deserialize;
use store::PlacedContainer;

use super::Definitions;

const FILE: &str = "running.json";

/// The cluster's name, as the alerts have it.
pub(super) const CLUSTER: &str = "demo";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placement {
    namespace: String,
    workload: String,
    pod: String,
    id: String,
    name: String,
    /// The name of the image it runs.
    image: String,
    #[serde(default)]
    privileged: bool,
    #[serde(default)]
    host_paths: Vec<String>,
    #[serde(default)]
    ports: Vec<PublishedPort>,
}

/// The pods of the images that are known, by name and by the digest of
/// their configuration.
pub(super) fn placed(
    images: &HashMap<String, Digest>,
) -> Result<Vec<PlacedContainer>, serde_json::Error> {
    let Some(file) = Definitions::get(FILE) else {
        return Ok(Vec::new());
    };
    let pods: Vec<Placement> = serde_json::from_slice(&file.data)?;
    let placed = pods.into_iter().filter_map(|pod| {
        let digest = images.get(&pod.image)?;
        Some(PlacedContainer {
            namespace: pod.namespace,
            workload: Some(pod.workload),
            pod: pod.pod,
            container: RunningContainer {
                engine: ContainerEngine::Containerd,
                namespace: None,
                id: pod.id,
                name: pod.name,
                image: pod.image,
                image_digests: vec![*digest],
                started: None,
                pid: None,
                privileged: Some(pod.privileged),
                host_namespaces: None,
                host_paths: Some(pod.host_paths),
                ports: pod.ports,
                labels: [("seawall.demo".to_owned(), "true".to_owned())].into(),
                options: None,
            },
        })
    });
    Ok(placed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_runs_an_image_that_is_built() {
        let images: HashMap<String, Digest> = super::super::definitions()
            .unwrap()
            .into_iter()
            .map(|(_, definition)| (definition.name, Digest::of(b"x")))
            .collect();
        let placed = placed(&images).unwrap();
        let file = Definitions::get(FILE).unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_slice(&file.data).unwrap();
        assert_eq!(placed.len(), all.len());
        assert!(
            placed
                .iter()
                .any(|pod| pod.container.privileged == Some(true))
        );
    }
}
