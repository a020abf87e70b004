//! The reference page of the query grammar against its catalogue.

use std::fmt::Write as _;

use model::query::{Field, FieldKind};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/query.md");
const BEGIN: &str = "cargo test -p model -->\n";
const END: &str = "<!-- end of fields -->";

fn table() -> String {
    let mut text =
        String::from("| field | also | means | values | example | |\n|---|---|---|---|---|---|\n");
    for known in Field::catalogue() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let values = match (known.kind, known.values) {
            (FieldKind::Number, _) => "number".to_owned(),
            (FieldKind::Time, _) => "time".to_owned(),
            (FieldKind::Text, []) => "text".to_owned(),
            (FieldKind::Text, values) => format!("text: {}, …", names(values)),
            (_, values) => names(values),
        };
        writeln!(
            text,
            "| `{}` | {} | {} | {values} | `{}` | {} |",
            known.name,
            names(known.aliases),
            known.doc.replace('|', "\\|"),
            known.example,
            if known.identity { "scope" } else { "" },
        )
        .unwrap();
    }
    text
}

#[test]
fn the_reference_page_lists_the_catalogue() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
        return;
    }
    assert_eq!(
        page, wanted,
        "docs/reference/query.md is stale: run with SEAWALL_UPDATE_GOLDEN=1"
    );
}
