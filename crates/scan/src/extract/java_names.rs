//! What a Java archive without Maven's own record is called.
//!
//! Gradle, Ant and bundle tools leave no `pom.properties`. Their manifest
//! and file name usually give the artifact and its version; the group,
//! which an advisory needs too, must be worked out: from this table of
//! well-known artifacts, from the manifest, and last from the artifact
//! itself, as in `junit:junit`. A wrong group matches no advisory, so a
//! guess can hide a finding but never invent one.

/// Artifacts whose builds leave no `pom.properties`, the first major
/// version their group holds for, and that group. A trailing `*` stands
/// for any ending; the first match counts.
const GROUPS: &[(&str, u32, &str)] = &[
    ("animal-sniffer-annotations", 0, "org.codehaus.mojo"),
    ("aspectjrt", 0, "org.aspectj"),
    ("aspectjweaver", 0, "org.aspectj"),
    ("bcmail-*", 0, "org.bouncycastle"),
    ("bcpg-*", 0, "org.bouncycastle"),
    ("bcpkix-*", 0, "org.bouncycastle"),
    ("bcprov-*", 0, "org.bouncycastle"),
    ("bctls-*", 0, "org.bouncycastle"),
    ("bcutil-*", 0, "org.bouncycastle"),
    ("brave-*", 0, "io.zipkin.brave"),
    ("catalina", 0, "org.apache.tomcat"),
    ("dom4j", 2, "org.dom4j"),
    ("dom4j", 0, "dom4j"),
    ("elasticsearch-rest-*", 0, "org.elasticsearch.client"),
    ("elasticsearch*", 0, "org.elasticsearch"),
    ("groovy*", 4, "org.apache.groovy"),
    ("groovy*", 0, "org.codehaus.groovy"),
    ("grpc-*", 0, "io.grpc"),
    ("h2", 0, "com.h2database"),
    ("hibernate-core", 6, "org.hibernate.orm"),
    ("hibernate-core", 0, "org.hibernate"),
    ("hsqldb", 0, "org.hsqldb"),
    ("javassist", 0, "org.javassist"),
    ("jython*", 0, "org.python"),
    ("kafka-clients", 0, "org.apache.kafka"),
    ("kafka-streams", 0, "org.apache.kafka"),
    ("kafka_*", 0, "org.apache.kafka"),
    ("kotlin-*", 0, "org.jetbrains.kotlin"),
    ("kotlinx-coroutines-*", 0, "org.jetbrains.kotlinx"),
    ("kotlinx-serialization-*", 0, "org.jetbrains.kotlinx"),
    ("ktor-*", 0, "io.ktor"),
    ("libthrift", 0, "org.apache.thrift"),
    ("log4j", 0, "log4j"),
    ("lucene-*", 0, "org.apache.lucene"),
    ("micrometer-*", 0, "io.micrometer"),
    ("micronaut-*", 0, "io.micronaut"),
    ("mongodb-driver-*", 0, "org.mongodb"),
    ("mssql-jdbc", 0, "com.microsoft.sqlserver"),
    ("mysql-connector-j", 0, "com.mysql"),
    ("mysql-connector-java", 0, "mysql"),
    ("ojdbc*", 0, "com.oracle.database.jdbc"),
    ("okhttp*", 3, "com.squareup.okhttp3"),
    ("okhttp*", 0, "com.squareup.okhttp"),
    ("okio*", 0, "com.squareup.okio"),
    ("opensearch*", 0, "org.opensearch"),
    ("opentelemetry-*", 0, "io.opentelemetry"),
    ("poi", 0, "org.apache.poi"),
    ("poi-*", 0, "org.apache.poi"),
    ("reactor-core", 0, "io.projectreactor"),
    ("reactor-netty*", 0, "io.projectreactor.netty"),
    ("retrofit", 0, "com.squareup.retrofit2"),
    ("rxjava", 3, "io.reactivex.rxjava3"),
    ("rxjava", 2, "io.reactivex.rxjava2"),
    ("rxjava", 0, "io.reactivex"),
    ("solr-*", 0, "org.apache.solr"),
    ("spring-amqp", 0, "org.springframework.amqp"),
    ("spring-batch-*", 0, "org.springframework.batch"),
    ("spring-boot*", 0, "org.springframework.boot"),
    ("spring-cloud-*", 0, "org.springframework.cloud"),
    ("spring-data-*", 0, "org.springframework.data"),
    ("spring-graphql*", 0, "org.springframework.graphql"),
    ("spring-hateoas", 0, "org.springframework.hateoas"),
    ("spring-integration-*", 0, "org.springframework.integration"),
    ("spring-kafka*", 0, "org.springframework.kafka"),
    ("spring-ldap-*", 0, "org.springframework.ldap"),
    ("spring-plugin-*", 0, "org.springframework.plugin"),
    ("spring-rabbit*", 0, "org.springframework.amqp"),
    ("spring-retry", 0, "org.springframework.retry"),
    (
        "spring-security-oauth2",
        0,
        "org.springframework.security.oauth",
    ),
    ("spring-security-*", 0, "org.springframework.security"),
    ("spring-session-*", 0, "org.springframework.session"),
    ("spring-vault-*", 0, "org.springframework.vault"),
    ("spring-webflow", 0, "org.springframework.webflow"),
    ("spring-ws-*", 0, "org.springframework.ws"),
    ("spring-*", 0, "org.springframework"),
    ("tomcat-coyote", 0, "org.apache.tomcat"),
    ("tomcat-embed-*", 0, "org.apache.tomcat.embed"),
    ("tomcat-*", 0, "org.apache.tomcat"),
    ("velocity", 0, "org.apache.velocity"),
    ("xercesImpl", 0, "xerces"),
];

