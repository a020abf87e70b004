//! Help, version, completions and manual pages.

use std::process::Stdio;

use crate::harness::Place;

#[test]
fn without_a_command_help_goes_to_standard_error() {
    let said = Place::new().run(&[]);
    assert!(
        said.starts_with("exit: 2\n----- stdout -----\n----- stderr -----\n"),
        "{said}"
    );
    assert!(said.contains("Usage: seawall"), "{said}");
}

#[test]
fn asked_for_help_goes_to_standard_output() {
    let said = Place::new().run(&["scan", "--help"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.ends_with("----- stderr -----"), "{said}");
    assert!(said.contains("Examples:"), "{said}");
}

#[test]
fn a_mistyped_command_is_met_with_the_right_one() {
    insta::assert_snapshot!(Place::new().run(&["scam"]));
}

#[test]
fn the_version_says_which_database_is_in_use() {
    insta::assert_snapshot!(Place::with_advisories().run(&["version"]));
}

#[test]
fn every_shell_gets_a_completion_script() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = place.run(&["completion", shell]);
        assert!(said.starts_with("exit: 0\n"), "{said}");
        assert!(said.contains("fail-on"), "{shell}");
    }
}

#[test]
fn every_command_gets_a_manual_page() {
    let place = Place::new();
    let said = place.run(&["man", "--out", "man1"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    for page in [
        "seawall.1",
        "seawall-scan.1",
        "seawall-db.1",
        "seawall-db-import.1",
    ] {
        let text = String::from_utf8(place.read(&format!("man1/{page}"))).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    assert!(place.run(&["man"]).contains(".TH seawall 1"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    let mut child = place
        .command(&["completion", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn colour_is_what_the_user_asked_for() {
    let place = Place::with_advisories();
    testkit::Image::example().write_docker_archive(&place.path("shop.tar"));
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = place
            .command(arguments)
            .args(["scan", "shop.tar", "--width", "100"])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
}
