//! What really runs, kept up to date: which images containers are of, who
//! reaches them, who watches them; and the priorities that rest on it.
//!
//! It looks when something that runs or reaches may have changed, after a
//! moment for more of it, and every few minutes: with time, silence tells
//! something, too.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use api::posture::{Exposure, SentPod};
use model::priority::Reach;
use store::{ClusterWays, HostWays, PodWays, Reached, StoreError};
use tokio::sync::Notify;

use crate::{app::App, http::around::Ways};

/// How long further news is waited for.
const SETTLE: Duration = Duration::from_secs(2);
/// How often it is looked at though nothing was told.
const EVERY: Duration = Duration::from_mins(2);
/// Ways named of one image.
const NAMED: usize = 3;

/// Told that what runs, who reaches it, or what of it presses may have
/// changed.
#[derive(Debug, Default)]
pub(crate) struct RunningBell(Notify);

impl RunningBell {
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Looks until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = look(&app).await {
            let error = model::error::chain(&error);
            tracing::error!(error, "cannot note what runs");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
            () = app.running.0.notified() => tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = tokio::time::sleep(SETTLE) => {}
            }
        }
    }
}

/// One look.
pub(crate) async fn look(app: &App) -> Result<(), StoreError> {
    let linked = app.store.link_containers().await?;
    let mut reached = HashMap::new();
    for ways in app.store.cluster_ways().await? {
        of_cluster(&ways, &mut reached);
    }
    for way in app.store.host_ways().await? {
        of_host(&way, &mut reached);
    }
    let reached = reached
        .into_iter()
        .map(|(image, ways)| (image, ways.into()));
    let noted = app
        .store
        .note_image_use(reached.collect(), app.clock.now())
        .await?;
    if linked > 0 || noted.images > 0 || noted.pressing > 0 {
        tracing::debug!(
            linked,
            images = noted.images,
            findings = noted.findings,
            pressing = noted.pressing,
            "what runs changed"
        );
    }
    Ok(())
}

/// The ways to one image, the widest first.
#[derive(Debug, Default)]
struct Found {
    ways: BTreeMap<Reach, Vec<String>>,
}

impl Found {
    fn add(&mut self, reach: Reach, by: Option<String>) {
        let named = self.ways.entry(reach).or_default();
        if let Some(by) = by
            && named.len() < NAMED
            && !named.contains(&by)
        {
            named.push(by);
        }
    }
}

impl From<Found> for Reached {
    fn from(mut found: Found) -> Self {
        let widest = found.ways.pop_last();
        let (reach, named) = widest.unwrap_or_default();
        Self {
            reach,
            by: named.join(", "),
        }
    }
}

/// Containers of clusters that are reached from outside of them, and
/// whose images are not known: by their ids.
pub(crate) async fn exposed_unknown(app: &App) -> Result<HashSet<String>, StoreError> {
    let mut exposed = HashSet::new();
    for ways in app.store.cluster_ways().await? {
        exposed_of(&ways, &mut exposed);
    }
    Ok(exposed)
}

fn exposed_of(ways: &ClusterWays, exposed: &mut HashSet<String>) {
    for (pod, exposures) in exposures(ways) {
        if exposures.iter().any(|way| reach_of(way) >= Reach::Node) {
            exposed.extend(pod.unknown.iter().cloned());
        }
    }
}

fn of_cluster(ways: &ClusterWays, reached: &mut HashMap<i64, Found>) {
    for (pod, exposures) in exposures(ways) {
        for image in &pod.images {
            let found = reached.entry(*image).or_default();
            // Whatever else is in the cluster reaches it.
            found.add(Reach::Inside, None);
            for exposure in &exposures {
                let words = in_words(exposure, &ways.cluster, &pod.namespace);
                found.add(reach_of(exposure), Some(words));
            }
        }
    }
}

/// Each pod of a cluster, and what leads to it.
fn exposures(ways: &ClusterWays) -> Vec<(&PodWays, Vec<Exposure>)> {
    let mut by_namespace: HashMap<&str, Ways> = HashMap::new();
    for object in &ways.objects {
        by_namespace
            .entry(&object.name.namespace)
            .or_default()
            .add(object);
    }
    let none = Ways::default();
    let of_pod = |pod: &PodWays| {
        let told: SentPod = serde_json::from_str(&pod.told).unwrap_or_default();
        let leading = by_namespace.get(pod.namespace.as_str()).unwrap_or(&none);
        let mut exposures = leading.to(&told.labels);
        let mut names = [pod.owner.as_ref(), Some(&pod.name)].into_iter().flatten();
        let body = names.find_map(|name| ways.bodies.get(&(pod.namespace.clone(), name.clone())));
        exposures.extend(body.into_iter().flat_map(|body| Ways::of_host(body)));
        exposures
    };
    ways.pods.iter().map(|pod| (pod, of_pod(pod))).collect()
}

