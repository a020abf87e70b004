//! docs/reference/cli.md, made from the command line itself.

use std::{fmt::Write as _, path::Path};

use clap::CommandFactory as _;

use crate::args::Cli;

const HEAD: &str = "\
# The command line

Made from the program's own help by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p seawall`; a
test fails while it differs.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut root = Cli::command().term_width(100);
    root.build();
    add(&mut page, &root, &[]);
    page
}

fn add(page: &mut String, command: &clap::Command, parents: &[&str]) {
    let mut path = parents.to_vec();
    path.push(command.get_name());
    let help = command.clone().term_width(100).render_long_help();
    let help: Vec<String> = help
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    write!(
        page,
        "\n## `{}`\n\n```text\n{}\n```\n",
        path.join(" "),
        help.join("\n").trim_end()
    )
    .expect("invariant: writing to a string cannot fail");
    for child in command.get_subcommands() {
        add(page, child, &path);
    }
}

#[test]
fn the_reference_page_says_what_the_program_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let page = page();
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/cli.md is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p seawall"
    );
}
