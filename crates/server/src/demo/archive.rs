//! Writing a made-up image as `docker save` would: the same definition
//! gives the same bytes, and so the same digests.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{self, Cursor, Write},
    path::Path,
};

use model::Digest;
use serde_json::json;

use super::definition::{Alpine, Coordinates, Debian, Definition, Jar, Layer};

pub(super) fn write(definition: &Definition, path: &Path) -> io::Result<()> {
    let layers = definition
        .layers
        .iter()
        .map(layer)
        .collect::<io::Result<Vec<_>>>()?;
    let diff_ids: Vec<_> = layers.iter().map(|bytes| Digest::of(bytes)).collect();
    let history: Vec<_> = definition
        .layers
        .iter()
        .map(|layer| json!({ "created": definition.created, "created_by": layer.created_by }))
        .collect();
    let config = serde_json::to_vec(&json!({
        "architecture": "amd64",
        "os": "linux",
        "created": definition.created,
        "config": {
            "User": definition.user,
            "Entrypoint": definition.entrypoint,
            "Labels": definition.labels,
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    }))?;
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let layer_names: Vec<_> = diff_ids
        .iter()
        .map(|digest| format!("{}/layer.tar", digest.hex()))
        .collect();
    let manifest = serde_json::to_vec(&json!([{
        "Config": config_name,
        "RepoTags": [definition.name],
        "Layers": layer_names,
    }]))?;

    // A reader never sees half an archive.
    let draft = path.with_extension("part");
    let mut archive = tar::Builder::new(File::create(&draft)?);
    put(&mut archive, "manifest.json", &manifest)?;
    put(&mut archive, &config_name, &config)?;
    for (name, bytes) in layer_names.iter().zip(&layers) {
        put(&mut archive, name, bytes)?;
    }
    archive.into_inner()?.sync_all()?;
    std::fs::rename(draft, path)
}

fn put<W: Write>(archive: &mut tar::Builder<W>, path: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, path, bytes)
}

fn layer(layer: &Layer) -> io::Result<Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = layer
        .files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
        .collect();
    if !layer.debian.is_empty() {
        let text = dpkg_status(&layer.debian);
        files.insert("var/lib/dpkg/status".to_owned(), text.into_bytes());
    }
    if !layer.alpine.is_empty() {
        let text = apk_installed(&layer.alpine);
        files.insert("lib/apk/db/installed".to_owned(), text.into_bytes());
    }
    for module in &layer.npm {
        let manifest = json!({ "name": module.name, "version": module.version });
        files.insert(
            format!("{}/package.json", module.path),
            serde_json::to_vec_pretty(&manifest)?,
        );
    }
    for distribution in &layer.python {
        let (name, version) = (&distribution.name, &distribution.version);
        files.insert(
            format!("usr/local/lib/python3.10/dist-packages/{name}-{version}.dist-info/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n").into_bytes(),
        );
    }
    for jar in &layer.jars {
        files.insert(jar.path.clone(), outer_jar(jar)?);
    }
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in &files {
        put(&mut tar, path, bytes)?;
    }
    tar.into_inner()
}

fn dpkg_status(packages: &[Debian]) -> String {
    packages.iter().fold(String::new(), |mut text, package| {
        let Debian {
            package,
            version,
            source,
        } = package;
        let source = match source.as_deref().map(|source| source.split_once(' ')) {
            None => String::new(),
            Some(None) => format!("Source: {}\n", source.as_deref().unwrap_or_default()),
            Some(Some((name, version))) => format!("Source: {name} ({version})\n"),
        };
        write!(
            text,
            "Package: {package}\nStatus: install ok installed\nArchitecture: amd64\n\
             {source}Version: {version}\n\n"
        )
        .expect("invariant: writing to a string cannot fail");
        text
    })
}

fn apk_installed(packages: &[Alpine]) -> String {
    packages.iter().fold(String::new(), |mut text, package| {
        let Alpine {
            package,
            version,
            origin,
        } = package;
        let origin = origin.as_ref().unwrap_or(package);
        write!(text, "P:{package}\nV:{version}\nA:x86_64\no:{origin}\n\n")
            .expect("invariant: writing to a string cannot fail");
        text
    })
}

/// A jar of jars, as an application server unpacks it.
fn outer_jar(jar: &Jar) -> io::Result<Vec<u8>> {
    let mut outer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for held in &jar.holds {
        let name = format!("BOOT-INF/lib/{}-{}.jar", held.artifact, held.version);
        entry(&mut outer, &name, &inner_jar(held)?)?;
    }
    Ok(outer.finish().map_err(io::Error::other)?.into_inner())
}

fn inner_jar(held: &Coordinates) -> io::Result<Vec<u8>> {
    let Coordinates {
        group,
        artifact,
        version,
    } = held;
    let mut jar = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    let text = format!("groupId={group}\nartifactId={artifact}\nversion={version}\n");
    entry(&mut jar, &path, text.as_bytes())?;
    Ok(jar.finish().map_err(io::Error::other)?.into_inner())
}

fn entry(jar: &mut zip::ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    jar.start_file(name, options).map_err(io::Error::other)?;
    jar.write_all(bytes)
}
