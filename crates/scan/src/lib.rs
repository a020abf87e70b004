//! What is in this image? Layers become packages.
//!
//! This room opens targets (registries, archives, layouts, folders,
//! container engines, SBOM files), streams their layers once, hands the
//! few interesting files to extractors and squashes what they found into
//! one [`model::Sbom`]. It knows nothing of vulnerabilities, databases
//! or clusters. Everything it reads is hostile: sizes, counts, depth and
//! time are bounded at the door, and whatever cannot be read becomes a
//! warning beside the rest of the result.

mod cache;
mod engine;
mod error;
mod extract;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod image;
mod layer;
mod limits;
mod lock_files;
mod malware;
mod manifest;
mod naming;
mod offer;
mod options;
mod progress;
mod reference;
mod registry;
mod rootfs;
mod sbom_document;
mod secret;
mod skip;
mod source;
mod squash;
mod worker;

use model::{Cancel, Sbom};

pub use engine::{
    EngineError, Engines, LocalImage, RemoteEngine, local_images, running_containers,
};
pub use error::ScanError;
pub use limits::Limits;
pub use malware::{
    KnownMalware, ListTrouble, MalwareLists, MalwareRules, RuleFiles, RulesError, Stamp,
    malware_issues, malware_rules,
};
pub use manifest::ManifestError;
pub use options::{Credentials, Options, RegistryOptions, Token};
pub use progress::{Progress, ProgressEvent, Silent};
pub use reference::{ParseReferenceError, Reference};
pub use registry::{Draft, RegistryError, Session};
pub use secret::{SecretCase, SecretKind, secret_issues, secret_kinds, secret_rules};
pub use source::{DetectError, Source};
pub use worker::{Isolation, Landlock, Parser, Sealed, User, serve, serve_with};

use cache::Cache;
use image::Reader;

/// By which extractors targets are read: another text when a target that
/// was read would be read differently, or other malware be known in it.
pub fn extractors(malware: Option<&KnownMalware>) -> String {
    let mut names: Vec<String> = extract::all()
        .iter()
        .filter(|extractor| malware.is_some() || extractor.name() != extract::PROGRAMS)
        .map(|extractor| format!("{}={}", extractor.name(), extractor.version()))
        .collect();
    names.extend(malware.map(|known| format!("malware={}", known.mark())));
    names.sort();
    let digest = model::Digest::of(names.join(" ").as_bytes());
    digest.hex().chars().take(16).collect()
}

/// Reads an SBOM document that was handed in; `name` is what people know
/// it by. A stranger's is read in a process that may do nothing else.
pub fn read_sbom(
    name: &str,
    bytes: &[u8],
    isolation: Option<&Isolation>,
    cancel: &Cancel,
) -> Result<Sbom, ScanError> {
    sbom_document::read_apart(name.as_ref(), bytes, isolation, cancel)
}

/// Scans one target. What could not be read is among the result's
/// warnings; an error means there is no result at all.
pub fn scan(
    source: &Source,
    options: &Options,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Sbom, ScanError> {
    let extractors: Vec<&dyn extract::Extractor> = extract::all()
        .iter()
        .filter(|extractor| match extractor.name() {
            extract::SECRETS => options.secrets,
            extract::PROGRAMS => options.malware.is_some(),
            _ => true,
        })
        .copied()
        .collect();
    let longer;
    let options = if options
        .malware
        .as_ref()
        .is_some_and(|known| known.rules().is_some())
    {
        longer = options.with_time(malware::PER_LAYER);
        &longer
    } else {
        options
    };
    let reader = Reader {
        extractors: &extractors,
        options,
        cache: options
            .cache
            .as_deref()
            .map(|root| Cache::new(root, options.cache_bytes)),
        progress,
        cancel,
    };
    let mut sbom = match source {
        Source::Archive(path) => image::archive::scan(path, &reader),
        Source::Layout(path) => image::folder::scan(path, &reader),
        Source::Rootfs(path) => rootfs::scan(path, &reader),
        Source::Registry(reference) => registry::scan(reference, &reader),
        Source::Engine(image) => engine::scan_docker(&options.engines, image, &reader),
        Source::Containerd { namespace, image } => {
            engine::scan_containerd(&options.engines.containerd, namespace, image, &reader)
        }
        Source::Sbom(path) => sbom_document::open(path, options.isolation.as_ref(), cancel),
    }?;
    // A layer may be known from a scan that looked for them.
    if !options.secrets {
        sbom.secrets = None;
    }
    Ok(sbom)
}
