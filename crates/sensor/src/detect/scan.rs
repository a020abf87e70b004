//! Somebody looks for doors: many ports of a machine, or one port of many.
//!
//! # What
//! Counts, for each container and each session of the host, the different
//! addresses and ports that were connected to within a minute. Many ports
//! of one address is a port scan; many private addresses at one port is a
//! sweep, as those make who want to move on from here.
//!
//! # Why
//! A workload talks to the few places it was made to talk to. Whoever took
//! one over does not know what is around it, and has to try.
//!
//! # Limits
//! [`MAX_TARGETS`] targets of [`MAX_WATCHED`] containers and sessions;
//! told once in ten minutes for each. Sweeps of public addresses are what
//! crawlers do and are not told. What opens raw sockets is seen by rules,
//! not here.
//!
//! # References
//! ATT&CK T1046; Defender's network scan alerts.

use std::net::IpAddr;

use api::Severity;
use rules::syscall::Event;

use super::{
    bounded::Bounded,
    entry,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};

const MAX_WATCHED: usize = 512;
const MAX_TARGETS: usize = 128;
/// Nanoseconds.
const WINDOW: i64 = 60_000_000_000;
const QUIET: i64 = 600_000_000_000;
/// Different ports of one address.
const PORTS: usize = 15;
/// Different private addresses at one port.
const ADDRESSES: usize = 25;

/// Programs whose work it is.
const KNOWN: [&[u8]; 9] = [
    b"prometheus",
    b"vmagent",
    b"telegraf",
    b"blackbox_export",
    b"envoy",
    b"haproxy",
    b"kubelet",
    b"grafana-agent",
    b"otelcol",
];

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_NetworkScan",
    on_host: "VM_NetworkScan",
    title: "Network scan from a workload",
    description: "A container, or a session on the host, tried many ports of one machine or \
                  many private addresses within a minute.",
    severity: Severity::Medium,
    tactics: &["discovery", "lateral_movement"],
    techniques: &["T1046", "T1018"],
    matrix: &["MS-TA9031"],
    why: "Whoever took a workload over does not know what is around it. Trying addresses and \
          ports is how they find the next one, and nothing a workload was made for.",
    fix: "1. See in the trace which program did it and who started it.\n\
          2. Take the container away from the network; a policy that lets it reach only what \
          it needs would have stopped this.\n   ```sh\n   \
          kubectl -n NAMESPACE get networkpolicy\n   ```\n\
          3. Look at what answered: those are next.",
    false_positives: "Monitoring and inventory that probe many targets. Exempt their workload.",
    references: &["https://attack.mitre.org/techniques/T1046/"],
};

#[derive(Debug, Default)]
struct Watched {
    targets: Vec<(IpAddr, u16, i64)>,
    quiet_until: i64,
}

#[derive(Debug)]
pub(super) struct Scan {
    watched: Bounded<Whose, Watched>,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            watched: Bounded::new(MAX_WATCHED),
        }
    }
}

impl Scan {
    pub(super) fn see(&mut self, event: &Event<'_>) -> Option<Suspicion> {
        let connection = event.descriptor?.connection?;
        if connection.is_server {
            return None;
        }
        let (address, port) = entry::other_end(&connection)?;
        let process = event.process;
        if address.is_loopback() || matches!(port, 0 | 53) || KNOWN.contains(&&*process.name) {
            return None;
        }
        let watched = self.watched.entry(&Whose::of(process), Watched::default)?;
        if event.time < watched.quiet_until {
            return None;
        }
        let known = watched
            .targets
            .iter_mut()
            .find(|(known, its, _)| *known == address && *its == port);
        if let Some((_, _, time)) = known {
            *time = event.time;
            return None;
        }
        watched
            .targets
            .retain(|(_, _, time)| (0..WINDOW).contains(&(event.time - time)));
        if watched.targets.len() == MAX_TARGETS {
            watched.targets.remove(0);
        }
        watched.targets.push((address, port, event.time));
        let targets = &watched.targets;
        let ports = targets
            .iter()
            .filter(|(each, _, _)| *each == address)
            .count();
        let sweep = targets
            .iter()
            .filter(|(each, its, _)| *its == port && is_private(each))
            .count();
        let name = text::bytes(&process.name, 64);
        let summary = if ports >= PORTS {
            format!("{name} tried {ports} ports of {address} within a minute")
        } else if sweep >= ADDRESSES {
            format!("{name} tried port {port} of {sweep} private addresses within a minute")
        } else {
            return None;
        };
        watched.quiet_until = event.time + QUIET;
        let sample: Vec<_> = watched
            .targets
            .iter()
            .take(40)
            .map(|(address, port, _)| format!("{address} {port}"))
            .collect();
        watched.targets.clear();
        Some(
            Suspicion::new(&TEXT, summary)
                .field("scan.ports", ports.to_string())
                .field("scan.addresses", sweep.to_string())
                .field("scan.targets", sample.join(", ")),
        )
    }
}

fn is_private(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            // Carriers' own addresses are what many clusters use for pods.
            let [first, second, ..] = it.octets();
            it.is_private() || it.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(it) => it.is_unique_local() || it.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    #[test]
    fn many_ports_and_many_neighbours_are_scans_and_told_once() {
        let tool = made::process(151, "/tmp/scan", &[]);
        let mut analytic = Scan::default();
        let found: Vec<_> = (1..200)
            .filter_map(|port| analytic.see(&made::connect(&tool, [10, 0, 0, 7], port)))
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].summary,
            "scan tried 15 ports of 10.0.0.7 within a minute"
        );
        let mut analytic = Scan::default();
        let found: Vec<_> = (1..200)
            .filter_map(|host| analytic.see(&made::connect(&tool, [10, 0, 0, host], 22)))
            .collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.contains("port 22 of 25 private"));
    }

    #[test]
    fn what_workloads_do_is_no_scan() {
        let mut analytic = Scan::default();
        let app = made::process(151, "/app/server", &[]);
        let prometheus = made::process(152, "/bin/prometheus", &[]);
        for number in 1..250 {
            // The same again, public addresses, slowly, and whose work it is.
            let mut slow = made::connect(&app, [10, 0, 1, number], 80);
            slow.time += i64::from(number) * 4_000_000_000;
            for event in [
                made::connect(&app, [10, 0, 0, 7], 5432),
                made::connect(&app, [93, 184, 216, number], 443),
                made::connect(&prometheus, [10, 0, 0, number], 9100),
                slow,
            ] {
                assert!(analytic.see(&event).is_none(), "{event:?}");
            }
        }
    }
}
