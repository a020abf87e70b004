//! Registries that lie, never end, lead elsewhere or want to be left alone.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::SignedDuration;
use model::Digest;
use registry::{Account, AskError, Credential, Kind};
use testkit::web::{Reply, Server};

use crate::{anonymous, now, open};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn a_wrong_digest_is_refused_however_it_is_claimed() {
    let body = r#"{"schemaVersion":2,"config":{"digest":"x"},"layers":[]}"#;
    let other = Digest::of(b"other").to_string();
    let claimed = other.clone();
    let server = Server::start(move |_| {
        Reply::new(200, body)
            .header("content-type", MANIFEST)
            .header("docker-content-digest", &claimed)
    });
    let registry = anonymous(&server.host());
    for version in ["1.0", &other] {
        let reference = registry.reference("team/shop", version).unwrap();
        let error = registry.resolve(&reference).unwrap_err();
        assert!(matches!(error, AskError::WrongDigest { .. }), "{error}");
    }
    let error = registry
        .artifact("team/shop", &Digest::of(b"other"))
        .unwrap_err();
    assert!(matches!(error, AskError::WrongDigest { .. }), "{error}");
}

#[test]
fn a_manifest_of_endless_layers_is_refused() {
    let layer = format!(r#"{{"digest":"{}"}},"#, Digest::of(b"x"));
    let layers = layer.repeat(5_000);
    let body = format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"x"}},"layers":[{}]}}"#,
        layers.trim_end_matches(',')
    );
    let endless = Server::start(move |_| Reply::new(200, body.clone()));
    let large = Server::start(|_| Reply::new(200, vec![b' '; 5 << 20]));
    for server in [endless, large] {
        let registry = anonymous(&server.host());
        let reference = registry.reference("team/shop", "1").unwrap();
        let error = registry.resolve(&reference).unwrap_err();
        assert!(
            matches!(error, AskError::Bounds { .. } | AskError::Fetch { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_hundred_thousand_tags_are_read_page_by_page() {
    let server = Server::start(|request| {
        let last = request.target.split("last=").nth(1).unwrap_or("0");
        let last: usize = last.split('&').next().unwrap().parse().unwrap();
        let tags: Vec<_> = (last + 1..=last + 1_000)
            .map(|tag| tag.to_string())
            .collect();
        let reply = Reply::new(
            200,
            serde_json::json!({"name": "a", "tags": tags}).to_string(),
        );
        let end = last + 1_000;
        if end >= 100_000 {
            return reply;
        }
        let link = format!("</v2/team/shop/tags/list?last={end}&n=1000>; rel=\"next\"");
        reply.header("link", &link)
    });
    let registry = anonymous(&server.host());
    let tags = registry.tags("team/shop").unwrap();
    assert_eq!(tags.map(Result::unwrap).count(), 100_000);
    assert_eq!(server.asked().len(), 100);
    // As they are asked for: whoever wants ten asks for one page.
    let ten = registry.tags("team/shop").unwrap().take(10);
    assert_eq!(ten.count(), 10);
    assert_eq!(server.asked().len(), 101);
}

#[test]
fn pages_without_an_end_are_ended() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let link = format!("</v2/_catalog?last={number}>; rel=\"next\"");
        Reply::new(200, r#"{"repositories":["a"]}"#).header("link", &link)
    });
    let registry = anonymous(&server.host());
    let listing = registry.repositories().unwrap().at_most(50);
    let last = listing.last().unwrap();
    assert!(matches!(last, Err(AskError::Bounds { .. })), "{last:?}");
    assert!(asked.load(Ordering::Relaxed) < 60);
}

#[test]
fn redirects_into_the_cloud_machine_are_refused() {
    for place in [
        "http://169.254.169.254/latest/meta-data/iam/",
        "http://2852039166/latest/",
        "http://[fd00:ec2::254]/latest/",
        "http://0.0.0.0:1/",
    ] {
        let server = Server::start(move |_| Reply::new(307, "").header("location", place));
        let registry = anonymous(&server.host());
        let reference = registry.reference("team/shop", "1").unwrap();
        let error = model::error::chain(&registry.resolve(&reference).unwrap_err());
        assert!(error.contains("never used"), "{place}: {error}");
    }
}

#[test]
fn a_registry_elsewhere_does_not_lead_to_this_machine() {
    // Ours is on loopback, so the judgement itself is asked.
    let account = Account::anonymous(Kind::Distribution, "registry.example");
    let guard = open(account).scan_options().unwrap().fetch.guard.unwrap();
    for address in ["127.0.0.1", "10.0.0.1", "192.168.7.7", "::1"] {
        assert!(guard.judge("x", address.parse().unwrap()).is_err());
    }
    let mut account = Account::anonymous(Kind::Harbor, "10.1.2.3:8443");
    account.trust.allow_private = true;
    let guard = open(account).scan_options().unwrap().fetch.guard.unwrap();
    assert!(guard.judge("x", "10.0.0.1".parse().unwrap()).is_ok());
    assert!(guard.judge("x", "127.0.0.1".parse().unwrap()).is_err());
    // A name that means this machine, at an account that is elsewhere.
    let account = Account::anonymous(Kind::Distribution, "10.255.255.1:9");
    let registry = open(account);
    let reference = registry.reference("team/shop", "1").unwrap();
    let error = model::error::chain(&registry.resolve(&reference).unwrap_err());
    assert!(error.contains("private network"), "{error}");
}

#[test]
fn a_token_is_not_taken_to_another_host() {
    let server = Server::start(|request| {
        if request.target.contains("tags/list") {
            let link = "<http://attacker.example/v2/next>; rel=\"next\"";
            return Reply::new(200, r#"{"tags":["1"]}"#).header("link", link);
        }
        Reply::new(202, "").header("location", "http://attacker.example/upload")
    });
    let mut account = Account::anonymous(Kind::Distribution, server.host());
    account.credential = Credential::Basic {
        username: "me".to_owned(),
        password: model::Secret::new("pw"),
    };
    let registry = open(account);
    let last = registry.tags("team/shop").unwrap().last().unwrap();
    let error = last.unwrap_err().to_string();
    assert!(error.contains("attacker.example"), "{error}");
}

#[test]
fn one_that_wants_to_be_left_alone_says_until_when() {
    for (header, seconds) in [(Some("600"), 600), (None, 60), (Some("99999999"), 86_400)] {
        let server = Server::start(move |_| {
            let reply = Reply::new(429, "");
            match header {
                Some(text) => reply.header("retry-after", text),
                // Without one it is asked again at once, twice.
                None => reply,
            }
        });
        let registry = anonymous(&server.host());
        let reference = registry.reference("team/shop", "1").unwrap();
        let error = registry.resolve(&reference).unwrap_err();
        let at = now().saturating_add(SignedDuration::from_secs(seconds));
        assert_eq!(error.later(), Some(at.unwrap()), "{error}");
        assert!(error.may_pass());
    }
}

#[test]
fn a_short_wait_is_waited_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(move |_| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::new(429, "").header("retry-after", "0");
        }
        Reply::new(200, r#"{"tags":["1"]}"#)
    });
    let tags = anonymous(&server.host());
    assert_eq!(tags.tags("team/shop").unwrap().count(), 1);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_body_that_is_cut_is_no_document() {
    let server = Server::start(|_| {
        Reply::new(200, vec![b'['; 1_000])
            .header("content-length", "1000")
            .cut_after(10)
    });
    let registry = anonymous(&server.host());
    let reference = registry.reference("team/shop", "1").unwrap();
    let error = registry.resolve(&reference).unwrap_err();
    assert!(error.may_pass(), "{error}");
}

#[test]
fn nonsense_is_told_and_names_what_it_is() {
    for body in ["", "7", "null", "{\"tags\":7}", "<html>"] {
        let server = Server::start(move |_| Reply::new(200, body));
        let registry = anonymous(&server.host());
        let first = registry.tags("team/shop").unwrap().next().unwrap();
        let error = first.unwrap_err().to_string();
        assert!(error.contains("its list of tags"), "{error}");
    }
}

#[test]
fn accounts_that_make_no_sense_say_which_field() {
    let with = |change: fn(&mut Account)| {
        let mut account = Account::anonymous(Kind::Distribution, "registry.example:5000");
        change(&mut account);
        account.check().err().map(|error| error.to_string())
    };
    assert_eq!(with(|_| {}), None);
    for (change, field) in [
        (
            (|account: &mut Account| account.address = "https://x.example".to_owned())
                as fn(&mut Account),
            "address",
        ),
        (|account| account.address = "registry".to_owned(), "address"),
        (
            |account| account.address = "x.example/team".to_owned(),
            "address",
        ),
        (|account| account.address = String::new(), "address"),
        (
            |account| account.credential = Credential::Aws { key: None },
            "credential",
        ),
        (
            |account| account.queue = Some("https://x".to_owned()),
            "queue",
        ),
        (|account| account.kind = Kind::Ghcr, "repositories"),
        (
            |account| {
                account.kind = Kind::DockerHub;
                account.repositories = vec!["*".to_owned()];
            },
            "names no owner",
        ),
        (
            |account| {
                account.kind = Kind::Amazon;
                account.credential = Credential::Aws { key: None };
            },
            "123456789012.dkr",
        ),
    ] {
        let error = with(change).unwrap();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn nothing_printed_holds_a_secret() {
    let json = serde_json::json!({
        "kind": "azure", "address": "contoso.azurecr.io",
        "credential": {"type": "service_principal", "tenant": "t", "client_id": "c",
                       "client_secret": "hunter2-hunter2"},
    });
    let account: Account = serde_json::from_value(json).unwrap();
    let registry = open(account);
    assert!(!format!("{registry:?}").contains("hunter2"));
    let wrong = serde_json::json!({
        "kind": "azure", "address": "x.y",
        "credential": {"type": "basic", "username": "u", "password": 4_711_815},
    });
    let error = serde_json::from_value::<Account>(wrong).unwrap_err();
    assert!(!error.to_string().contains("4711815"), "{error}");
}

#[test]
fn what_is_wrong_with_a_registry_is_told_from_what_is_with_one_repository() {
    let is_of_all = |host: &str| {
        let registry = anonymous(host);
        let error = match registry.tags("team/shop") {
            Ok(mut tags) => tags.next().unwrap().unwrap_err(),
            Err(error) => error,
        };
        error.is_of_all()
    };
    for (status, body, expected) in [
        (200, "no list", false),
        (400, "", false),
        (401, "", false),
        (403, "", false),
        (404, "", false),
        (429, "", true),
        (500, "", true),
        (501, "", true),
    ] {
        let server = Server::start(move |_| Reply::new(status, body).header("retry-after", "60"));
        assert_eq!(is_of_all(&server.host()), expected, "{status}");
    }
    // Nobody listens there any more.
    let gone = Server::start(|_| Reply::new(200, "")).host();
    assert!(is_of_all(&gone));
}
