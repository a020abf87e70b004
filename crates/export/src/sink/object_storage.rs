//! Object storage: S3 and what speaks it, Azure Blob, a local folder.
//!
//! A batch becomes one object for each kind of finding in it, under a
//! key made of the batch's id and day: a second try writes the same
//! bytes to the same key.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::Notice;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder,
    client::{HttpClient, HttpConnector},
    local::LocalFileSystem,
    path::Path,
};
use serde::Deserialize;

use crate::{
    Answer, Batch, Guard, Invalid, Secret, Site,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format, http,
    sink::http::compress,
};

const WHOLE: Duration = Duration::from_mins(1);

pub(super) const DESCRIPTION: Description = Description {
    title: "Object storage",
    about: "Files in S3 or what speaks it, Azure Blob Storage or a folder, by kind and day.",
    for_people: false,
    fields: &[
        Field::new("store", "Store", Input::Choice, "Where files go.")
            .one_of(&["s3", "azure", "folder"])
            .required(),
        Field::new(
            "bucket",
            "Bucket",
            Input::Text,
            "Bucket or container; for a folder, its name below the server's export folder.",
        )
        .required(),
        Field::new(
            "endpoint",
            "Endpoint",
            Input::Url,
            "For stores that are not AWS or Azure themselves.",
        ),
        Field::new("region", "Region", Input::Text, "For S3.").default("\"us-east-1\""),
        Field::new(
            "account",
            "Account",
            Input::Text,
            "S3: the access key's id. Azure: the storage account.",
        ),
        Field::new(
            "key",
            "Key",
            Input::Text,
            "S3: the secret access key. Azure: the account's key.",
        )
        .secret(),
        Field::new("prefix", "Prefix", Input::Text, "Put before every key.").default("\"seawall\""),
        Field::new("format", "Format", Input::Choice, "What a file holds.")
            .one_of(&["ndjson", "csv", "ocsf"])
            .default("\"ndjson\""),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Backend {
    S3,
    Azure,
    Folder,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Ndjson,
    Csv,
    Ocsf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    store: Backend,
    bucket: String,
    endpoint: Option<String>,
    region: Option<String>,
    account: Option<String>,
    key: Option<Secret>,
    #[serde(default = "seawall")]
    prefix: String,
    #[serde(default)]
    format: Form,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

fn seawall() -> String {
    "seawall".to_owned()
}

pub(super) struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    form: Form,
}

/// Hands our own guarded client to the library.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl ObjectStorage {
    pub(super) fn open(settings: &Settings, site: &Site) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let prefix = Path::parse(settings.prefix.trim_matches('/'))
            .map_err(|error| Invalid::new("prefix", error.to_string()))?;
        let store: Arc<dyn ObjectStore> = match settings.store {
            Backend::Folder => Arc::new(folder(&settings.bucket, site)?),
            Backend::S3 => Arc::new(s3(settings, guard)?),
            Backend::Azure => Arc::new(azure(settings, guard)?),
        };
        Ok(Self {
            store,
            prefix,
            form: settings.format,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut by_kind: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
        for notice in batch.notices {
            let kind = match (&notice.finding, &notice.recommendation) {
                (Some(finding), _) => finding.kind.as_str(),
                (None, Some(_)) => "recommendation",
                (None, None) => notice.event.as_str(),
            };
            by_kind.entry(kind).or_default().push(notice);
        }
        let mut keys = Vec::new();
        for (kind, notices) in by_kind {
            let key = self.key(kind, batch);
            let content = self.content(&notices);
            let put = self.store.put(&key, content.into());
            match tokio::time::timeout(WHOLE, put).await {
                Ok(Ok(_)) => keys.push(key.to_string()),
                Ok(Err(error)) => return judge(&error),
                Err(_elapsed) => {
                    return Answer::unreachable(&format!("not taken within {} s", WHOLE.as_secs()));
                }
            }
        }
        Answer::delivered(&format!("wrote {}", keys.join(", ")))
    }

    fn key(&self, kind: &str, batch: &Batch<'_>) -> Path {
        let ending = match self.form {
            Form::Ndjson | Form::Ocsf => "ndjson.gz",
            Form::Csv => "csv.gz",
        };
        let day = batch.created.strftime("%Y-%m-%d");
        self.prefix
            .clone()
            .join(format!("kind={kind}"))
            .join(format!("date={day}"))
            .join(format!("{}.{ending}", batch.id))
    }

    fn content(&self, notices: &[&Notice]) -> Vec<u8> {
        let notices = notices.iter().copied();
        let text: String = match self.form {
            Form::Ndjson => notices.map(|notice| format::json(notice) + "\n").collect(),
            Form::Ocsf => notices
                .map(|notice| format::ocsf::write(notice).to_string() + "\n")
                .collect(),
            Form::Csv => std::iter::once(format::csv::header())
                .chain(notices.map(format::csv::write))
                .collect(),
        };
        compress(text.as_bytes())
    }
}

/// A folder below the server's own export folder, so that whoever may
/// add a sink may not write anywhere else.
fn folder(name: &str, site: &Site) -> Result<LocalFileSystem, Invalid> {
    let is_name = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !is_name {
        return Err(Invalid::new(
            "bucket",
            "a folder's name is letters, digits, '.', '_' and '-'; it lies below the server's \
             export folder",
        ));
    }
    let path = site.export_dir.join(name);
    let refuse =
        |error: std::io::Error| Invalid::new("bucket", format!("make {}: {error}", path.display()));
    std::fs::create_dir_all(&path).map_err(refuse)?;
    LocalFileSystem::new_with_prefix(&path)
        .map_err(|error| Invalid::new("bucket", error.to_string()))
}

fn credentials(settings: &Settings) -> Result<(&str, &Secret), Invalid> {
    // Without them the library would ask the machine's metadata address.
    let account = settings
        .account
        .as_deref()
        .ok_or_else(|| Invalid::new("account", "is required"))?;
    let key = settings
        .key
        .as_ref()
        .ok_or_else(|| Invalid::new("key", "is required"))?;
    Ok((account, key))
}

/// Tries are the caller's, who waits longer and survives a restart.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        retry_timeout: WHOLE,
        backoff: BackoffConfig::default(),
    }
}

