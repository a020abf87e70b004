//! Whole images, in each form in which images travel.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use model::Digest;
use serde_json::{Value, json};

use crate::{Compression, Layer};

/// An image under construction.
#[derive(Clone, Debug)]
pub struct Image {
    layers: Vec<(Layer, Compression)>,
    history: Vec<Value>,
    pub architecture: String,
    pub tag: String,
    pub compression: Compression,
    pub labels: BTreeMap<String, String>,
    /// `NAME=value`
    pub variables: Vec<String>,
    /// `8080/tcp`
    pub ports: Vec<String>,
}

/// An image as a registry holds it.
#[derive(Clone, Debug)]
pub struct Blobs {
    pub manifest: Vec<u8>,
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
}

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

impl Default for Image {
    fn default() -> Self {
        Self {
            layers: Vec::new(),
            history: Vec::new(),
            architecture: "amd64".to_owned(),
            tag: "example.org/shop:1".to_owned(),
            compression: Compression::default(),
            labels: BTreeMap::new(),
            variables: Vec::new(),
            ports: Vec::new(),
        }
    }
}

impl Image {
    pub fn new() -> Self {
        Self::default()
    }

    /// A Debian 12 with one old package, a language package and an
    /// upper layer that removes one file.
    pub fn example() -> Self {
        Self::new()
            .layer("ADD rootfs.tar / # buildkit", debian())
            .empty_layer("ENV LANG=C.UTF-8")
            .layer(
                "COPY app /app # buildkit",
                Layer::new()
                    .dir("app")
                    .file(
                        "app/node_modules/left-pad/package.json",
                        br#"{"name":"left-pad","version":"1.3.0","license":"WTFPL"}"#,
                    )
                    .file(
                        "app/node_modules/gone/package.json",
                        br#"{"name":"gone","version":"1.0.0"}"#,
                    ),
            )
            .layer(
                "RUN rm -r /app/node_modules/gone",
                Layer::new().whiteout("app/node_modules/gone"),
            )
    }

    #[must_use]
    pub fn layer(mut self, created_by: &str, layer: Layer) -> Self {
        self.layers.push((layer, self.compression));
        self.history
            .push(json!({"created": "2026-01-02T03:04:05Z", "created_by": created_by}));
        self
    }

    #[must_use]
    pub fn empty_layer(mut self, created_by: &str) -> Self {
        self.history
            .push(json!({"created": "2026-01-02T03:04:05Z", "created_by": created_by, "empty_layer": true}));
        self
    }

    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// How the layers added from here on are packed.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    pub fn config(&self) -> Vec<u8> {
        let diff_ids: Vec<Digest> = self
            .layers
            .iter()
            .map(|(layer, _)| Digest::of(&layer.tar()))
            .collect();
        let mut config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "2026-01-02T03:04:05Z",
            "author": "the testkit",
            "config": {
                "User": "app",
                "Cmd": ["/app/run"],
                "Entrypoint": ["/init"],
                "Labels": self.labels,
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": self.history,
        });
        if !self.variables.is_empty() {
            config["config"]["Env"] = json!(self.variables);
        }
        if !self.ports.is_empty() {
            let ports = self.ports.iter().map(|port| (port.clone(), json!({})));
            config["config"]["ExposedPorts"] = ports.collect();
        }
        serde_json::to_vec(&config).unwrap()
    }

    /// The image as blobs, with an OCI manifest.
    pub fn blobs(&self) -> Blobs {
        let config = self.config();
        let mut descriptors = Vec::new();
        let mut layers = Vec::new();
        for (layer, compression) in &self.layers {
            let blob = compression.pack(&layer.tar());
            let media_type = format!("{OCI_LAYER}{}", compression.suffix());
            descriptors.push(descriptor(&media_type, &blob));
            layers.push(blob);
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, &config),
            "layers": descriptors,
        });
        Blobs {
            manifest: serde_json::to_vec(&manifest).unwrap(),
            config,
            layers,
        }
    }

    /// An OCI layout folder holding this image.
    pub fn write_layout(&self, dir: &Path) {
        write_layout(dir, std::slice::from_ref(self), false);
    }

    /// The same, as one tar file.
    pub fn write_layout_tar(&self, path: &Path) {
        let dir = tempfile::tempdir().unwrap();
        self.write_layout(dir.path());
        write_tar_of(dir.path(), path);
    }

    /// What `docker save` wrote until version 24: a folder for each
    /// layer, manifest.json last.
    pub fn write_docker_archive(&self, path: &Path) {
        fs::write(path, self.docker_archive()).unwrap();
    }

    pub fn docker_archive(&self) -> Vec<u8> {
        docker_archive(std::slice::from_ref(self))
    }

    /// What `docker save` writes since version 25: an OCI layout with a
    /// manifest.json beside its index, layers uncompressed.
    pub fn write_docker_archive_oci(&self, path: &Path) {
        let dir = tempfile::tempdir().unwrap();
        let mut plain = self.clone();
        for (_, compression) in &mut plain.layers {
            *compression = Compression::Plain;
        }
        plain.write_layout(dir.path());
        let blobs = plain.blobs();
        let name = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
        let layers: Vec<String> = blobs.layers.iter().map(|layer| name(layer)).collect();
        let manifest =
            json!([{"Config": name(&blobs.config), "RepoTags": [self.tag], "Layers": layers}]);
        fs::write(
            dir.path().join("manifest.json"),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();
        write_tar_of(dir.path(), path);
    }

    /// The merged root file system, as a folder.
    pub fn write_rootfs(&self, dir: &Path) {
        for (layer, _) in &self.layers {
            apply(&layer.tar(), dir);
        }
    }
}

