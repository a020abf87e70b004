//! The checks, by the recommendation's id.

mod advisories;
mod container;
mod host;
mod image;
mod image_contents;
mod machine;
mod run;

use jiff::Timestamp;

use crate::{Facts, Fault, Verdict, node};

pub use host::files::audited_paths;

/// A control of the Docker benchmark, and what it says of one asset.
pub type Part = (&'static str, Verdict);

pub(crate) fn judge(rule: &str, facts: &Facts, now: Timestamp) -> Verdict {
    match facts {
        Facts::Image(facts)
            if facts.unscanned
                && matches!(
                    rule,
                    "images-fix-critical"
                        | "images-fix-high"
                        | "images-no-exploited"
                        | "images-read-whole"
                ) =>
        {
            Verdict::NotApplicable
        }
        Facts::Image(facts) => match rule {
            "images-copy-not-add" => image::copy_not_add(facts),
            "images-few-setuid" => image_contents::few_setuid(facts),
            "images-fix-critical" => image::fix_critical(facts),
            "images-fix-high" => image::fix_high(facts),
            "images-fixed-base" => image_contents::fixed_base(facts),
            "images-health-checked" => image::health_checked(facts),
            "images-licenses-allowed" => image_contents::licenses_allowed(facts),
            "images-no-exploited" => image::no_exploited(facts),
            "images-no-leftovers" => image_contents::no_leftovers(facts),
            "images-no-open-programs" => image_contents::no_open_programs(facts),
            "images-no-piped-scripts" => image_contents::no_piped_scripts(facts),
            "images-no-privilege-tools" => image_contents::no_privilege_tools(facts),
            "images-no-secrets" => image::no_secrets(facts),
            "images-no-ssh" => image_contents::no_ssh(facts),
            "images-not-root" => image::not_root(facts),
            "images-read-whole" => image::read_whole(facts),
            "images-supported-base" => image::supported_base(facts, now),
            "images-update-with-install" => image::update_with_install(facts),
            _ => Verdict::NotApplicable,
        },
        Facts::Container(facts) => match rule {
            "containers-by-digest" => container::by_digest(facts),
            "containers-no-engine-socket" => container::no_engine_socket(facts),
            "containers-no-host-namespaces" => container::no_host_namespaces(facts),
            "containers-not-privileged" => container::not_privileged(facts),
            "containers-no-low-ports" => container::no_low_ports(facts),
            "containers-no-sensitive-paths" => container::no_sensitive_paths(facts),
            "containers-ports-bound" => container::ports_bound(facts),
            _ => run::judge(rule, facts),
        },
        Facts::Machine(facts) => match rule {
            "machines-install-updates" => machine::install_updates(facts),
            "machines-supported-system" => machine::supported_system(facts, now),
            _ => Verdict::NotApplicable,
        },
        Facts::Host(facts) => match rule {
            "hosts-authorization" => host::authorization(facts),
            "hosts-base-size" => host::base_size(facts),
            "hosts-central-logs" => host::central_logs(facts),
            "hosts-certificates-valid" => host::access::certificates_valid(facts, now),
            "hosts-clients-verified" => host::access::clients_verified(facts),
            "hosts-default-cgroup" => host::default_cgroup(facts),
            "hosts-few-may-control" => host::few_may_control(facts),
            "hosts-firewall" => host::firewall(facts),
            "hosts-live-restore" => host::live_restore(facts),
            "hosts-log-level" => host::log_level(facts),
            "hosts-no-experimental" => host::no_experimental(facts),
            "hosts-no-insecure-registries" => host::no_insecure_registries(facts),
            "hosts-no-inter-container" => host::no_inter_container(facts),
            "hosts-no-new-privileges" => host::no_new_privileges(facts),
            "hosts-no-swarm" => host::no_swarm(facts),
            "hosts-no-userland-proxy" => host::no_userland_proxy(facts),
            "hosts-own-partition" => host::own_partition(facts),
            "hosts-seccomp" => host::seccomp(facts),
            "hosts-storage-driver" => host::storage_driver(facts),
            "hosts-tls-only" => host::access::tls_only(facts),
            "hosts-tls-strong" => host::access::tls_strong(facts),
            "hosts-users-remapped" => host::users_remapped(facts),
            _ => together(host_parts(rule, facts).unwrap_or_default()),
        },
        Facts::Advisories(facts) => match rule {
            "advisories-fresh" => advisories::fresh(facts, now),
            _ => Verdict::NotApplicable,
        },
        Facts::Node(facts) => {
            node::check(rule).map_or(Verdict::NotApplicable, |check| check.judge(facts))
        }
    }
}

/// See [`crate::parts`].
pub(crate) fn parts(rule: &str, facts: &Facts) -> Option<Vec<Part>> {
    match facts {
        Facts::Host(facts) => host_parts(rule, facts),
        Facts::Container(facts) if rule == "containers-no-host-namespaces" => {
            Some(container::namespace_parts(facts))
        }
        Facts::Container(facts) if rule == "containers-confined" => Some(run::confined(facts)),
        _ => None,
    }
}

fn host_parts(rule: &str, facts: &crate::HostFacts) -> Option<Vec<Part>> {
    Some(match rule {
        "hosts-audited" => host::files::audited(facts),
        "hosts-certificates-protected" => host::files::certificates(facts),
        "hosts-settings-protected" => host::files::settings(facts),
        "hosts-sockets-protected" => host::files::sockets(facts),
        "hosts-swarm-sound" => host::swarm_parts(facts),
        "hosts-units-protected" => host::files::units(facts),
        _ => return None,
    })
}

/// Several controls' verdicts as one: what is wrong with any of them is
/// wrong with the asset.
fn together(parts: Vec<Part>) -> Verdict {
    let is_healthy = parts
        .iter()
        .any(|(_, verdict)| *verdict == Verdict::Healthy);
    let mut summaries = Vec::new();
    let mut evidence = serde_json::Map::new();
    let mut remediation: Vec<crate::Step> = Vec::new();
    for (control, verdict) in parts {
        if let Verdict::Affected(fault) = verdict {
            summaries.push(fault.summary.clone());
            evidence.insert(
                control.to_owned(),
                serde_json::json!({ "what": fault.summary, "facts": fault.evidence }),
            );
            // The same advice with another command is one step.
            for step in fault.remediation {
                match remediation.iter_mut().find(|known| known.text == step.text) {
                    Some(known) => {
                        if let (Some(code), Some(more)) = (&mut known.code, step.code)
                            && !code.contains(&more)
                        {
                            code.push('\n');
                            code.push_str(&more);
                        }
                    }
                    None => remediation.push(step),
                }
            }
        }
    }
    match (summaries.is_empty(), is_healthy) {
        (true, true) => Verdict::Healthy,
        (true, false) => Verdict::NotApplicable,
        (false, _) => Fault::verdict(
            list(&summaries),
            serde_json::json!({ "controls": evidence }),
            remediation,
        ),
    }
}

/// `1 port`, `2 ports`.
fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// `a, b and 3 more`.
fn list(words: &[String]) -> String {
    const NAMED: usize = 3;
    let named = words.iter().take(NAMED).cloned().collect::<Vec<_>>();
    match words.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
