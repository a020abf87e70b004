//! Registries, sound and otherwise.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use model::Digest;
use scan::{Credentials, Options, RegistryError, RegistryOptions, ScanError, Source};
use testkit::{
    Image,
    image::{self, OCI_INDEX, OCI_MANIFEST},
    web::{Reply, Request, Server},
};

use crate::subject::{lines, scan_with, try_scan, warnings};

/// A registry's content: one repository, `shop`, tag `1`.
struct Content {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Content {
    fn of(images: &[Image]) -> Self {
        let mut content = Self {
            manifests: BTreeMap::new(),
            blobs: BTreeMap::new(),
        };
        let mut entries = Vec::new();
        for image in images {
            let blobs = image.blobs();
            content.put_manifest(OCI_MANIFEST, &blobs.manifest);
            let mut entry = image::descriptor(OCI_MANIFEST, &blobs.manifest);
            entry["platform"] =
                serde_json::json!({"os": "linux", "architecture": image.architecture});
            entries.push(entry);
            for blob in blobs.layers.into_iter().chain([blobs.config]) {
                content.blobs.insert(Digest::of(&blob).to_string(), blob);
            }
        }
        let tagged = if images.len() == 1 {
            let digest = entries[0]["digest"].as_str().unwrap().to_owned();
            content.manifests[&digest].clone()
        } else {
            let index = image::index(&entries);
            content.put_manifest(OCI_INDEX, &index);
            (OCI_INDEX.to_owned(), index)
        };
        content.manifests.insert("1".to_owned(), tagged);
        content
    }

    fn put_manifest(&mut self, kind: &str, bytes: &[u8]) {
        let digest = Digest::of(bytes).to_string();
        self.manifests
            .insert(digest, (kind.to_owned(), bytes.to_owned()));
    }

    fn answer(&self, request: &Request) -> Reply {
        if let Some(name) = request.target.strip_prefix("/v2/shop/manifests/")
            && let Some((kind, bytes)) = self.manifests.get(name)
        {
            return Reply::new(200, bytes.clone())
                .header("content-type", kind)
                .header("docker-content-digest", &Digest::of(bytes).to_string());
        }
        if let Some(digest) = request.target.strip_prefix("/v2/shop/blobs/")
            && let Some(bytes) = self.blobs.get(digest)
        {
            return Reply::new(200, bytes.clone());
        }
        let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"nothing of that name"}]}"#;
        Reply::new(404, body)
    }
}

fn example() -> Content {
    Content::of(&[Image::example()])
}

fn source(server: &Server) -> Source {
    Source::detect(&format!("registry:{}/shop:1", server.host())).unwrap()
}

/// Without waiting between tries.
fn options() -> Options {
    let fetch = fetch::Settings {
        longest_wait: Duration::from_millis(1),
        ..fetch::Settings::default()
    };
    Options {
        registry: RegistryOptions {
            fetch,
            ..RegistryOptions::default()
        },
        ..Options::default()
    }
}

