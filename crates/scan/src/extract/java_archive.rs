//! Java archives: jar, war, ear and their kin, and the archives inside.
//!
//! What: every `META-INF/maven/…/pom.properties` (several in a shaded
//! archive), else the name its manifest and file name give
//! (`java_names`). Archives inside archives are read in place where they
//! are stored, as Spring Boot does, else unpacked in memory.
//!
//! Limits: nothing is looked up by checksum, so a renamed archive
//! without any record stays unknown. Depth, memory and work are bounded;
//! what exceeds them becomes a warning. Source and documentation
//! archives hold no code and are passed over, as are parts of the Java
//! runtime itself.
//!
//! References: JAR File Specification; Apache Maven Archiver; Spring
//! Boot, "The executable jar format".

use std::io::Cursor;

use model::PackageKind;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, ReadSeek, Want,
    java_names::{self, Identity, Manifest},
    listing::Listing,
    zip_directory::{self, Budget, Entry, MOST_ENTRIES, Window, ZipError},
};

pub(crate) struct JavaArchive;

/// Larger archives than this are data, not programs.
const LIMIT: u64 = 1 << 30;

/// An ear holds wars that hold jars that may hold jars.
const MAX_DEPTH: usize = 4;

/// Memory for archives that must be unpacked, all levels together.
const MEMORY: u64 = 128 << 20;

/// Bytes read from directories and entries of one archive and all
/// inside it.
const WORK: u64 = 1 << 30;

/// More archives than any application holds.
const MAX_ARCHIVES: usize = 10_000;

const MAX_WARNINGS: usize = 20;
const MANIFEST_LIMIT: u64 = 1 << 20;
const PROPERTIES_LIMIT: u64 = 64 << 10;

const EXTENSIONS: [&str; 8] = ["jar", "war", "ear", "par", "sar", "kar", "hpi", "jpi"];

impl Extractor for JavaArchive {
    fn name(&self) -> &'static str {
        "java-archive"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        // An empty file is a marker some build tools leave.
        (file.size > 0 && is_archive(file.name())).then_some(Want::Seekable { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let name = file.path.rsplit('/').next().unwrap_or(file.path);
        let mut walk = Walk {
            listing: Listing::default(),
            budget: Budget(WORK),
            archives: 0,
            warnings: Vec::new(),
            unread: 0,
        };
        walk.archive(file.seekable(), name, None, 0, MEMORY);
        walk.listing.finish(out);
        for warning in walk.warnings {
            out.warn(warning);
        }
        if walk.unread > 0 {
            out.warn(format!("{} further parts could not be read", walk.unread));
        }
    }
}

fn is_archive(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    !stem.is_empty()
        && !stem.ends_with("-sources")
        && !stem.ends_with("-javadoc")
        && EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
}

/// One archive and all inside it.
struct Walk {
    listing: Listing,
    budget: Budget,
    archives: usize,
    warnings: Vec<String>,
    unread: usize,
}

impl Walk {
    /// Reads an archive called `name` that lies at `inner` inside the
    /// outermost one.
    fn archive(
        &mut self,
        archive: &mut dyn ReadSeek,
        name: &str,
        inner: Option<&str>,
        depth: usize,
        memory: u64,
    ) {
        self.archives += 1;
        if self.archives > MAX_ARCHIVES {
            self.warn(inner, "is one archive too many inside this one");
            return;
        }
        let entries = match zip_directory::entries(archive, &mut self.budget, is_wanted) {
            Ok(entries) => entries,
            Err(error) => {
                self.fail(inner, &error);
                return;
            }
        };
        if entries.len() >= MOST_ENTRIES {
            self.warn(
                inner,
                &format!("has more than {MOST_ENTRIES} parts; the rest was left out"),
            );
        }
        self.packages(archive, name, inner, &entries);
        for entry in entries.iter().filter(|entry| is_archive(&entry.name)) {
            let path = match inner {
                Some(inner) => format!("{inner}!/{}", entry.name),
                None => entry.name.clone(),
            };
            if depth + 1 > MAX_DEPTH {
                self.warn(Some(&path), "lies too deep inside other archives");
                continue;
            }
            self.nested(archive, entry, &path, depth + 1, memory);
        }
    }

    fn nested(
        &mut self,
        archive: &mut dyn ReadSeek,
        entry: &Entry,
        path: &str,
        depth: usize,
        memory: u64,
    ) {
        let name = path.rsplit('/').next().unwrap_or(path);
        if entry.is_stored() {
            match zip_directory::start(archive, entry) {
                Ok(start) => {
                    let mut window = Window::new(archive, start, entry.size);
                    self.archive(&mut window, name, Some(path), depth, memory);
                }
                Err(error) => self.fail(Some(path), &error),
            }
            return;
        }
        match zip_directory::read(archive, entry, memory, &mut self.budget) {
            Ok(content) => {
                let left = memory.saturating_sub(content.len() as u64);
                self.archive(&mut Cursor::new(content), name, Some(path), depth, left);
            }
            Err(error) => self.fail(Some(path), &error),
        }
    }