/// The group of a well-known artifact in `version`.
pub(super) fn known_group(artifact: &str, version: &str) -> Option<&'static str> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next();
    let major = digits.and_then(|digits| digits.parse::<u32>().ok());
    GROUPS
        .iter()
        .find(|(pattern, since, _)| {
            let is_meant = match pattern.strip_suffix('*') {
                Some(beginning) => artifact.starts_with(beginning),
                None => artifact == *pattern,
            };
            is_meant && major.unwrap_or(u32::MAX) >= *since
        })
        .map(|(_, _, group)| *group)
}

/// No file system holds longer names.
const LONGEST_NAME: usize = 255;

/// Words that may follow a version's number.
const QUALIFIERS: [&str; 15] = [
    "alpha",
    "android",
    "beta",
    "cr",
    "final",
    "ga",
    "incubating",
    "jre",
    "m",
    "milestone",
    "pre",
    "rc",
    "release",
    "snapshot",
    "sp",
];

/// Artifact and version from a file's name without its ending:
/// `log4j-1.2-api-2.17.1`, `guava-31.1-jre`. The version is empty where
/// the name holds none.
pub(super) fn split_file_name(stem: &str) -> (&str, &str) {
    // Names inside archives may have 64 KiB, and each number in them is
    // tried as the version's start.
    if stem.len() > LONGEST_NAME {
        return (stem, "");
    }
    let starts: Vec<usize> = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .filter(|at| {
            stem.get(at + 1..)
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        })
        .collect();
    // The first number after which only numbers and qualifiers come, so
    // that `log4j-1.2-api-2.17.1` is not version `1.2-api-2.17.1`.
    let whole = starts.iter().find(|at| {
        stem.get(*at + 1..)
            .is_some_and(|version| version.split('-').all(is_version_word))
    });
    let (at, end) = match (whole, starts.last()) {
        (Some(at), _) => (*at, stem.len()),
        // A classifier follows: `netty-4.1.94.Final-linux-x86_64`.
        (None, Some(at)) => {
            let rest = stem.get(at + 1..).unwrap_or_default();
            let length = rest.find('-').unwrap_or(rest.len());
            (*at, at + 1 + length)
        }
        (None, None) => return (stem, ""),
    };
    (
        stem.get(..at).unwrap_or(stem),
        stem.get(at + 1..end).unwrap_or_default(),
    )
}

fn is_version_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        || QUALIFIERS.contains(
            &word
                .trim_end_matches(|last: char| last.is_ascii_digit() || last == '.')
                .to_ascii_lowercase()
                .as_str(),
        )
}

