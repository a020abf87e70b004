//! `seawall admission`

use std::{net::IpAddr, num::NonZeroUsize, time::Duration};

use cluster::{
    admit::{
        self, AdmissionError, DoorSettings, KeeperSettings, Place, Registration, Settings, Where,
    },
    connect::Target,
    external::Asker,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Context, write_stdout};
use crate::{
    args::admission::{Admission, AdmissionCommand, Fail, Judge},
    cancel,
    exit::{Exit, Failure},
};

mod record;

/// The port of the Service in deploy/admission.
const SERVICE_PORT: u16 = 443;

pub(super) fn run(context: &Context, arguments: &Admission) -> Result<Exit, Failure> {
    match &arguments.command {
        None => judge(context, &arguments.judge),
        Some(AdmissionCommand::Status(arguments)) => record::status(context, arguments),
        Some(AdmissionCommand::Decisions(arguments)) => record::decisions(context, arguments),
    }
}

fn judge(context: &Context, arguments: &Judge) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    if arguments.uninstall {
        let target = target(arguments).ok_or_else(|| {
            let told = anyhow::anyhow!("--uninstall needs to know which cluster");
            Failure::usage(told).help("say --kubeconfig FILE or --in-cluster")
        })?;
        runtime.block_on(admit::uninstall(&target)).map_err(told)?;
        write_stdout(b"The API server asks no more.\n")?;
        return Ok(Exit::Clean);
    }
    let settings = settings(context, arguments)?;
    let clock = super::server::clock(context);
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let asked = shutdown.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            match cancel::Signals::listen() {
                Ok(mut signals) => {
                    signals.next().await;
                    asked.cancel();
                    signals.next().await;
                    cancel::leave_at_once();
                }
                Err(error) => tracing::warn!(%error, "Ctrl-C cannot be heard"),
            }
        });
        let ready = |address| {
            let text = format!("Admission answers on https://{address}. Ctrl-C stops it.\n");
            // A closed standard output is no reason not to answer.
            if let Err(failure) = write_stdout(text.as_bytes()) {
                context.complain(&failure);
            }
        };
        admit::run(settings, clock, shutdown, ready)
            .await
            .map_err(told)
    })?;
    Ok(Exit::Clean)
}

fn told(error: AdmissionError) -> Failure {
    match &error {
        AdmissionError::Gatekeeper { .. } => Failure::refused(Exit::Failed, error).help(
            "remove Gatekeeper (or Azure Policy's add-on) first, or say --audit-only: everything \
             is judged and noted then, and nothing refused",
        ),
        AdmissionError::Listen { .. } => {
            Failure::failed(error).help("is another one running? --listen says where")
        }
        AdmissionError::Keeper(_) | AdmissionError::Folder { .. } => Failure::bad_file(error),
        _ => Failure::failed(error),
    }
}

fn target(arguments: &Judge) -> Option<Target> {
    if arguments.in_cluster {
        return Some(Target::InCluster);
    }
    let path = arguments.kubeconfig.clone()?;
    Some(Target::Kubeconfig {
        path: Some(path),
        context: arguments.context.clone(),
    })
}

fn settings(context: &Context, arguments: &Judge) -> Result<Settings, Failure> {
    if arguments.server.is_none() && arguments.bundle.is_none() {
        let told = anyhow::anyhow!("there is nothing to judge by");
        return Err(
            Failure::usage(told).help("say --server URL --token-file FILE, or --bundle DIR")
        );
    }
    let target = target(arguments);
    let fail = match arguments.fail {
        Fail::Open => admit::Fail::Open,
        Fail::Closed => admit::Fail::Closed,
    };
    let place = Place {
        // Outside the cluster it has no namespace of its own, but keeps
        // its Secret there all the same.
        own_namespace: Some(arguments.namespace.clone()),
        exempt_namespaces: arguments.exempt_namespaces.clone(),
    };
    let whence = match &arguments.url {
        Some(url) => Where::Url(url.clone()),
        None if arguments.kubeconfig.is_some() => {
            if arguments.listen.ip().is_unspecified() || arguments.listen.port() == 0 {
                let told = anyhow::anyhow!("the API server has to know where this is");
                return Err(Failure::usage(told).help(
                    "say --url https://host:port, or --listen an address and port it reaches",
                ));
            }
            Where::Url(format!("https://{}", arguments.listen))
        }
        None => Where::Service {
            namespace: arguments.namespace.clone(),
            name: arguments.service.clone(),
            port: SERVICE_PORT,
        },
    };
    let timeout = Duration::from_secs(u64::from(arguments.timeout));
    let judges = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let keeper = arguments.server.as_ref().map(|server| KeeperSettings {
        server: server.clone(),
        cluster: arguments.cluster.clone(),
        environment: arguments.environment.clone(),
        token_file: arguments.token_file.clone().unwrap_or_default(),
        ca_file: arguments.ca_file.clone(),
        state_dir: arguments.state_dir.clone(),
        replica: context
            .env
            .text("HOSTNAME")
            .unwrap_or_else(|| format!("admission-{}", std::process::id())),
    });
    Ok(Settings {
        cluster: arguments.cluster.clone(),
        names: names(arguments, &whence),
        door: DoorSettings {
            place: place.clone(),
            fail,
            audit_only: arguments.audit_only,
            timeout,
            judges: judges * 2,
            external: arguments
                .external_data
                .then(|| Asker::new(super::server::clock(context))),
        },
        keeper,
        folder: arguments.bundle.clone(),
        listen: arguments.listen,
        registration: target.is_some().then_some(Registration {
            whence,
            place,
            fail,
            timeout_seconds: arguments.timeout,
        }),
        target,
        namespace: arguments.namespace.clone(),
        ca_out: arguments.ca_out.clone(),
    })
}

/// What the certificate is for.
fn names(arguments: &Judge, whence: &Where) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let ip = arguments.listen.ip();
    if !ip.is_unspecified() {
        names.push(ip.to_string());
    }
    match whence {
        Where::Service {
            namespace, name, ..
        } => {
            names.push(format!("{name}.{namespace}.svc"));
            names.push(format!("{name}.{namespace}.svc.cluster.local"));
        }
        Where::Url(url) => {
            let parsed = fetch::Url::parse(url).ok();
            let host = parsed.as_ref().and_then(|url| url.host_str());
            names.extend(host.map(|host| {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                match bare.parse::<IpAddr>() {
                    Ok(ip) => ip.to_string(),
                    Err(_) => host.to_owned(),
                }
            }));
        }
    }
    names.sort();
    names.dedup();
    names
}