fn refused(server: &Server, options: &Options) -> (RegistryError, String) {
    match try_scan(&source(server), options) {
        Err(ScanError::Registry(error)) => {
            let text = model::error::chain(&error);
            (error, text)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_is_the_same_as_in_a_layout() {
    let content = example();
    let server = Server::start(move |request| content.answer(request));
    let sbom = scan_with(&source(&server), &options());
    let folder = tempfile::tempdir().unwrap();
    Image::example().write_layout(folder.path());
    let stored = scan_with(&Source::Layout(folder.path().to_owned()), &options());
    assert_eq!(sbom.packages, stored.packages);
    assert_eq!(sbom.layers, stored.layers);
    assert_eq!(sbom.config, stored.config);
    assert_eq!(warnings(&sbom), [""; 0]);
    let own = sbom.image.unwrap();
    assert_eq!(own.manifest, stored.image.unwrap().manifest);
    assert_eq!(own.tags, [format!("{}/shop:1", server.host())]);
}

#[test]
fn a_second_scan_asks_only_where_the_tag_points() {
    let content = example();
    let server = Server::start(move |request| content.answer(request));
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..options()
    };
    let first = scan_with(&source(&server), &options);
    assert_eq!(server.take_lines().len(), 6);
    let second = scan_with(&source(&server), &options);
    assert_eq!(first, second);
    assert_eq!(server.take_lines(), ["HEAD /v2/shop/manifests/1"]);
    let digest = first.image.unwrap().manifest.unwrap();
    let by_digest = Source::detect(&format!("{}/shop@{digest}", server.host())).unwrap();
    assert_eq!(lines(&scan_with(&by_digest, &options)), lines(&second));
    assert_eq!(server.take_lines(), [""; 0]);
}

#[test]
fn the_image_for_a_platform_is_read_and_no_other() {
    let content = Content::of(&[Image::example(), Image::example().architecture("arm64")]);
    let server = Server::start(move |request| content.answer(request));
    let options = Options {
        platform: Some("linux/arm64".parse().unwrap()),
        ..options()
    };
    let sbom = scan_with(&source(&server), &options);
    assert_eq!(
        sbom.config.unwrap().platform.unwrap().to_string(),
        "linux/arm64"
    );
    // Index, manifest, configuration, three layers.
    assert_eq!(server.take_lines().len(), 6);
}

/// A registry that wants a token from its own token service.
fn with_tokens(wanted: Option<&'static str>) -> Server {
    let content = example();
    Server::start(move |request| {
        let authorization = request.headers.get("authorization").map(String::as_str);
        if request.target.starts_with("/token?") {
            assert!(request.target.contains("scope=repository%3Ashop%3Apull"));
            assert!(request.target.contains("service=test"));
            return if authorization == wanted {
                Reply::new(200, r#"{"token":"abc","expires_in":60}"#)
            } else {
                Reply::new(401, r#"{"errors":[{"message":"who are you?"}]}"#)
            };
        }
        if authorization == Some("Bearer abc") {
            return content.answer(request);
        }
        let realm = format!("http://{}/token", request.headers["host"]);
        let challenge =
            format!(r#"Bearer realm="{realm}",service="test",scope="repository:shop:pull""#);
        Reply::new(401, "").header("www-authenticate", &challenge)
    })
}

#[test]
fn a_token_is_fetched_once_and_used_for_everything() {
    let server = with_tokens(None);
    let sbom = scan_with(&source(&server), &options());
    assert_eq!(sbom.packages.len(), 3);
    let asked = server.take_lines();
    let tokens = asked.iter().filter(|line| line.contains("/token?")).count();
    assert_eq!(tokens, 1, "{asked:?}");
}

#[test]
fn credentials_come_from_dockers_configuration() {
    // "bWU6cHc=" is me:pw.
    let server = with_tokens(Some("Basic bWU6cHc="));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let mut options = options();
    options.registry.docker_config = Some(config.clone());

    let (error, text) = refused(&server, &options);
    assert!(matches!(error, RegistryError::CredentialsWanted { .. }));
    assert!(
        text.contains(&format!("docker login {}", server.host())),
        "{text}"
    );

    let auths = |auth: &str| {
        format!(
            r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#,
            server.host()
        )
    };
    std::fs::write(&config, auths("d3Jvbmc6cHc=")).unwrap();
    let (error, text) = refused(&server, &options);
    assert!(matches!(error, RegistryError::CredentialsRefused { .. }));
    assert!(text.contains("who are you?"), "{text}");

    std::fs::write(&config, auths("bWU6cHc=")).unwrap();
    assert_eq!(scan_with(&source(&server), &options).packages.len(), 3);
}

#[test]
fn basic_authentication_is_answered() {
    let content = example();
    let server = Server::start(move |request| {
        if request
            .headers
            .get("authorization")
            .is_some_and(|text| text == "Basic bWU6cHc=")
        {
            return content.answer(request);
        }
        Reply::new(401, "").header("www-authenticate", r#"Basic realm="shop""#)
    });
    let (error, _) = refused(&server, &options());
    assert!(matches!(error, RegistryError::CredentialsWanted { .. }));
    let mut options = options();
    options.registry.credentials = Some(Credentials {
        username: "me".to_owned(),
        password: "pw".to_owned(),
    });
    assert_eq!(scan_with(&source(&server), &options).packages.len(), 3);
}

#[test]
fn refusals_say_what_to_do() {
    for (status, expected) in [
        (403, "ask whoever runs"),
        (404, "check its spelling"),
        (429, "try again in 3600 s"),
        (500, "status 500 (out of order)"),
    ] {
        let server = Server::start(move |_| {
            Reply::new(status, r#"{"errors":[{"message":"out of order"}]}"#)
                .header("retry-after", "3600")
        });
        let (_, text) = refused(&server, &options());
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_busy_registry_is_asked_again() {
    let content = example();
    let count = AtomicU32::new(0);
    let server = Server::start(move |request| {
        if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Reply::new(503, "").header("retry-after", "0");
        }
        content.answer(request)
    });
    assert_eq!(scan_with(&source(&server), &options()).packages.len(), 3);
}

#[test]
fn a_cut_download_goes_on_where_it_was_cut() {
    for knows_ranges in [true, false] {
        let content = example();
        let cuts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&cuts);
        let server = Server::start(move |request| {
            let mut reply = content.answer(request);
            if !request.target.contains("/blobs/") {
                return reply;
            }
            let range = request.headers.get("range").and_then(|text| {
                text.strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse::<usize>()
                    .ok()
            });
            let is_long = reply.body.len() > 200;
            if let Some(start) = range {
                if knows_ranges {
                    let all = reply.body.len();
                    reply.status = 206;
                    reply.body.drain(..start);
                    return reply
                        .header("content-range", &format!("bytes {start}-{}/{all}", all - 1));
                }
                return reply;
            }
            if is_long {
                counted.fetch_add(1, Ordering::Relaxed);
                let all = reply.body.len().to_string();
                return reply.header("content-length", &all).cut_after(100);
            }
            reply
        });
        // The configuration is a document and is fetched whole or not at
        // all; from the cache, only layers are cut.
        let cache = tempfile::tempdir().unwrap();
        let options = Options {
            cache: Some(cache.path().to_owned()),
            ..options()
        };
        let config = Image::example().config();
        let digest = Digest::of(&config).hex();
        let shelf = cache
            .path()
            .join("documents")
            .join(digest.get(..2).unwrap());
        std::fs::create_dir_all(&shelf).unwrap();
        std::fs::write(shelf.join(&digest), &config).unwrap();
        let sbom = scan_with(&source(&server), &options);
        assert_eq!(sbom.packages.len(), 3);
        assert_eq!(warnings(&sbom), [""; 0]);
        assert!(cuts.load(Ordering::Relaxed) > 0);
    }
}

#[test]
fn a_layer_with_the_wrong_content_is_thrown_away_and_told() {
    let mut content = example();
    let layers = Image::example().blobs().layers;
    let other = Image::new().layer(
        "x",
        testkit::Layer::new().file(
            "node_modules/evil/package.json",
            r#"{"name":"evil","version":"6.6.6"}"#,
        ),
    );
    let evil = other.blobs().layers.remove(0);
    // Padded to the length the manifest tells, lest it be cut there.
    let mut evil = evil;
    evil.resize(layers[1].len().max(evil.len()), 0);
    content
        .blobs
        .insert(Digest::of(&layers[1]).to_string(), evil);
    let server = Server::start(move |request| content.answer(request));
    let sbom = scan_with(&source(&server), &options());
    assert_eq!(sbom.packages.len(), 2);
    let text = warnings(&sbom).join("\n");
    assert!(text.contains("nothing of it is in the result"), "{text}");
}

#[test]
fn a_forged_manifest_or_configuration_is_refused() {
    let mut content = example();
    let config = Digest::of(&Image::example().config()).to_string();
    content.blobs.insert(config, b"{}".to_vec());
    let server = Server::start(move |request| content.answer(request));
    let (error, _) = refused(&server, &options());
    assert!(matches!(
        error,
        RegistryError::WrongDigest {
            what: "the configuration",
            ..
        }
    ));
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let content = Arc::new(example());
    let store = {
        let content = Arc::clone(&content);
        Server::start(move |request| {
            assert_eq!(request.headers.get("authorization"), None);
            content.answer(request)
        })
    };
    let elsewhere = store.host();
    let server = Server::start(move |request| {
        if !request.headers.contains_key("authorization") {
            return Reply::new(401, "").header("www-authenticate", "Basic");
        }
        if request.target.contains("/blobs/") {
            let target = format!("http://{elsewhere}{}", request.target);
            return Reply::new(307, "").header("location", &target);
        }
        content.answer(request)
    });
    let mut options = options();
    options.registry.credentials = Some(Credentials {
        username: "me".to_owned(),
        password: "pw".to_owned(),
    });
    let sbom = scan_with(&source(&server), &options);
    assert_eq!(sbom.packages.len(), 3);
    assert_eq!(store.asked().len(), 4);
}

#[test]
fn a_layer_that_cannot_be_fetched_costs_only_itself() {
    let mut content = example();
    let lost = Digest::of(&Image::example().blobs().layers[1]).to_string();
    content.blobs.remove(&lost);
    let server = Server::start(move |request| content.answer(request));
    let sbom = scan_with(&source(&server), &options());
    assert_eq!(sbom.packages.len(), 2);
    assert!(warnings(&sbom)[0].contains("404"), "{:?}", warnings(&sbom));
}

#[test]
fn a_real_registry_gives_the_same_result_and_no_blob_twice() {
    let Some(registry) = testkit::service::Registry::start().unwrap() else {
        return;
    };
    testkit::web::push(&Image::example(), &registry.host, "shop", "1");
    let source = Source::detect(&format!("{}/shop:1", registry.host)).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..options()
    };
    let sbom = scan_with(&source, &options);
    let folder = tempfile::tempdir().unwrap();
    Image::example().write_layout(folder.path());
    let stored = scan_with(
        &Source::Layout(folder.path().to_owned()),
        &Options::default(),
    );
    assert_eq!(sbom.packages, stored.packages);
    assert_eq!(sbom.layers, stored.layers);
    let requests = registry.blob_requests();
    assert_eq!(scan_with(&source, &options), sbom);
    assert_eq!(registry.blob_requests(), requests);
}
