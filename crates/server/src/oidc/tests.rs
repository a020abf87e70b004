//! Who a provider says somebody is.

use serde_json::json;

use super::*;
use crate::config::GroupRole;

fn provider(domains: &[&str]) -> Provider {
    let line = |group: &str, role, environments: &[&str]| GroupRole {
        group: group.to_owned(),
        role,
        environments: environments.iter().map(|name| (*name).to_owned()).collect(),
    };
    let config = OidcConfig {
        issuer: "https://id.example".to_owned(),
        client_id: "seawall".to_owned(),
        allowed_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        roles: vec![
            line("sec", api::Role::SecurityAdmin, &["*"]),
            line("dev", api::Role::SecurityReader, &["shop"]),
        ],
        ..OidcConfig::default()
    };
    Provider::new(&config, "https://seawall.example").unwrap()
}

fn person(provider: &Provider, claims: &Value) -> Result<Person, OidcError> {
    provider.person(claims, String::new())
}

#[test]
fn groups_become_roles_and_no_group_is_no_entry() {
    let provider = provider(&[]);
    let ada = person(
        &provider,
        &json!({ "sub": "1", "groups": ["dev", "sec", "x"] }),
    )
    .unwrap();
    assert_eq!(ada.roles.len(), 2);
    let bob = person(&provider, &json!({ "sub": "2", "groups": "dev, y" })).unwrap();
    assert_eq!(bob.roles.len(), 1);
    for groups in [json!([]), json!(null), json!(["Sec"]), json!({ "sec": 1 })] {
        let refused = person(&provider, &json!({ "sub": "3", "groups": groups }));
        assert!(matches!(refused, Err(OidcError::NoRole(_))));
    }
}

#[test]
fn only_verified_addresses_of_the_domains_get_in() {
    let provider = provider(&["Example.org"]);
    let of = |email: &str, verified: Value| {
        let claims = json!({ "sub": "1", "groups": ["sec"], "email": email,
            "email_verified": verified });
        person(&provider, &claims).is_ok()
    };
    assert!(of("ada@example.org", json!(true)));
    assert!(!of("ada@example.org", json!(false)));
    assert!(!of("ada@example.org", json!("true")));
    assert!(!of("ada@evil.example", json!(true)));
    assert!(!of("ada@example.org.evil.example", json!(true)));
    assert!(!of("example.org", json!(true)));
}

#[test]
fn names_of_others_are_made_plain() {
    assert_eq!(plain_name("Ada Lovelace <x>"), "ada-lovelace--x-");
    assert_eq!(plain_name("owner"), "owner-1");
    assert_eq!(plain_name(""), "somebody");
    assert_eq!(plain_name(&"é".repeat(200)).len(), 64);
}
