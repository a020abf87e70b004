//! The reference page is made from the descriptions.

use std::{fmt::Write as _, path::Path};

use export::{Kind, describe::Field};

const HEAD: &str = "# Sinks

What each kind of sink is told in `settings`. The same is at `/api/v1/sinks/kinds`, from
which the dashboard makes its forms. **Secret** settings are sealed and never shown again.
[Tell other systems](../guides/notifications.md) says how sinks are used.
";

const TAIL: &str = "
## Formats

* **json**: the notice itself: `id`, `type`, `timestamp`, `environment`, `link`, and one of
  `finding`, `recommendation` or `digest`. Fields are added, never renamed.
* **ocsf**: OCSF 1.5: Vulnerability Finding (2002), Compliance Finding (2003) for
  misconfigurations and recommendations, Detection Finding (2004) for the rest; activity
  1 created, 2 updated, 3 closed; `finding_info.uid` is the finding.
* **cef**: Common Event Format 0; `externalId` is the finding, `cs1` the rule, `cs2` the image,
  `cs3` the package, `cs4` the workload, `cs5` the environment, `cs6` ATT&CK techniques.
* **leef**: Log Event Extended Format 2.0, separated by tabs.
* **csv**: one line for each notice, the columns named in the first.

Syslog messages are RFC 5424 framed by octet count; their structured data is
`[seawall@32473 id subject severity environment kind rule image]` (32473 is the number
RFC 5612 keeps for examples; Seawall has none of its own). Objects in object storage are
`PREFIX/kind=KIND/date=DAY/BATCH.ndjson.gz`.
";

fn row(field: &Field) -> String {
    let mut what = match field.input.as_str() {
        "choice" => format!("one of {}", field.choices.join(", ")),
        other => other.to_owned(),
    };
    if field.secret {
        what.push_str(", **secret**");
    }
    let default = match (field.required, field.default) {
        (true, _) => "required".to_owned(),
        (false, "") => String::new(),
        (false, value) => format!("`{}`", value.trim_matches('"')),
    };
    format!(
        "| `{}` | {what} | {default} | {} |\n",
        field.name, field.help
    )
}

#[test]
fn the_reference_lists_every_setting() {
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        let description = kind.describe();
        write!(
            page,
            "\n## {}: `{kind}`\n\n{}\n\n| setting | what | default | |\n|---|---|---|---|\n",
            description.title, description.about
        )
        .unwrap();
        for field in description.fields {
            page.push_str(&row(field));
        }
    }
    page.push_str(TAIL);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/sinks.md");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "docs/reference/sinks.md is stale: run with SEAWALL_UPDATE_GOLDEN=1"
    );
}
