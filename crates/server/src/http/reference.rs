//! docs/reference/permissions.md, made from the routes and the roles.

use std::{fmt::Write as _, path::Path};

use model::{Permission, Role};
use serde_json::Value;

const HEAD: &str = "\
# Permissions

Made from the routes by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p server`; a test fails while
it differs. [People](../guides/people.md) explains roles, environments and tokens.

A permission holds in the environments its role was given for, and answers concern those
alone. *Everywhere* means: only with a role for all environments (`*`), because the operation
knows no environment. `GET /metrics` needs `metrics` everywhere. Whoever lacks a permission is
answered 403 and told which role has it; what lies in an environment out of reach is
answered 404.

## Roles

| permission | security admin | security reader | platform admin | what for |
|---|---|---|---|---|
";

fn what_for(permission: Permission) -> &'static str {
    match permission {
        Permission::View => "see findings, images, recommendations and what else is recorded",
        Permission::Triage => "assign, comment, set the status of and dismiss findings",
        Permission::Exempt => "accept findings by an exemption",
        Permission::Scan => "start and stop scans; forget an image",
        Permission::Configure => "notifications, advisories, policies and settings",
        Permission::Administer => {
            "users, other people's tokens, environments, connectors, audit trail"
        }
        Permission::Ingest => "hand in what sensors, connectors and pipelines saw",
        Permission::IngestAudit => "hand in events of API servers' audit logs, and nothing else",
        Permission::Metrics => "read the server's own numbers",
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for permission in Permission::ALL {
        write!(page, "| `{}` |", permission.as_str()).unwrap();
        for role in Role::ALL {
            let has = role.permissions().contains(permission);
            write!(page, " {} |", if has { "yes" } else { "" }).unwrap();
        }
        writeln!(page, " {} |", what_for(permission)).unwrap();
    }
    page.push_str("\n## Operations\n\n| operation | needs | |\n|---|---|---|\n");
    let contract: Value = serde_json::from_str(&super::openapi()).unwrap();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            writeln!(
                page,
                "| `{} {path}` | {} | {} |",
                method.to_uppercase(),
                match operation["x-needs"].as_str().unwrap_or("nothing said") {
                    "nothing" => "–".to_owned(),
                    "signed_in" => "to be signed in".to_owned(),
                    needs => match needs.split_once(' ') {
                        Some((permission, _)) => format!("`{permission}` everywhere"),
                        None => format!("`{needs}`"),
                    },
                },
                summary.replace('\n', " ").replace('|', "\\|")
            )
            .unwrap();
        }
    }
    page
}

#[test]
fn the_reference_page_says_what_the_routes_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/permissions.md");
    let page = page();
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "docs/reference/permissions.md is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p server"
    );
}
