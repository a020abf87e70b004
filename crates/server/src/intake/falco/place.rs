//! Where an event happened, from what Falco's fields tell.

use model::{AlertImage, AlertPlace, AssetKind, asset::WORKLOAD_RESOURCES};
use store::container_identity;

use super::fields::Fields;

/// What a cluster is called that nobody named.
const CLUSTER: &str = "kubernetes";

/// A pod's container is below cluster and namespace, any other below its
/// host; what is in no container happened to the host itself.
pub(super) fn of(
    fields: &Fields<'_>,
    hostname: Option<&str>,
    source: &str,
    cluster: Option<&str>,
) -> AlertPlace {
    let mut place = AlertPlace::default();
    let named = fields.first(&["k8s.cluster.name", "cluster"]);
    let cluster = cluster.map(str::to_owned).or(named);
    if source == "k8s_audit" {
        audited(fields, cluster, &mut place);
        return place;
    }
    let namespace = fields.first(&["k8s.ns.name", "k8smeta.ns.name"]);
    let pod = fields.first(&["k8s.pod.name", "k8smeta.pod.name"]);
    let container = fields
        .first(&["container.full_id", "container.id"])
        .filter(|id| id != "host");
    if namespace.is_some() || pod.is_some() {
        let workload = [
            "k8s.deployment.name",
            "k8smeta.deployment.name",
            "k8s.rs.name",
            "k8smeta.rs.name",
            "k8s.rc.name",
            "k8smeta.rc.name",
        ];
        same(
            &mut place,
            AssetKind::Cluster,
            cluster.or(Some(CLUSTER.to_owned())),
        );
        same(&mut place, AssetKind::Namespace, namespace);
        same(&mut place, AssetKind::Workload, fields.first(&workload));
        same(&mut place, AssetKind::Pod, pod);
        // Its name outlives a restart, its id does not.
        let name = fields.first(&["container.name"]).or(container);
        same(&mut place, AssetKind::Container, name.clone());
        place.image = name.and_then(|_| image(fields));
        return place;
    }
    let host = hostname.map(str::to_owned);
    same(
        &mut place,
        AssetKind::Host,
        host.or_else(|| fields.first(&["k8s.node.name"])),
    );
    if let Some(id) = container {
        let identity = container_identity(&id, None);
        let name = fields.first(&["container.name"]);
        let name = name.unwrap_or_else(|| identity.clone());
        place.push(AssetKind::Container, identity, name);
        place.image = image(fields);
    }
    place
}

/// A step whose name is its identity.
fn same(place: &mut AlertPlace, kind: AssetKind, name: Option<String>) {
    if let Some(name) = name {
        place.push(kind, name.clone(), name);
    }
}

/// An event of the Kubernetes API's audit log: what was asked for.
fn audited(fields: &Fields<'_>, cluster: Option<String>, place: &mut AlertPlace) {
    same(
        place,
        AssetKind::Cluster,
        cluster.or(Some(CLUSTER.to_owned())),
    );
    let resource = fields.text("ka.target.resource").unwrap_or_default();
    let name = fields.text("ka.target.name");
    if resource == "namespaces" {
        same(place, AssetKind::Namespace, name);
        return;
    }
    let namespace = fields.text("ka.target.namespace");
    let is_in_one = namespace.is_some();
    same(place, AssetKind::Namespace, namespace);
    if resource == "pods" && is_in_one {
        same(place, AssetKind::Pod, name);
    } else if WORKLOAD_RESOURCES.contains(&resource.as_str()) && is_in_one {
        same(place, AssetKind::Workload, name);
    }
}

fn image(fields: &Fields<'_>) -> Option<AlertImage> {
    let repository = fields.text("container.image.repository")?;
    let name = match fields.text("container.image.tag") {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    };
    let digest = fields.text("container.image.digest");
    Some(AlertImage {
        name,
        digest: digest.and_then(|digest| digest.parse().ok()),
    })
}