fn reach_of(exposure: &Exposure) -> Reach {
    match exposure.reach.as_str() {
        "outside" => Reach::Outside,
        "node" => Reach::Node,
        _ => Reach::Inside,
    }
}

fn in_words(exposure: &Exposure, cluster: &str, namespace: &str) -> String {
    let by = exposure.by.replace('_', " ");
    match exposure.name.as_str() {
        "" => format!("{by} in {cluster}"),
        name => format!("{by} {namespace}/{name} in {cluster}"),
    }
}

fn of_host(way: &HostWays, reached: &mut HashMap<i64, Found>) {
    let found = reached.entry(way.image).or_default();
    found.add(Reach::Inside, None);
    let ports = way.facts.get("ports").map_or("", String::as_str);
    for port in ports.split(", ").filter(|port| !port.is_empty()) {
        let Ok(port) = port.parse::<model::PublishedPort>() else {
            continue;
        };
        let is_loopback = match port.address.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => false,
        };
        if !is_loopback {
            let named = format!("port {} of {}", port.host, way.host);
            found.add(Reach::Node, Some(named));
        }
    }
    let namespaces = way.facts.get("host namespaces").map_or("", String::as_str);
    if namespaces
        .split(", ")
        .any(|namespace| namespace == "network")
    {
        found.add(Reach::Node, Some(format!("the network of {}", way.host)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::{ObjectName, ObjectText};

    use super::*;

    fn object(kind: &str, name: &str, body: &serde_json::Value) -> ObjectText {
        ObjectText {
            name: ObjectName {
                group: String::new(),
                kind: kind.to_owned(),
                namespace: "shop".to_owned(),
                name: name.to_owned(),
            },
            body: body.to_string(),
        }
    }

    fn pod(name: &str, app: &str, image: i64) -> PodWays {
        PodWays {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            owner: Some(app.to_owned()),
            told: json!({"labels": {"app": app}}).to_string(),
            images: vec![image],
            // Beside it runs something nobody read.
            unknown: vec![format!("of {name}")],
        }
    }

    fn all(found: HashMap<i64, Found>) -> BTreeMap<i64, Reached> {
        let found = found.into_iter();
        found.map(|(image, found)| (image, found.into())).collect()
    }

    #[test]
    fn the_widest_way_to_an_image_counts() {
        let ways = ClusterWays {
            cluster: "prod".to_owned(),
            objects: vec![
                object(
                    "Service",
                    "web",
                    &json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
                ),
                object(
                    "Ingress",
                    "front",
                    &json!({"spec": {"rules": [{"http": {"paths": [
                        {"backend": {"service": {"name": "web"}}}]}}]}}),
                ),
                object(
                    "Service",
                    "api",
                    &json!({"spec": {"type": "NodePort", "selector": {"app": "api"}}}),
                ),
            ],
            bodies: HashMap::from([(
                ("shop".to_owned(), "agent".to_owned()),
                json!({"spec": {"template": {"spec": {"hostNetwork": true}}}}).to_string(),
            )]),
            pods: vec![
                pod("web-1", "web", 1),
                pod("api-1", "api", 2),
                pod("db-1", "db", 3),
                pod("agent-1", "agent", 4),
                pod("batch-1", "db", 1),
            ],
        };
        let mut found = HashMap::new();
        of_cluster(&ways, &mut found);
        let found = all(found);
        assert_eq!(found[&1].reach, Reach::Outside);
        assert_eq!(found[&1].by, "ingress shop/front in prod");
        assert_eq!(found[&2].reach, Reach::Node);
        assert_eq!(
            (found[&3].reach, found[&3].by.as_str()),
            (Reach::Inside, "")
        );
        assert_eq!(found[&4].by, "host network in prod");
        let mut exposed = HashSet::new();
        exposed_of(&ways, &mut exposed);
        let expected = ["of agent-1", "of api-1", "of web-1"].map(str::to_owned);
        assert_eq!(exposed, HashSet::from(expected));
    }

    #[test]
    fn a_port_on_loopback_leads_nobody_in() {
        let way = |image, ports: &str| HostWays {
            image,
            host: "box".to_owned(),
            container: "web".to_owned(),
            facts: [("ports".to_owned(), ports.to_owned())].into(),
        };
        let mut found = HashMap::new();
        of_host(&way(1, "127.0.0.1:80 -> 80/tcp"), &mut found);
        of_host(
            &way(2, "127.0.0.1:81 -> 81/tcp, 8080 -> 80/tcp"),
            &mut found,
        );
        let found = all(found);
        assert_eq!(found[&1].reach, Reach::Inside);
        assert_eq!(found[&2].reach, Reach::Node);
        assert_eq!(found[&2].by, "port 8080 of box");
    }
}
