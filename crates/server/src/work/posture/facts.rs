//! From what the record knows to what checks look at.

use model::{PackageKind, container::PublishedPort};
use policy::{
    AdvisoryFacts, ContainerFacts, Facts, HostFacts, ImageFacts, MachineFacts,
    facts::{Count, Port, Unlicensed, Upgrade},
};
use store::{Counts, PackageFix};

use crate::app::App;

fn count(counts: Counts) -> Count {
    Count {
        critical: counts.critical,
        high: counts.high,
        medium: counts.medium,
        // Whatever nobody rated is an update all the same.
        low: counts.low + counts.info + counts.unknown,
    }
}

fn upgrade(fix: PackageFix) -> Upgrade {
    Upgrade {
        kind: fix.kind,
        package: fix.package,
        installed: fix.installed,
        version: fix.version,
        closes: count(fix.closes),
    }
}

/// An image's facts; a machine's, where it is one; `None` for what has
/// nothing to judge. `unlicensed` is absent where nobody said which
/// licences may be shipped.
pub(super) fn image(
    image: store::ImageFacts,
    unlicensed: Option<Vec<Unlicensed>>,
) -> Option<Facts> {
    let upgrades: Vec<Upgrade> = image.fixes.into_iter().map(upgrade).collect();
    match image.kind? {
        model::TargetKind::Rootfs => Some(Facts::Machine(MachineFacts {
            name: image.name,
            // A folder without an operating system is no machine.
            packages: if image.os.is_some() {
                image.packages
            } else {
                0
            },
            os: image.os,
            updates: count(image.fixable_system),
            upgrades: upgrades
                .into_iter()
                .filter(|upgrade| PackageKind::is_distribution(upgrade.kind))
                .collect(),
        })),
        model::TargetKind::Image => Some(Facts::Image(Box::new(ImageFacts {
            name: image.name,
            running: image.running,
            upgrades,
            fixable: count(image.fixable),
            exploited: image.exploited,
            unread: image.warnings.iter().map(ToString::to_string).collect(),
            unscanned: false,
            os: image.os,
            config: image.config.map(Into::into),
            // Without a list nobody looked; packages are known of all.
            packages: image.notable.is_some().then_some(image.asked),
            files: image.notable,
            unlicensed,
        }))),
        model::TargetKind::Sbom => None,
    }
}

/// A container's facts, as its engine told them.
pub(super) fn container(container: &store::ContainerFacts) -> Facts {
    let fact = |name: &str| container.facts.get(name).map(String::as_str);
    let list = |name: &str| {
        fact(name).map(|text| {
            text.split(", ")
                .filter(|part| !part.is_empty() && *part != "none")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    };
    let ports = match fact("ports") {
        Some(text) => Some(
            text.split(", ")
                .filter_map(|part| part.parse::<PublishedPort>().ok())
                .map(|port| Port {
                    address: port.address,
                    port: port.host,
                    container_port: port.container,
                    protocol: port.protocol,
                })
                .collect(),
        ),
        // Docker says which ports it published; containerd publishes
        // none, others do it for it.
        None if fact("engine") == Some("docker") => Some(Vec::new()),
        None => None,
    };
    Facts::Container(Box::new(ContainerFacts {
        name: container.name.clone(),
        image: fact("image").map(str::to_owned),
        digest: container.digest.clone(),
        privileged: match fact("privileged") {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        },
        ports,
        host_namespaces: list("host namespaces"),
        host_paths: list("host paths"),
        options: container.options.clone(),
    }))
}

/// A container host's facts; `None` where another version wrote them,
/// until it is looked at again.
pub(super) fn host(host: &store::HostFacts) -> Option<Facts> {
    let mut facts: HostFacts = serde_json::from_str(&host.facts).ok()?;
    facts.name.clone_from(&host.name);
    Some(Facts::Host(Box::new(facts)))
}

/// The advisories every environment is judged by.
pub(super) fn advisories(app: &App) -> Facts {
    let (starter_only, as_of) = app.database.currency();
    Facts::Advisories(AdvisoryFacts {
        starter_only,
        as_of: Some(as_of),
    })
}
