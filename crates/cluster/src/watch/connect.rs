//! The way to an API server: a kubeconfig, or the account of the pod.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

const CONNECT: Duration = Duration::from_secs(10);

/// Which API server, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The service account of the pod this runs in.
    InCluster,
    Kubeconfig {
        /// `$KUBECONFIG` or `~/.kube/config` where absent.
        path: Option<PathBuf>,
        /// The file's current one where absent.
        context: Option<String>,
    },
}

/// The API server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("read the kubeconfig{}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        path: Option<PathBuf>,
        #[source]
        source: kube::config::KubeconfigError,
    },
    #[error("use the service account of this pod (outside a cluster, say --kubeconfig)")]
    InCluster(#[source] kube::config::InClusterError),
    #[error("prepare requests to the API server")]
    Client(#[source] kube::Error),
    #[error("ask the API server which version it is")]
    Version(#[source] kube::Error),
}

/// A client of the API server, and the server's version.
pub async fn connect(target: &Target) -> Result<(Client, String), ConnectError> {
    let mut config = match target {
        Target::InCluster => Config::incluster().map_err(ConnectError::InCluster)?,
        Target::Kubeconfig { path, context } => {
            let refuse = |source| ConnectError::Kubeconfig {
                path: path.clone(),
                source,
            };
            let file = match path {
                Some(path) => Kubeconfig::read_from(path),
                None => Kubeconfig::read(),
            }
            .map_err(refuse)?;
            let options = KubeConfigOptions {
                context: context.clone(),
                ..KubeConfigOptions::default()
            };
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(refuse)?
        }
    };
    config.connect_timeout = Some(CONNECT);
    let client = Client::try_from(config).map_err(ConnectError::Client)?;
    let version = client
        .apiserver_version()
        .await
        .map_err(ConnectError::Version)?;
    Ok((client, version.git_version))
}
