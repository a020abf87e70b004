//! Named formats: names and labels of Kubernetes, and those of its
//! schemas. What is said of a bad value is what the API server says.

use base64::Engine as _;

use super::{Function, flat, method, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::Value;

/// A format by its name.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    check: fn(&str) -> Vec<String>,
}

static FORMATS: [Format; 13] = [
    Format {
        name: "dns1123Label",
        check: |text| label(text),
    },
    Format {
        name: "dns1123Subdomain",
        check: |text| subdomain(text),
    },
    Format {
        name: "dns1035Label",
        check: |text| old_label(text),
    },
    Format {
        name: "qualifiedName",
        check: qualified_name,
    },
    Format {
        name: "dns1123LabelPrefix",
        check: |text| label(&prefix(text)),
    },
    Format {
        name: "dns1123SubdomainPrefix",
        check: |text| subdomain(&prefix(text)),
    },
    Format {
        name: "dns1035LabelPrefix",
        check: |text| old_label(&prefix(text)),
    },
    Format {
        name: "labelValue",
        check: label_value,
    },
    Format {
        name: "uri",
        check: |text| super::net::Uri::parse(text).err().into_iter().collect(),
    },
    Format {
        name: "uuid",
        check: |text| unless(is_uuid(text), "does not match the UUID format"),
    },
    Format {
        name: "byte",
        check: |text| unless(is_base64(text), "invalid base64"),
    },
    Format {
        name: "date",
        check: |text| unless(is_date(text), "invalid date"),
    },
    Format {
        name: "datetime",
        check: |text| {
            unless(
                text.len() > 10 && text.parse::<jiff::Timestamp>().is_ok(),
                "invalid datetime",
            )
        },
    },
];

pub(super) const FUNCTIONS: &[Function] = &[
    plain("format.named", 1, named),
    method("validate", 1, 1, validate),
    flat(plain("format.dns1123Label", 0, |_| at(0))),
    flat(plain("format.dns1123Subdomain", 0, |_| at(1))),
    flat(plain("format.dns1035Label", 0, |_| at(2))),
    flat(plain("format.qualifiedName", 0, |_| at(3))),
    flat(plain("format.dns1123LabelPrefix", 0, |_| at(4))),
    flat(plain("format.dns1123SubdomainPrefix", 0, |_| at(5))),
    flat(plain("format.dns1035LabelPrefix", 0, |_| at(6))),
    flat(plain("format.labelValue", 0, |_| at(7))),
    flat(plain("format.uri", 0, |_| at(8))),
    flat(plain("format.uuid", 0, |_| at(9))),
    flat(plain("format.byte", 0, |_| at(10))),
    flat(plain("format.date", 0, |_| at(11))),
    flat(plain("format.datetime", 0, |_| at(12))),
];

fn at<'a>(index: usize) -> Answer<'a> {
    FORMATS
        .get(index)
        .map(Value::Format)
        .ok_or_else(Fault::no_overload)
}

fn named<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let name = call.text(0)?;
    Ok(FORMATS
        .iter()
        .find(|format| *format.name == **name)
        .map_or(Value::Optional(None), |format| {
            Value::some(Value::Format(format))
        }))
}

fn validate<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let Value::Format(format) = call.arg(0)? else {
        return Err(Fault::no_overload());
    };
    let faults = (format.check)(call.text(1)?);
    Ok(if faults.is_empty() {
        Value::Optional(None)
    } else {
        Value::some(Value::list(faults.into_iter().map(Value::text).collect()))
    })
}

fn unless(holds: bool, message: &str) -> Vec<String> {
    if holds {
        Vec::new()
    } else {
        vec![message.to_owned()]
    }
}

/// A prefix may end in a dash: as if something followed it.
fn prefix(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => text.to_owned(),
    }
}

fn lower(found: char) -> bool {
    found.is_ascii_lowercase() || found.is_ascii_digit()
}

/// Whether the text has characters of `inner` only, and one of `outer` at
/// both ends.
fn framed(text: &str, outer: fn(char) -> bool, inner: fn(char) -> bool) -> bool {
    text.starts_with(outer) && text.ends_with(outer) && text.chars().all(inner)
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

fn too_long(text: &str, most: usize) -> Vec<String> {
    unless(
        text.len() <= most,
        &format!("must be no more than {most} characters"),
    )
}

fn label(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    if !framed(text, lower, |found| lower(found) || found == '-') {
        faults.push(format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
             and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
             regex used for validation is '{LABEL}')"
        ));
    }
    faults
}

fn subdomain(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 253);
    let holds = text
        .split('.')
        .all(|part| framed(part, lower, |found| lower(found) || found == '-'));
    if !holds {
        faults.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    faults
}

fn old_label(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    let holds = text.starts_with(|first: char| first.is_ascii_lowercase())
        && framed(text, lower, |found| lower(found) || found == '-');
    if !holds {
        faults.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character (e.g. \
             'my-name',  or 'abc-123', regex used for validation is \
             '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    faults
}

fn word(text: &str) -> bool {
    framed(
        text,
        |found| found.is_ascii_alphanumeric(),
        |found| found.is_ascii_alphanumeric() || "-_.".contains(found),
    )
}

const WORD: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

fn qualified_name(text: &str) -> Vec<String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let mut faults = Vec::new();
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => faults.extend(
            subdomain(prefix)
                .into_iter()
                .map(|fault| format!("prefix part {fault}")),
        ),
        None => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 characters".to_owned());
    }
    if !word(name) {
        faults.push(format!(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
             and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
             regex used for validation is '{WORD}')"
        ));
    }
    faults
}

fn label_value(text: &str) -> Vec<String> {
    let mut faults = too_long(text, 63);
    if !text.is_empty() && !word(text) {
        faults.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  \
             or 'my_value',  or '12345', regex used for validation is '({WORD})?')"
        ));
    }
    faults
}

fn is_uuid(text: &str) -> bool {
    let bare: Vec<char> = text.chars().filter(|found| *found != '-').collect();
    let dashes = text.chars().filter(|found| *found == '-').count();
    bare.len() == 32 && matches!(dashes, 0 | 4) && bare.iter().all(char::is_ascii_hexdigit)
}

fn is_base64(text: &str) -> bool {
    !text.is_empty()
        && base64::engine::general_purpose::STANDARD
            .decode(text.as_bytes())
            .is_ok()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}