    /// Lists what the archive says it is made of.
    fn packages(
        &mut self,
        archive: &mut dyn ReadSeek,
        name: &str,
        inner: Option<&str>,
        entries: &[Entry],
    ) {
        let mut poms = Vec::new();
        for entry in entries
            .iter()
            .filter(|entry| entry.name.ends_with("/pom.properties"))
        {
            match zip_directory::read(archive, entry, PROPERTIES_LIMIT, &mut self.budget) {
                Ok(properties) => poms.extend(pom(&properties)),
                Err(error) => self.fail(inner, &error),
            }
        }
        let manifest = entries
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case("META-INF/MANIFEST.MF"))
            .and_then(|entry| {
                match zip_directory::read(archive, entry, MANIFEST_LIMIT, &mut self.budget) {
                    Ok(bytes) => Some(Manifest::read(&bytes)),
                    Err(error) => {
                        self.fail(inner, &error);
                        None
                    }
                }
            })
            .unwrap_or_default();

        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let own = own_identity(stem, &manifest, entries);
        let license = manifest.bundle_license.filter(|_| poms.len() <= 1);
        let is_known = |own: &Identity| {
            // Its parts' records are there, its own is not.
            poms.is_empty()
                || java_names::known_group(&own.artifact, &own.version).is_some()
                    && poms.iter().all(|pom| pom.artifact != own.artifact)
        };
        let own = own.filter(is_known);
        for identity in poms.into_iter().chain(own) {
            let mut found = Found::new(
                PackageKind::Maven,
                format!("{}:{}", identity.group, identity.artifact),
                identity.version,
            );
            found.inner_path = inner.map(str::to_owned);
            found.licenses.extend(license.clone());
            self.listing.add(found);
        }
    }

    fn fail(&mut self, inner: Option<&str>, error: &ZipError) {
        let reason = model::error::chain(error);
        self.warn(inner, &format!("could not be read: {reason}"));
    }

    fn warn(&mut self, inner: Option<&str>, what: &str) {
        if self.warnings.len() < MAX_WARNINGS {
            let subject = inner.unwrap_or("the archive");
            self.warnings.push(format!("{subject} {what}"));
        } else {
            self.unread += 1;
        }
    }
}

fn is_wanted(name: &str) -> bool {
    if let Some(record) = name.strip_prefix("META-INF/maven/") {
        return record.ends_with("/pom.properties") || record.ends_with("/pom.xml");
    }
    name.eq_ignore_ascii_case("META-INF/MANIFEST.MF")
        || is_archive(name.rsplit('/').next().unwrap_or(name))
}

/// Who the archive is without a `pom.properties` of its own. A lone
/// `pom.xml` gives group and artifact by where it lies.
fn own_identity(stem: &str, manifest: &Manifest, entries: &[Entry]) -> Option<Identity> {
    let identity = java_names::identify(stem, manifest)?;
    let mut poms = entries
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("META-INF/maven/"))
        .filter_map(|path| path.strip_suffix("/pom.xml"));
    match (
        poms.next().and_then(|path| path.split_once('/')),
        poms.next(),
    ) {
        (Some((group, artifact)), None) if !artifact.contains('/') => Some(Identity {
            group: group.to_owned(),
            artifact: artifact.to_owned(),
            ..identity
        }),
        _ => Some(identity),
    }
}