/// An OCI layout folder; several images share one multi-arch index.
/// With `attestations`, each gets the manifest `BuildKit` adds.
pub fn write_layout(dir: &Path, images: &[Image], attestations: bool) {
    let blobs_dir = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs_dir).unwrap();
    let put = |bytes: &[u8]| fs::write(blobs_dir.join(Digest::of(bytes).hex()), bytes).unwrap();
    let mut entries = Vec::new();
    for image in images {
        let blobs = image.blobs();
        blobs.layers.iter().for_each(|layer| put(layer));
        put(&blobs.config);
        put(&blobs.manifest);
        let mut entry = descriptor(OCI_MANIFEST, &blobs.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": image.architecture});
        if images.len() == 1 && !attestations {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": image.tag});
        }
        entries.push(entry);
        if attestations {
            let attestation = attestation();
            put(&attestation);
            let mut entry = descriptor(OCI_MANIFEST, &attestation);
            entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            entry["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": Digest::of(&blobs.manifest),
            });
            entries.push(entry);
        }
    }
    let mut index = index(&entries);
    if images.len() > 1 || attestations {
        put(&index);
        let mut entry = descriptor(OCI_INDEX, &index);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": images[0].tag});
        index = self::index(&[entry]);
    }
    fs::write(dir.join("index.json"), index).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Several images in one archive, as `docker save one two` writes it.
pub fn write_docker_archive(path: &Path, images: &[Image]) {
    fs::write(path, docker_archive(images)).unwrap();
}

fn docker_archive(images: &[Image]) -> Vec<u8> {
    let mut tar = Layer::new();
    let mut manifest = Vec::new();
    for image in images {
        let config = image.config();
        let mut names = Vec::new();
        for (layer, _) in &image.layers {
            let content = layer.tar();
            let id = Digest::of(&[&content[..], b"chain"].concat()).hex();
            let name = format!("{id}/layer.tar");
            tar = tar
                .dir(&id)
                .file(&format!("{id}/VERSION"), "1.0")
                .file(&name, content);
            names.push(name);
        }
        let name = format!("{}.json", Digest::of(&config).hex());
        tar = tar.file(&name, &config);
        manifest.push(json!({"Config": name, "RepoTags": [image.tag], "Layers": names}));
    }
    tar.file("manifest.json", serde_json::to_vec(&manifest).unwrap())
        .tar()
}

/// An index of these entries.
pub fn index(entries: &[Value]) -> Vec<u8> {
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    serde_json::to_vec(&index).unwrap()
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

/// A manifest that is no image: what `BuildKit` attaches as provenance.
pub fn attestation() -> Vec<u8> {
    let statement = b"{}";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, statement),
        "layers": [descriptor("application/vnd.in-toto+json", statement)],
    });
    serde_json::to_vec(&manifest).unwrap()
}

/// A small Debian 12 root: os-release and a dpkg database.
pub fn debian() -> Layer {
    Layer::new()
        .dir("etc")
        .dir("usr/lib")
        .file(
            "usr/lib/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
        )
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file(
            "var/lib/dpkg/status",
            "Package: openssl\nStatus: install ok installed\nPriority: optional\nSection: utils\n\
             Architecture: amd64\nVersion: 3.0.11-1~deb12u1\n\n\
             Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\n\
             Source: openssl\nVersion: 3.0.11-1~deb12u1\n\n",
        )
        .file("var/lib/dpkg/info/openssl.list", "/.\n/usr\n/usr/bin\n/usr/bin/openssl\n")
}

fn write_tar_of(dir: &Path, path: &Path) {
    let mut layer = Layer::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(folder) = pending.pop() {
        let mut names: Vec<_> = fs::read_dir(dir.join(&folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        for name in names {
            let inner = folder.join(&name);
            let text = inner.to_str().unwrap();
            if dir.join(&inner).is_dir() {
                layer = layer.dir(text);
                pending.push(inner);
            } else {
                layer = layer.file(text, fs::read(dir.join(&inner)).unwrap());
            }
        }
    }
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&layer.tar()).unwrap();
}

/// Applies one well-formed layer onto a folder, whiteouts included.
fn apply(tar: &[u8], dir: &Path) {
    let remove = |path: &Path| {
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else if path.symlink_metadata().is_ok() {
            fs::remove_file(path).unwrap();
        }
    };
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let parent = dir.join(path.parent().unwrap_or(Path::new("")));
        if name == ".wh..wh..opq" {
            for child in fs::read_dir(&parent).into_iter().flatten() {
                remove(&child.unwrap().path());
            }
        } else if let Some(removed) = name.strip_prefix(".wh.") {
            remove(&parent.join(removed));
        } else {
            fs::create_dir_all(&parent).unwrap();
            let target = dir.join(&path);
            if !entry.header().entry_type().is_dir() || target.is_symlink() {
                remove(&target);
            }
            entry.unpack_in(dir).unwrap();
        }
    }
}
