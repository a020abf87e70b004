//! `seawall-sensor run`: watch this node until told to stop.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use model::{Clock, SystemClock};
use sensor::{context, governor::Budget, malware, run, ship, spool::Limits};

use super::{End, Failure, args::Run, signal, watch};

const STATUS_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn run(args: Run) -> Result<End, Failure> {
    let node = match args.node {
        Some(node) => node,
        None => host_name(&args.watch.host_root),
    };
    let ship = match args.server {
        Some(server) => Some(ship::Settings {
            token_file: args.token_file.ok_or_else(|| {
                Failure::Usage(anyhow::anyhow!(
                    "--server needs --token-file: a file with a token that may `ingest`"
                ))
            })?,
            server,
            ca_file: args.ca_file,
            fingerprint: args.fingerprint,
            node: node.clone(),
            cluster: args.cluster.clone(),
            environment: None,
            state_dir: args.state_dir.clone(),
            status_every: STATUS_EVERY,
        }),
        None => None,
    };
    let settings = run::Settings {
        node,
        cluster: args.cluster,
        state_dir: args.state_dir,
        kernel: watch::kernel(&args.watch),
        context: context::Settings::default(),
        sources: watch::sources(&args.watch),
        rules: args.watch.rules,
        malware: malware(args.watch.malware_rules, args.watch.malware_hashes),
        suspect_domains: args.watch.suspect_domains,
        budget: Budget {
            cpu: args.cpu.into(),
            memory: args.memory,
        },
        spool: Limits {
            bytes: args.spool,
            ..Limits::default()
        },
        ship,
        print: args
            .print
            .then(|| Box::new(io::stdout()) as Box<dyn io::Write + Send>),
    };
    let stop = signal::stop().context("listen for signals")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    run::run(settings, &clock, &stop)?;
    Ok(End::Done)
}

/// The worker that is installed beside this program, if it is.
fn malware(rules: Vec<PathBuf>, hashes: Vec<PathBuf>) -> Option<malware::Settings> {
    let own = std::env::current_exe().ok()?;
    let settings = malware::Settings {
        rules,
        hashes,
        ..malware::Settings::beside(&own)
    };
    let is_wanted = !settings.rules.is_empty() || !settings.hashes.is_empty();
    (is_wanted || settings.program.is_file()).then_some(settings)
}

/// As the host calls itself; the kernel's word within a container is that
/// of the container.
fn host_name(root: &Path) -> String {
    let file = fs::read_to_string(root.join("etc/hostname")).unwrap_or_default();
    let name = file.trim();
    if !name.is_empty() && name.len() <= 253 {
        return name.to_owned();
    }
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}
