//! The query grammar over HTTP.

use serde_json::json;

use crate::test_server::start;

#[tokio::test]
async fn fields_are_told_with_their_words_and_what_occurs() {
    let server = start().await;
    let person = server.signed_in().await;
    let fields = person.get("/api/v1/query/fields").await.json();
    let field = |name: &str| {
        let fields = fields["fields"].as_array().unwrap();
        fields
            .iter()
            .find(|field| field["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(field("severity")["kind"], "rank");
    assert_eq!(field("severity")["values"][0], "critical");
    assert_eq!(field("namespace")["aliases"], json!(["ns"]));
    assert_eq!(field("namespace")["identity"], true);
    assert_eq!(field("is")["identity"], false);
    assert_eq!(field("environment")["values"], json!(["local"]));
}

#[tokio::test]
async fn a_query_is_checked_and_said_plainly() {
    let server = start().await;
    let person = server.signed_in().await;
    let check = async |q: &str| {
        let answer = person.get(&format!("/api/v1/query/check?q={q}")).await;
        answer.json()
    };
    assert_eq!(
        check("sev:%3E%3Dhigh%20AND%20ns:shop").await,
        json!({ "canonical": "severity:>=high namespace:shop", "errors": [] })
    );
    assert_eq!(
        check("%C3%A9%20sevrity:high").await["errors"],
        json!([{
            "message": "no field 'sevrity'",
            "start": 2,
            "end": 9,
            "suggestion": "severity",
        }])
    );
    let anonymous = server.anonymous().get("/api/v1/query/check?q=a").await;
    assert_eq!(anonymous.status, 401);
}

#[tokio::test]
async fn findings_are_listed_by_a_query() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let answer = person.post("/api/v1/demo", json!({})).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    person.wait_for_scans().await;
    // Every one of the six images and of their six containers.
    crate::posture::judged(&person, "demo", 6).await;
    let total = async |parameters: &str| {
        let path = format!("/api/v1/findings?environment=demo&{parameters}");
        let answer = person.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()["total"].as_u64().unwrap()
    };
    let all = total("limit=1").await;
    assert!(all > 10, "{all}");
    assert_eq!(total("q=severity:*").await, all);
    assert_eq!(total("q=kind:secret").await, 0);
    let critical = total("severity=critical").await;
    assert!(critical > 0 && critical < all);
    assert_eq!(total("q=severity:critical").await, critical);
    assert_eq!(total("q=-severity:critical").await, all - critical);
    assert_eq!(
        total("q=severity:critical%20OR%20severity:%3Ccritical").await,
        all
    );
    let fixable = total("fixable=true").await;
    assert_eq!(total("q=is:fixable").await, fixable);
    assert_eq!(total("q=is:fixable%20-has:fix").await, 0);
    let found = total("q=cve").await;
    assert!(found > 0 && found <= all);
    for hostile in [
        "%27;DROP%20TABLE%20finding;--",
        "%25",
        "_",
        "%22%25%22",
        "%5C",
    ] {
        assert!(total(&format!("q={hostile}")).await < all, "{hostile}");
    }
    assert_eq!(total("limit=1").await, all);

    let answer = person.get("/api/v1/findings?q=sevrity:high").await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!(problem["code"], "invalid_query");
    assert_eq!(
        problem["errors"],
        json!([{
            "pointer": "q",
            "detail": "no field 'sevrity'",
            "start": 0,
            "end": 7,
            "suggestion": "severity",
        }])
    );
}
