//! `seawall store`, on files and on a real PostgreSQL.

use serde_json::Value;

use crate::harness::Place;

/// Standard output as JSON, of a command that must succeed.
fn json(place: &Place, arguments: &[&str]) -> Value {
    let output = place.command(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_servers_own_record_is_made_checked_and_backed_up() {
    let place = Place::new();
    place.write("data/keep", "");
    let made = place.run(&["store", "migrate"]);
    assert!(
        made.contains("[FOLDER]/data/seawall.db: made, schema "),
        "{made}"
    );
    let again = place.run(&["store", "migrate"]);
    assert!(again.contains("up to date"), "{again}");
    let check = json(&place, &["store", "check", "--format", "json"]);
    assert_eq!(check["problems"], serde_json::json!([]));
    let backup = json(&place, &["store", "backup", "b.db", "--format", "json"]);
    assert_eq!(backup["file"], "b.db");
    assert!(
        place
            .run(&["store", "check", "--store", "b.db"])
            .starts_with("exit: 0")
    );
    let said = place.run(&["store", "backup", "b.db"]);
    assert!(said.starts_with("exit: 3"), "{said}");
    assert!(said.contains("failed to write the backup b.db"), "{said}");
    let vacuum = place.run(&["store", "vacuum"]);
    assert!(vacuum.contains(" before, "), "{vacuum}");
}

#[test]
fn a_store_moves_to_postgresql_and_back() {
    let Some(cluster) = testkit::postgres::shared() else {
        return;
    };
    let url = cluster.create_database().unwrap();
    let place = Place::new();
    place.write("data/keep", "");
    place.run(&["store", "migrate"]);
    let there = json(&place, &["store", "copy", "--to", &url, "--format", "json"]);
    let back = json(
        &place,
        &[
            "store", "copy", "--from", &url, "--to", "back.db", "--format", "json",
        ],
    );
    assert_eq!(there["tables"], back["tables"]);
    assert!(there["tables"].as_array().unwrap().len() > 10);
    // The other way of saying it: where the server's record is.
    let output = place
        .command(&["store", "check"])
        .env("SEAWALL__STORE__URL", &url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("PostgreSQL") && said.contains("nothing is wrong"),
        "{said}"
    );
}

#[test]
fn what_makes_no_sense_says_so_and_shows_no_password() {
    let place = Place::new();
    let said = place.run(&["store", "check", "--store", "mysql://a:hunter2@h/d"]);
    assert!(said.starts_with("exit: 2"), "{said}");
    assert!(said.contains("'mysql:' is not spoken here"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let nobody = "postgres://a:hunter2@127.0.0.1:1/d";
    let said = place.run(&["store", "check", "--store", nobody]);
    assert!(said.starts_with("exit: 3"), "{said}");
    assert!(said.contains("postgres://a@127.0.0.1:1/d"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = place.run(&["store", "check", "--store", "nothing.db"]);
    assert!(said.starts_with("exit: 3"), "{said}");
    assert!(said.contains("nothing.db"), "{said}");
    assert!(!place.path("nothing.db").exists());
}
