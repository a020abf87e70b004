//! `seawall host assess`: the CIS Docker Benchmark, without a server.

use std::{fmt::Write as _, time::Duration};

use host::{Access, Address, Credentials, Machine};
use model::{Clock as _, Severity};
use policy::{
    Facts, Step,
    benchmark::{self, Outcome, Status},
    standard::standard,
};
use serde::Serialize;

use super::super::{Context, remote::output::json, write_stdout};
use crate::{
    args::{host::AssessHost, remote::ShowFormat},
    exit::{Exit, Failure},
};

const STANDARD: &str = "CIS-DOCKER-1.6";
const SOCKET: &str = "unix:///var/run/docker.sock";
/// Assets named under one control.
const NAMED: usize = 5;

/// What is printed as JSON.
#[derive(Serialize)]
struct Assessment<'a> {
    standard: &'a str,
    address: String,
    time: jiff::Timestamp,
    engine: Option<&'a policy::facts::DaemonFacts>,
    tls: Option<&'a policy::facts::TlsFacts>,
    counts: Counts,
    controls: &'a [Outcome],
    gaps: &'a [String],
}

#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    pass: usize,
    fail: usize,
    manual: usize,
    not_applicable: usize,
}

pub(super) fn run(context: &Context, arguments: &AssessHost) -> Result<Exit, Failure> {
    let access = access(context, arguments)?;
    let now = context.clock.now();
    let machine = Machine::default();
    let name = match &access.address {
        Address::Socket(_) => "this machine",
        Address::Network { host, .. } => host.as_str(),
    };
    let look = host::look(name, &access, Some(&machine), now);
    if let Some(error) = look.error {
        let advice = error.advice();
        let failure = match error {
            host::ConnectError::Credentials(_) => Failure::usage(error),
            error => Failure::failed(error),
        };
        return Err(failure.help(advice));
    }
    let mut gaps = look.gaps;
    let mut assets = Vec::new();
    contents(&access, &mut assets, &mut gaps)?;
    let facts = look.facts.clone();
    assets.push(Facts::Host(Box::new(look.facts)));
    let standard = standard(STANDARD).expect("invariant: the benchmark is embedded");
    let outcomes = benchmark::assess(standard, &assets, now);
    let counts = count(&outcomes);
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&Assessment {
            standard: &standard.id,
            address: access.name(),
            time: now,
            engine: facts.daemon.as_ref(),
            tls: facts.tls.as_ref(),
            counts,
            controls: &outcomes,
            gaps: &gaps,
        })?)?;
    } else {
        let text = print(&standard.name, &access.name(), &outcomes, arguments.all);
        write_stdout(text.as_bytes())?;
        context.note(&format_args!(
            "{} passed, {} failed, {} to look at, {} not applicable.",
            counts.pass, counts.fail, counts.manual, counts.not_applicable
        ));
        if !access.address.is_local() {
            context.note(
                &"Controls about files are not applicable from afar: run this on the host, too.",
            );
        }
    }
    for gap in &gaps {
        context.warn(&report::plain(gap));
    }
    let least: Option<Severity> = arguments.fail_on.map(Into::into);
    let is_reached = least.is_some_and(|least| {
        let mut failed = outcomes.iter().filter(|one| one.status == Status::Fail);
        failed.any(|outcome| worst(outcome) >= least)
    });
    Ok(
        match (is_reached, gaps.is_empty() || arguments.allow_partial) {
            (true, _) => Exit::Reached,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Clean,
        },
    )
}

fn access(context: &Context, arguments: &AssessHost) -> Result<Access, Failure> {
    let text = arguments
        .address
        .clone()
        .or_else(|| context.env.text("DOCKER_HOST"))
        .unwrap_or_else(|| SOCKET.to_owned());
    let address: Address = text.parse().map_err(Failure::usage)?;
    let mut certificates = arguments.certificates.clone();
    let is_docker_s = certificates.ca.is_none() && !address.is_local();
    if is_docker_s && context.env.text("DOCKER_TLS_VERIFY").is_some() {
        // As Docker's own program finds them.
        let folder = context.env.path("DOCKER_CERT_PATH").or_else(|| {
            let home = context.env.path("HOME")?;
            Some(home.join(".docker"))
        });
        if let Some(folder) = folder {
            certificates.ca = Some(folder.join("ca.pem"));
            certificates.cert = Some(folder.join("cert.pem"));
            certificates.key = Some(folder.join("key.pem"));
        }
    }
    let pem = super::read(&certificates)?;
    let credentials = match &pem.ca {
        None => None,
        Some(ca) => Some(
            Credentials::new(ca, pem.certificate.as_deref(), pem.key.as_deref())
                .map_err(Failure::bad_file)?,
        ),
    };
    let mut access = Access::new(address, credentials);
    access.patience = Duration::from_secs(arguments.timeout);
    Ok(access)
}