/// The fields of a manifest's main section that name the archive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub implementation_title: Option<String>,
    pub implementation_version: Option<String>,
    pub implementation_vendor_id: Option<String>,
    pub bundle_symbolic_name: Option<String>,
    pub bundle_version: Option<String>,
    pub bundle_license: Option<String>,
    pub automatic_module_name: Option<String>,
}

impl Manifest {
    /// Reads the main section, which ends at the first empty line (JAR
    /// File Specification, "Manifest Specification").
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut manifest = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                break;
            }
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let Some(field) = manifest.field(key) else {
                continue;
            };
            let mut value = value.trim_start().to_owned();
            // Lines end at 72 bytes and go on after a blank.
            while let Some(more) = lines.next_if(|next| next.starts_with(' ')) {
                value.push_str(more.get(1..).unwrap_or_default());
            }
            let value = value.trim();
            if !value.is_empty() {
                *field = Some(value.to_owned());
            }
        }
        manifest
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "Implementation-Title" => &mut self.implementation_title,
            "Implementation-Version" => &mut self.implementation_version,
            "Implementation-Vendor-Id" => &mut self.implementation_vendor_id,
            "Bundle-SymbolicName" => &mut self.bundle_symbolic_name,
            "Bundle-Version" => &mut self.bundle_version,
            "Bundle-License" => &mut self.bundle_license,
            "Automatic-Module-Name" => &mut self.automatic_module_name,
            _ => return None,
        })
    }

    /// Parts of the Java runtime itself, which are no Maven artifacts.
    fn is_runtime(&self) -> bool {
        self.implementation_title.as_deref() == Some("Java Runtime Environment")
    }

    /// The symbolic name without its directives: `name;singleton:=true`.
    fn symbolic_name(&self) -> Option<&str> {
        self.bundle_symbolic_name.as_deref()?.split(';').next()
    }
}

/// Who an archive says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub group: String,
    pub artifact: String,
    pub version: String,
}

/// The identity of an archive called `stem` with `manifest`, or `None`
/// where they do not give a name and a version.
pub(super) fn identify(stem: &str, manifest: &Manifest) -> Option<Identity> {
    if manifest.is_runtime() {
        return None;
    }
    let (from_name, version_of_name) = split_file_name(stem);
    let is_version = |version: &&str| {
        version.starts_with(|first: char| first.is_ascii_digit())
            && !version.contains(char::is_whitespace)
    };
    let version = Some(version_of_name)
        .filter(is_version)
        .or(manifest
            .implementation_version
            .as_deref()
            .filter(is_version))
        .or(manifest.bundle_version.as_deref().filter(is_version))?;
    let title = manifest
        .implementation_title
        .as_deref()
        .filter(|title| is_coordinate(title));
    let artifact = if version_of_name.is_empty() && known_group(from_name, version).is_none() {
        title.unwrap_or(from_name)
    } else {
        from_name
    };
    if !is_coordinate(artifact) {
        return None;
    }
    Some(Identity {
        group: group(artifact, version, manifest),
        artifact: artifact.to_owned(),
        version: version.to_owned(),
    })
}

fn group(artifact: &str, version: &str, manifest: &Manifest) -> String {
    if let Some(group) = known_group(artifact, version) {
        return group.to_owned();
    }
    // Maven used to write the group there; some write the organisation.
    if let Some(vendor) = manifest
        .implementation_vendor_id
        .as_deref()
        .filter(|vendor| vendor.contains('.') && *vendor != "org.apache" && is_coordinate(vendor))
    {
        return vendor.to_owned();
    }
    // `com.example.group.artifact`, with dots for dashes or without.
    let names = [
        manifest.symbolic_name(),
        manifest.automatic_module_name.as_deref(),
    ];
    for name in names
        .into_iter()
        .flatten()
        .filter(|name| is_coordinate(name))
    {
        let dotted = artifact.replace('-', ".");
        for artifact in [artifact, &dotted] {
            if let Some(group) = name
                .strip_suffix(artifact)
                .and_then(|group| group.strip_suffix('.'))
                .filter(|group| group.contains('.'))
            {
                return group.to_owned();
            }
        }
    }
    artifact.to_owned()
}

