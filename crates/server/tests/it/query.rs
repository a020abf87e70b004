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
