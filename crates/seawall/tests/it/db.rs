//! `seawall db`

use crate::harness::Place;

#[test]
fn without_a_database_its_status_says_what_scans_do() {
    let said = Place::new().run(&["db", "status"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(
        said.contains("There is no advisory database in [FOLDER]/data/advisories."),
        "{said}"
    );
    assert!(said.contains("results are incomplete"), "{said}");
}

#[test]
fn an_import_can_be_looked_into() {
    let place = Place::with_advisories();
    insta::assert_snapshot!(place.run(&["db", "status"]));
    insta::assert_snapshot!(place.run(&["db", "search", "ghsa-0000-test-0003"]));
    insta::assert_snapshot!(place.run(&["db", "search", "CVE-2024-9000"]));
    insta::assert_snapshot!(place.run(&["db", "search", "CVE-1999-1"]));
}

#[test]
fn a_bundle_carries_advisories_to_another_machine() {
    let from = Place::with_advisories();
    let to = Place::new();
    let bundle = from.path("out.bundle").display().to_string();
    let said = from.run(&["db", "export", "--output", "out.bundle"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("4 records"), "{said}");
    let said = to.run(&["db", "import", &bundle]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert_eq!(
        to.run(&["db", "search", "CVE-2024-90001"]),
        from.run(&["db", "search", "CVE-2024-90001"])
    );
}

#[test]
fn a_demanded_signature_is_checked() {
    let from = Place::with_advisories();
    from.write("feed.key", KEY);
    from.write("feed.pub", PUBLIC_KEY);
    let run = |arguments: &[&str]| from.run(arguments);
    run(&[
        "db",
        "export",
        "-o",
        "signed.bundle",
        "--signing-key",
        "feed.key",
    ]);
    run(&["db", "export", "-o", "plain.bundle"]);
    let to = Place::new();
    let at = |name: &str| from.path(name).display().to_string();
    let import =
        |bundle: &str, key: &str| to.run(&["db", "import", &at(bundle), "--trusted-key", &at(key)]);
    let said = import("plain.bundle", "feed.pub");
    assert!(
        said.starts_with("exit: 3\n") && said.contains("not signed"),
        "{said}"
    );
    let said = import("signed.bundle", "feed.key");
    assert!(
        said.starts_with("exit: 2\n") && said.contains("no ed25519 public key"),
        "{said}"
    );
    let said = import("signed.bundle", "feed.pub");
    assert!(said.starts_with("exit: 0\n"), "{said}");
}

#[test]
fn an_update_from_a_folder_takes_what_is_there() {
    let from = Place::with_advisories();
    let mirror = format!("file://{}/nothing", from.path("").display());
    let said = from.run(&["db", "update", "--mirror", &mirror, "--no-epss", "--no-kev"]);
    assert!(said.starts_with("exit: 3\n"), "{said}");
    assert!(said.contains("nothing"), "{said}");
    let said = from.run(&["db", "update", "--mirror", "ftp://example.org/"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
}

#[test]
fn a_folder_without_advisories_is_refused() {
    let place = Place::new();
    place.write("empty/readme.txt", "nothing here");
    insta::assert_snapshot!(place.run(&["db", "import", "empty"]));
}

/// Made for this test.
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIDfSW3aH5+VbT9jKzFNSNR94opNwV8SefZ7zH6hnRxhd
-----END PRIVATE KEY-----
";
const PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAXxCZwN4+3mZSrkvtv+j73lNrJVNp+iS81tQsQ7oyd2o=
-----END PUBLIC KEY-----
";