/// Whether the text can be a group or an artifact.
pub(super) fn is_coordinate(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_end_is_not_searched_for_versions() {
        let endless = "-1".repeat(30_000) + "-x";
        assert_eq!(split_file_name(&endless), (endless.as_str(), ""));
    }

    #[test]
    fn file_names_give_artifact_and_version() {
        let cases = [
            ("log4j-core-2.14.1", "log4j-core", "2.14.1"),
            ("log4j-1.2-api-2.17.1", "log4j-1.2-api", "2.17.1"),
            ("guava-31.1-jre", "guava", "31.1-jre"),
            ("bcprov-jdk15on-1.70", "bcprov-jdk15on", "1.70"),
            ("app-1.0-SNAPSHOT", "app", "1.0-SNAPSHOT"),
            (
                "hibernate-core-6.0.0.Beta1",
                "hibernate-core",
                "6.0.0.Beta1",
            ),
            ("x-2.0-beta-9", "x", "2.0-beta-9"),
            ("y-1.0-rc.1", "y", "1.0-rc.1"),
            (
                "netty-epoll-4.1.94.Final-linux-x86_64",
                "netty-epoll",
                "4.1.94.Final",
            ),
            ("kafka_2.13-3.5.0", "kafka_2.13", "3.5.0"),
            ("app", "app", ""),
            ("", "", ""),
        ];
        for (stem, artifact, version) in cases {
            assert_eq!(split_file_name(stem), (artifact, version), "{stem}");
        }
    }

    fn identity(stem: &str, manifest: &str) -> Option<String> {
        identify(stem, &Manifest::read(manifest.as_bytes()))
            .map(|id| format!("{}:{}:{}", id.group, id.artifact, id.version))
    }

    #[test]
    fn the_table_the_manifest_and_the_artifact_give_the_group() {
        let cases = [
            (
                "spring-core-5.3.17",
                "",
                "org.springframework:spring-core:5.3.17",
            ),
            (
                "spring-security-web-5.6.2",
                "",
                "org.springframework.security:spring-security-web:5.6.2",
            ),
            (
                "tide-1.0",
                "Implementation-Vendor-Id: org.example.sea\n",
                "org.example.sea:tide:1.0",
            ),
            (
                "tide-table-1.0",
                "Bundle-SymbolicName: org.example.tide-table;singleton:=true\n",
                "org.example:tide-table:1.0",
            ),
            (
                "tide-table-1.0",
                "Automatic-Module-Name: org.example.tide.table\n",
                "org.example:tide-table:1.0",
            ),
            ("rxjava-2.2.21", "", "io.reactivex.rxjava2:rxjava:2.2.21"),
            ("rxjava-1.3.8", "", "io.reactivex:rxjava:1.3.8"),
            ("junit-3.8.1", "", "junit:junit:3.8.1"),
            (
                "app",
                "Implementation-Title: harbour\nImplementation-Version: 2.0\n",
                "harbour:harbour:2.0",
            ),
        ];
        for (stem, manifest, expected) in cases {
            assert_eq!(identity(stem, manifest).as_deref(), Some(expected));
        }
    }

    #[test]
    fn without_a_version_or_a_usable_name_there_is_no_identity() {
        assert_eq!(identity("app", ""), None);
        assert_eq!(identity("app", "Implementation-Version: ${v}\n"), None);
        assert_eq!(identity("our app-1.0", ""), None);
        assert_eq!(
            identity(
                "jrt-fs",
                "Implementation-Title: Java Runtime Environment\nImplementation-Version: 17.0.9\n"
            ),
            None
        );
    }

    #[test]
    fn only_the_manifests_main_section_counts_and_long_lines_are_joined() {
        let manifest = Manifest::read(
            b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.example.a-very-\r\n long-name\r\n\
              \r\nName: other\r\nImplementation-Title: other\r\n",
        );
        assert_eq!(
            manifest,
            Manifest {
                bundle_symbolic_name: Some("org.example.a-very-long-name".to_owned()),
                ..Manifest::default()
            }
        );
    }
}