/// The coordinates in a `pom.properties`.
fn pom(properties: &[u8]) -> Option<Identity> {
    let text = String::from_utf8_lossy(properties);
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(['=', ':'])?;
            (key.trim() == wanted).then(|| value.trim().to_owned())
        })
    };
    let identity = Identity {
        group: value("groupId")?,
        artifact: value("artifactId")?,
        version: value("version")?,
    };
    let is_sound = java_names::is_coordinate(&identity.group)
        && java_names::is_coordinate(&identity.artifact)
        && identity
            .version
            .starts_with(|first: char| first.is_ascii_alphanumeric());
    is_sound.then_some(identity)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::{super::check, *};

    fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        for (name, content) in files {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn jar(files: &[(&str, &[u8])]) -> Vec<u8> {
        archive(files, CompressionMethod::Deflated)
    }

    const LOG4J: (&str, &[u8]) = (
        "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
        b"#Generated by Maven\nversion=2.14.1\ngroupId=org.apache.logging.log4j\n\
          artifactId=log4j-core\n",
    );
    const YAML: (&str, &[u8]) = (
        "META-INF/maven/org.yaml/snakeyaml/pom.properties",
        b"version=1.30\r\ngroupId=org.yaml\r\nartifactId=snakeyaml\r\n",
    );

    fn packages(path: &str, bytes: &[u8]) -> String {
        check::render(&check::extract(&JavaArchive, path, bytes))
    }

    #[test]
    fn an_application_with_all_it_carries_is_read() {
        check::check(&JavaArchive, "srv/harbour.war", "java_archive.war");
    }

    #[test]
    fn every_record_in_a_shaded_archive_counts() {
        let bytes = jar(&[LOG4J, YAML, ("org/yaml/Yaml.class", b"")]);
        assert_eq!(
            packages("app/all.jar", &bytes),
            "maven org.apache.logging.log4j:log4j-core 2.14.1\nmaven org.yaml:snakeyaml 1.30\n"
        );
    }

    #[test]
    fn archives_inside_archives_are_read_stored_or_packed() {
        let library = jar(&[LOG4J]);
        let war = jar(&[("WEB-INF/lib/log4j-core-2.14.1.jar", &library)]);
        let spring = archive(
            &[
                ("BOOT-INF/lib/log4j-core-2.14.1.jar", &library),
                ("b.war", &war),
            ],
            CompressionMethod::Stored,
        );
        let log4j = "maven org.apache.logging.log4j:log4j-core 2.14.1 inner=";
        assert_eq!(
            packages("app.jar", &spring),
            format!(
                "{log4j}BOOT-INF/lib/log4j-core-2.14.1.jar\n\
                 {log4j}b.war!/WEB-INF/lib/log4j-core-2.14.1.jar\n"
            )
        );
    }

    #[test]
    fn without_a_record_manifest_and_file_name_speak() {
        let manifest: (&str, &[u8]) = (
            "META-INF/MANIFEST.MF",
            b"Manifest-Version: 1.0\nImplementation-Title: spring-core\n\
              Implementation-Version: 5.3.17\nBundle-License: Apache-2.0\n",
        );
        assert_eq!(
            packages("lib/spring-core.jar", &jar(&[manifest])),
            "maven org.springframework:spring-core 5.3.17 licenses=Apache-2.0\n"
        );
        let pom: (&str, &[u8]) = ("META-INF/maven/org.example/tide/pom.xml", b"<project/>");
        assert_eq!(
            packages("lib/tide-1.2.jar", &jar(&[pom])),
            "maven org.example:tide 1.2\n"
        );
    }

    #[test]
    fn a_known_artifact_that_carries_others_is_listed_itself() {
        assert_eq!(
            packages("lib/spring-core-5.3.17.jar", &jar(&[YAML])),
            "maven org.springframework:spring-core 5.3.17\nmaven org.yaml:snakeyaml 1.30\n"
        );
    }

    #[test]
    fn sources_documentation_and_other_files_are_not_wanted() {
        for path in [
            "lib/tide-1.0-sources.jar",
            "lib/tide-1.0-javadoc.jar",
            "lib/tide-1.0.zip",
            "lib/.jar",
            "lib/jar",
        ] {
            assert!(!check::wants(&JavaArchive, path), "{path}");
        }
        assert!(check::wants(&JavaArchive, "lib/TIDE.JAR"));
    }

    #[test]
    fn nesting_without_end_is_told_and_ends() {
        let mut bytes = jar(&[LOG4J]);
        for _ in 0..10 {
            bytes = jar(&[("inner.jar", &bytes)]);
        }
        let out = check::extract(&JavaArchive, "app.jar", &bytes);
        assert!(out.packages.is_empty());
        assert_eq!(
            out.warnings,
            ["inner.jar!/inner.jar!/inner.jar!/inner.jar!/inner.jar \
              lies too deep inside other archives"]
        );
    }

    #[test]
    fn a_bomb_is_told_and_costs_itself_alone() {
        let mut bomb = jar(&[("huge.jar", &vec![0; 1 << 20]), LOG4J]);
        // Claims to unpack to 3 GiB.
        let entry = bomb
            .windows(4)
            .position(|four| four == b"PK\x01\x02")
            .unwrap();
        bomb[entry + 24..entry + 28].copy_from_slice(&0xc000_0000_u32.to_le_bytes());
        let out = check::extract(&JavaArchive, "app.jar", &bomb);
        assert_eq!(out.packages.len(), 1);
        assert_eq!(
            out.warnings,
            ["huge.jar could not be read: 'huge.jar' unpacks to more than 134217728 bytes"]
        );
    }

    #[test]
    fn what_is_no_archive_is_told() {
        let out = check::extract(&JavaArchive, "app.jar", b"not a zip");
        assert_eq!(
            out.warnings,
            ["the archive could not be read: not a zip archive"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_damage_panics(at in 0..1000_usize, byte: u8) {
            let mut bytes = jar(&[LOG4J, ("lib/a-1.0.jar", &jar(&[YAML]))]);
            let at = at % bytes.len();
            bytes[at] = byte;
            check::extract(&JavaArchive, "app.jar", &bytes);
        }
    }
}
