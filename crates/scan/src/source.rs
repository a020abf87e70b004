//! What there is to scan, and how a user names it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::reference::{ParseReferenceError, Reference};

/// Something that can be scanned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// An image in a registry.
    Registry(Reference),
    /// What `docker save` wrote, or an OCI layout in a tar; either may be
    /// compressed.
    Archive(PathBuf),
    /// An OCI layout folder.
    Layout(PathBuf),
    /// A root file system, or any folder.
    Rootfs(PathBuf),
    /// An image in the Docker Engine of this machine, by name or id.
    Engine(String),
    /// An image in this machine's containerd.
    Containerd { namespace: String, image: String },
    /// A CycloneDX or SPDX document.
    Sbom(PathBuf),
}

/// The text names nothing that can be scanned.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    #[error("there is no file or folder {}", .0.display())]
    NoSuchFile(PathBuf),
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    #[error("name an image after '{0}'")]
    Empty(String),
}

/// Prefixes that say what the rest is.
const PREFIXES: [&str; 9] = [
    "registry:",
    "docker:",
    "containerd:",
    "archive:",
    "docker-archive:",
    "oci:",
    "oci-archive:",
    "dir:",
    "sbom:",
];

impl Source {
    /// Reads what a user wrote: one of the prefixes above and a name or
    /// path, or only a name or path. Without a prefix, an existing file
    /// or folder is taken for what it looks like, and anything else for
    /// an image in a registry.
    pub fn detect(text: &str) -> Result<Self, DetectError> {
        for prefix in PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                return Self::with_prefix(prefix, rest);
            }
        }
        let path = Path::new(text);
        if path.is_dir() {
            let is_layout = path.join("oci-layout").is_file()
                || path.join("index.json").is_file() && path.join("blobs").is_dir();
            let path = path.to_owned();
            return Ok(if is_layout {
                Self::Layout(path)
            } else {
                Self::Rootfs(path)
            });
        }
        if path.is_file() {
            let path = path.to_owned();
            return Ok(if looks_like_document(&path) {
                Self::Sbom(path)
            } else {
                Self::Archive(path)
            });
        }
        let is_path = text.starts_with(['/', '.', '~'])
            || [".tar", ".tar.gz", ".tgz", ".json", ".xml"]
                .iter()
                .any(|end| text.ends_with(end));
        if is_path {
            return Err(DetectError::NoSuchFile(path.to_owned()));
        }
        Ok(Self::Registry(text.parse()?))
    }

    fn with_prefix(prefix: &str, rest: &str) -> Result<Self, DetectError> {
        if rest.is_empty() {
            return Err(DetectError::Empty(prefix.to_owned()));
        }
        let path = || {
            let path = PathBuf::from(rest);
            if path.exists() {
                Ok(path)
            } else {
                Err(DetectError::NoSuchFile(path))
            }
        };
        Ok(match prefix {
            "registry:" => Self::Registry(rest.parse()?),
            "docker:" => Self::Engine(rest.to_owned()),
            "containerd:" => {
                // `namespace/` may precede the image; image names have a
                // host with a dot before their first slash.
                let (namespace, image) = match rest.split_once('/') {
                    Some((namespace, image))
                        if !namespace.contains(['.', ':'])
                            && namespace != "localhost"
                            && image.contains('/') =>
                    {
                        (namespace, image)
                    }
                    _ => ("default", rest),
                };
                Self::Containerd {
                    namespace: namespace.to_owned(),
                    image: image.to_owned(),
                }
            }
            "dir:" => Self::Rootfs(path()?),
            "sbom:" => Self::Sbom(path()?),
            "oci:" => {
                let path = path()?;
                if path.is_dir() {
                    Self::Layout(path)
                } else {
                    Self::Archive(path)
                }
            }
            _ => Self::Archive(path()?),
        })
    }
}

/// Whether a file begins like JSON or XML rather than like an archive.
fn looks_like_document(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    read.is_ok() && matches!(text.trim_ascii_start().first(), Some(b'{' | b'<'))
}

impl fmt::Display for Source {
    /// Text that [`Source::detect`] reads back as the same source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => write!(f, "registry:{reference}"),
            Self::Archive(path) => write!(f, "archive:{}", path.display()),
            Self::Layout(path) => write!(f, "oci:{}", path.display()),
            Self::Rootfs(path) => write!(f, "dir:{}", path.display()),
            Self::Engine(image) => write!(f, "docker:{image}"),
            Self::Containerd { namespace, image } => write!(f, "containerd:{namespace}/{image}"),
            Self::Sbom(path) => write!(f, "sbom:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_taken_for_what_they_look_like() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = |name: &str| at(name).display().to_string();
        std::fs::create_dir_all(at("layout/blobs")).unwrap();
        std::fs::write(at("layout/oci-layout"), "{}").unwrap();
        std::fs::create_dir(at("root")).unwrap();
        std::fs::write(at("image.tar"), "x").unwrap();
        std::fs::write(at("sbom"), " {}").unwrap();
        assert_eq!(
            Source::detect(&text("layout")),
            Ok(Source::Layout(at("layout")))
        );
        assert_eq!(
            Source::detect(&text("root")),
            Ok(Source::Rootfs(at("root")))
        );
        assert_eq!(
            Source::detect(&text("image.tar")),
            Ok(Source::Archive(at("image.tar")))
        );
        assert_eq!(Source::detect(&text("sbom")), Ok(Source::Sbom(at("sbom"))));
        let missing = Source::detect(&text("none.tar"));
        assert_eq!(missing, Err(DetectError::NoSuchFile(at("none.tar"))));
    }

    #[test]
    fn a_name_without_a_file_is_an_image_in_a_registry() {
        assert_eq!(
            Source::detect("debian:12").unwrap().to_string(),
            "registry:docker.io/library/debian:12"
        );
        assert!(Source::detect("./missing").is_err());
    }

    #[test]
    fn prefixes_decide() {
        assert_eq!(
            Source::detect("docker:web:1"),
            Ok(Source::Engine("web:1".to_owned()))
        );
        let image = "docker.io/library/redis:7";
        for (text, namespace) in [
            (format!("containerd:{image}"), "default"),
            (format!("containerd:k8s.io/{image}"), "default"),
            (format!("containerd:moby/{image}"), "moby"),
        ] {
            let Ok(Source::Containerd {
                namespace: found, ..
            }) = Source::detect(&text)
            else {
                panic!("{text}")
            };
            assert_eq!(found, namespace, "{text}");
        }
        assert_eq!(
            Source::detect("docker:"),
            Err(DetectError::Empty("docker:".to_owned()))
        );
    }
}
