//! OpenVEX 0.2.0.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Justification, Publisher, Statement, Status, id_of, newest};

pub(super) fn document(publisher: &Publisher, statements: &[Statement], now: Timestamp) -> Value {
    let said: Vec<Value> = statements.iter().map(statement).collect();
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": format!("urn:seawall:vex:{}", id_of(&said)),
        "author": publisher.name,
        "timestamp": newest(statements, now).to_string(),
        "version": 1,
        "tooling": publisher.tool,
        "statements": said,
    })
}

fn statement(statement: &Statement) -> Value {
    let products: Vec<Value> = statement
        .products
        .iter()
        .map(|product| {
            let parts = product.packages.iter();
            let parts: Vec<Value> = parts.map(|purl| json!({ "@id": purl })).collect();
            json!({ "@id": product.purl, "subcomponents": parts })
        })
        .collect();
    let mut said = json!({
        "vulnerability": { "name": statement.vulnerability },
        "timestamp": statement.time.to_string(),
        "products": products,
        "status_notes": statement.origin(),
    });
    match statement.status() {
        Status::NotAffected => {
            said["status"] = "not_affected".into();
            if let Some(justification) = statement.justification() {
                said["justification"] = match justification {
                    Justification::Mitigated => "inline_mitigations_already_exist",
                    Justification::NotExecuted => "vulnerable_code_not_in_execute_path",
                }
                .into();
            }
            said["impact_statement"] = statement.words().into();
        }
        Status::Affected => {
            said["status"] = "affected".into();
            said["action_statement"] = statement.words().into();
        }
    }
    said
}