/// Containers and images of the engine.
fn contents(
    access: &Access,
    assets: &mut Vec<Facts>,
    gaps: &mut Vec<String>,
) -> Result<(), Failure> {
    let endpoint = access.endpoint().map_err(Failure::failed)?;
    let engines = scan::Engines {
        remote: Some(scan::RemoteEngine {
            client: endpoint.client.clone(),
            base: endpoint.base.clone(),
        }),
        ..scan::Engines::default()
    };
    let (running, warnings) = scan::running_containers(&engines);
    gaps.extend(warnings.iter().map(ToString::to_string));
    let containers = running.containers.into_iter();
    assets.extend(containers.map(|one| Facts::Container(Box::new(one.into()))));
    match host::images(access, &endpoint) {
        Ok((images, more)) => {
            gaps.extend(more);
            assets.extend(images.into_iter().map(Box::new).map(Facts::Image));
        }
        Err(error) => gaps.push(error.explain()),
    }
    Ok(())
}

fn count(outcomes: &[Outcome]) -> Counts {
    let mut counts = Counts::default();
    for outcome in outcomes {
        match outcome.status {
            Status::Pass => counts.pass += 1,
            Status::Fail => counts.fail += 1,
            Status::Manual => counts.manual += 1,
            Status::NotApplicable => counts.not_applicable += 1,
        }
    }
    counts
}

/// How much a failed control matters: as its worst recommendation does.
fn worst(outcome: &Outcome) -> Severity {
    outcome
        .recommendations
        .iter()
        .filter_map(|id| policy::recommendation(id))
        .map(|rule| rule.severity)
        .max()
        .unwrap_or_default()
}

fn print(standard: &str, address: &str, outcomes: &[Outcome], all: bool) -> String {
    let mut text = format!("{}\n{}\n", report::plain(standard), report::plain(address));
    let mut section = "";
    let mut said: Vec<&Step> = Vec::new();
    let wanted = outcomes
        .iter()
        .filter(|outcome| all || outcome.status == Status::Fail);
    for outcome in wanted {
        if outcome.section != section {
            section = &outcome.section;
            write!(text, "\n{section}\n").expect(WRITES);
        }
        let severity = match outcome.status {
            Status::Fail => format!(" ({})", worst(outcome)),
            _ => String::new(),
        };
        writeln!(
            text,
            "  {:<15} {:<7} {}{severity}",
            outcome.status.as_str(),
            outcome.id,
            report::plain(&outcome.title)
        )
        .expect(WRITES);
        for fault in outcome.faults.iter().take(NAMED) {
            writeln!(
                text,
                "                          {}: {}",
                report::plain(&fault.asset),
                report::plain(&fault.summary)
            )
            .expect(WRITES);
        }
        if let Some(more) = outcome.faults.len().checked_sub(NAMED + 1) {
            writeln!(text, "                          and {} more", more + 1).expect(WRITES);
        }
        let steps = outcome.faults.first().map(|fault| &fault.remediation);
        // Many controls are mended by the same last step: said once.
        for step in steps.into_iter().flatten().take(2) {
            if said.contains(&step) {
                continue;
            }
            said.push(step);
            writeln!(
                text,
                "                          → {}",
                report::plain(&step.text)
            )
            .expect(WRITES);
            for line in step.code.iter().flat_map(|code| code.lines()) {
                writeln!(
                    text,
                    "                              {}",
                    report::plain(line)
                )
                .expect(WRITES);
            }
        }
    }
    if section.is_empty() {
        text.push_str("\nNothing is wrong.\n");
    }
    text
}

const WRITES: &str = "invariant: writing to a string cannot fail";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_control_says_what_to_do() {
        let standard = standard(STANDARD).unwrap();
        let facts = policy::HostFacts {
            name: "tcp://build-1:2375".to_owned(),
            plain: Some(vec!["tcp://build-1:2375".to_owned()]),
            ..policy::HostFacts::default()
        };
        let assets = [Facts::Host(Box::new(facts))];
        let outcomes = benchmark::assess(standard, &assets, jiff::Timestamp::UNIX_EPOCH);
        let counts = count(&outcomes);
        assert_eq!((counts.fail, counts.pass), (1, 0));
        let text = print(&standard.name, "tcp://build-1:2375", &outcomes, false);
        assert!(text.contains("2.7"), "{text}");
        assert!(text.contains("(critical)"), "{text}");
        assert!(text.contains("--tlsverify"), "{text}");
        assert!(!text.contains("not applicable"), "{text}");
        let all = print(&standard.name, "tcp://build-1:2375", &outcomes, true);
        assert!(
            all.contains("manual") && all.contains("not applicable"),
            "{all}"
        );
    }
}
