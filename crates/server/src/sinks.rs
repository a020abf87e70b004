//! Sinks between the record and the room that reaches them: settings
//! split from their secrets, and put together again to deliver.

use export::{Invalid, Kind, Site};
use serde_json::{Map, Value};
use store::SinkRecord;

use crate::{
    app::App,
    vault::{Purpose, VaultError},
};

/// A sink ready to deliver.
pub(crate) struct Opened {
    pub(crate) kind: Kind,
    pub(crate) sink: export::Sink,
}

/// Why a sink cannot deliver.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("open the sink: this version does not know the kind '{0}'")]
    Kind(String),
    #[error("open the sink: its settings are damaged")]
    Settings(#[source] serde_json::Error),
    #[error("open the sink")]
    Vault(#[source] VaultError),
    #[error("open the sink")]
    Invalid(#[source] Invalid),
}

/// Settings with their secrets, as whoever asks gave them.
pub(crate) type Settings = Map<String, Value>;

/// What of a sink is written where: settings anyone may read back, and
/// secrets.
fn split(kind: Kind, mut settings: Settings) -> (Settings, Map<String, Value>) {
    let mut secrets = Map::new();
    for name in kind.secrets() {
        if let Some(value) = settings.remove(name)
            && !value.is_null()
            && value != Value::String(String::new())
        {
            secrets.insert(name.to_owned(), value);
        }
    }
    settings.retain(|_, value| !value.is_null());
    (settings, secrets)
}

/// Checks settings and makes of them what the record keeps.
pub(crate) fn record(
    app: &App,
    name: String,
    kind: Kind,
    settings: Settings,
    paused: bool,
) -> Result<SinkRecord, RecordError> {
    export::Sink::open(kind, &settings, &site(app)).map_err(RecordError::Invalid)?;
    let (settings, secrets) = split(kind, settings);
    let sealed = if secrets.is_empty() {
        None
    } else {
        let text = Value::Object(secrets.clone()).to_string();
        Some(
            app.vault
                .seal(Purpose::Sink, &text)
                .map_err(RecordError::Vault)?,
        )
    };
    Ok(SinkRecord {
        name,
        kind: kind.as_str().to_owned(),
        settings: Value::Object(settings).to_string(),
        secret_names: secrets.into_iter().map(|(name, _)| name).collect(),
        sealed,
        paused,
    })
}

/// Why settings were not taken.
#[derive(Debug)]
pub(crate) enum RecordError {
    Invalid(Invalid),
    Vault(VaultError),
}

fn site(app: &App) -> Site {
    Site {
        export_dir: app.config.data_dir.join("export"),
    }
}

/// The settings of a stored sink, secrets among them.
pub(crate) fn settings(app: &App, sink: &store::Sink) -> Result<Settings, OpenError> {
    let mut settings: Settings =
        serde_json::from_str(&sink.settings).map_err(OpenError::Settings)?;
    if let Some(sealed) = &sink.sealed {
        let opened = app
            .vault
            .open_sealed(Purpose::Sink, sealed)
            .map_err(OpenError::Vault)?;
        let secrets: Settings = serde_json::from_str(&opened).map_err(OpenError::Settings)?;
        settings.extend(secrets);
    }
    Ok(settings)
}

/// Makes a stored sink ready.
pub(crate) fn open(app: &App, sink: &store::Sink) -> Result<Opened, OpenError> {
    let kind: Kind = sink
        .kind
        .parse()
        .map_err(|_kind| OpenError::Kind(sink.kind.clone()))?;
    let settings = settings(app, sink)?;
    let sink = export::Sink::open(kind, &settings, &site(app)).map_err(OpenError::Invalid)?;
    Ok(Opened { kind, sink })
}

/// Seals anew what an older key sealed.
pub(crate) async fn reseal(app: &App) -> Result<(), store::StoreError> {
    for sink in app.store.sinks().await? {
        let Some(sealed) = &sink.sealed else { continue };
        if app.vault.is_current(sealed) {
            continue;
        }
        let resealed = app
            .vault
            .open_sealed(Purpose::Sink, sealed)
            .and_then(|text| app.vault.seal(Purpose::Sink, &text));
        match resealed {
            Ok(resealed) => {
                app.store.reseal_sink(&sink, resealed).await?;
                tracing::info!(sink.name = %sink.name, "sealed secrets with the new key");
            }
            Err(error) => tracing::error!(
                sink.name = %sink.name,
                error = %model::error::chain(&error),
                "cannot open a sink's secrets"
            ),
        }
    }
    Ok(())
}