fn s3(settings: &Settings, guard: Guard) -> Result<impl ObjectStore, Invalid> {
    let (account, key) = credentials(settings)?;
    let client = http::client(guard, settings.ca_certificate.as_deref())?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_access_key_id(account)
        .with_secret_access_key(key.reveal())
        .with_retry(no_retries())
        .with_http_connector(Connector(client));
    if let Some(endpoint) = &settings.endpoint {
        let url = http::address("endpoint", endpoint, guard)?;
        builder = builder
            .with_endpoint(url.as_str().trim_end_matches('/'))
            .with_allow_http(url.scheme() == "http");
    }
    builder
        .build()
        .map_err(|error| Invalid::new("", error.to_string()))
}

fn azure(settings: &Settings, guard: Guard) -> Result<impl ObjectStore, Invalid> {
    let (account, key) = credentials(settings)?;
    let client = http::client(guard, settings.ca_certificate.as_deref())?;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_access_key(key.reveal())
        .with_container_name(&settings.bucket)
        .with_retry(no_retries())
        .with_http_connector(Connector(client));
    if let Some(endpoint) = &settings.endpoint {
        let url = http::address("endpoint", endpoint, guard)?;
        builder = builder
            .with_endpoint(url.as_str().trim_end_matches('/').to_owned())
            .with_allow_http(url.scheme() == "http");
    }
    builder.build().map_err(|error| {
        // The library's refusals may quote the key.
        Invalid::new("key", error.to_string().replace(key.reveal(), "…"))
    })
}

fn judge(error: &object_store::Error) -> Answer {
    let text = model::error::chain(error);
    match error {
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. }
        | object_store::Error::NotFound { .. }
        | object_store::Error::InvalidPath { .. }
        | object_store::Error::NotSupported { .. } => Answer::rejected(&text),
        _ if text.contains("which no sink may use") || text.contains("'allow_private'") => {
            Answer::rejected(&text)
        }
        _ => Answer::unreachable(&text),
    }
}
