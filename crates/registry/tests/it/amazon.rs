//! ECR, `EventBridge`'s events and SQS, played by moto.

use std::time::Duration;

use fetch::{Client, Settings, Url};
use model::{Digest, Secret};
use registry::{Account, AwsKey, Credential, Kind, What};
use serde_json::{Value, json};
use testkit::{
    Image,
    receiver::Receiver,
    web::{Reply, Server},
};

use crate::open;

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ECR: &str = "AmazonEC2ContainerRegistry_V20150921";

/// Asks moto, which believes anybody.
fn ask(endpoint: &str, service: &str, target: &str, body: &Value) -> Value {
    let url: Url = endpoint.parse().unwrap();
    let client = Client::new(&Settings::default()).unwrap();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let content = if service == "sqs" {
        "application/x-amz-json-1.0"
    } else {
        "application/x-amz-json-1.1"
    };
    let response = client
        .post(&url)
        .header("X-Amz-Target", target)
        .header("Content-Type", content)
        .header("Authorization", authorization)
        .body(body.to_string())
        .send()
        .unwrap();
    let status = response.status;
    let text = response.text(1 << 20).unwrap();
    assert_eq!(status, 200, "{target}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn account(endpoint: &str) -> Account {
    let mut account = Account::anonymous(Kind::Amazon, REGISTRY);
    account.endpoint = Some(endpoint.to_owned());
    account.credential = Credential::Aws {
        key: Some(AwsKey {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: Secret::new("secret"),
            session_token: None,
        }),
    };
    account
}

#[test]
fn what_an_account_holds_is_listed_over_pages() {
    let Some(moto) = Receiver::aws() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}/", moto.port);
    let manifest = String::from_utf8(Image::example().blobs().manifest).unwrap();
    for repository in ["team/shop", "base"] {
        let body = json!({"repositoryName": repository});
        ask(&endpoint, "ecr", &format!("{ECR}.CreateRepository"), &body);
    }
    for tag in ["1.0", "1.1"] {
        let body =
            json!({"repositoryName": "team/shop", "imageTag": tag, "imageManifest": manifest});
        ask(&endpoint, "ecr", &format!("{ECR}.PutImage"), &body);
    }
    let registry = open(account(&endpoint));
    let mut found: Vec<_> = registry
        .repositories()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    found.sort();
    assert_eq!(found, ["base", "team/shop"]);
    let mut tags: Vec<_> = registry
        .tags("team/shop")
        .unwrap()
        .map(Result::unwrap)
        .collect();
    tags.sort();
    assert_eq!(tags, ["1.0", "1.1"]);
    let error = registry.tags("none").unwrap().next().unwrap().unwrap_err();
    assert!(error.is_not_found(), "{error}");
    // The registry's password, for whoever scans.
    let credentials = registry.scan_options().unwrap().credentials.unwrap();
    assert_eq!(credentials.username, "AWS");
    assert!(!credentials.password.is_empty());
}

#[test]
fn events_are_received_and_forgotten_once_acknowledged() {
    let Some(moto) = Receiver::aws() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}/", moto.port);
    let body = json!({"QueueName": "ecr-events", "Attributes": {"VisibilityTimeout": "0"}});
    let made = ask(&endpoint, "sqs", "AmazonSQS.CreateQueue", &body);
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let digest = Digest::of(b"x").to_string();
    let event = |number: usize| {
        json!({
            "version": "0", "id": format!("event-{number}"), "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": "123456789012", "time": "2026-11-20T10:00:00Z",
            "region": "eu-west-1", "resources": [],
            "detail": {"result": "SUCCESS", "repository-name": "team/shop",
                       "image-digest": digest, "action-type": "PUSH", "image-tag": "1.0"},
        })
        .to_string()
    };
    for number in 0..12 {
        let body = json!({"QueueUrl": url, "MessageBody": event(number)});
        ask(&endpoint, "sqs", "AmazonSQS.SendMessage", &body);
    }
    let body = json!({"QueueUrl": url, "MessageBody": "nonsense"});
    ask(&endpoint, "sqs", "AmazonSQS.SendMessage", &body);

    let mut account = account(&endpoint);
    // moto names the queue by its own address.
    let path = url.splitn(4, '/').nth(3).unwrap();
    account.queue = Some(format!("{endpoint}{path}"));
    let registry = open(account);
    let queue = registry.events().unwrap().unwrap();
    let first = queue.receive(Duration::ZERO).unwrap();
    assert!(!first.is_empty());
    // Nobody acknowledged: they come again.
    let again = queue.receive(Duration::ZERO).unwrap();
    assert!(!again.is_empty());
    let mut ids = std::collections::BTreeSet::new();
    let mut nonsense = 0;
    for _ in 0..20 {
        let messages = queue.receive(Duration::ZERO).unwrap();
        if messages.is_empty() {
            break;
        }
        let receipts: Vec<_> = messages
            .iter()
            .map(|message| message.receipt.clone())
            .collect();
        for message in messages {
            match message.told {
                Ok(events) => {
                    for event in events {
                        assert_eq!(event.what, What::Push);
                        assert_eq!(event.repository, "team/shop");
                        ids.insert(event.id);
                    }
                }
                Err(_) => nonsense += 1,
            }
        }
        queue.acknowledge(&receipts).unwrap();
    }
    assert_eq!(ids.len(), 12);
    assert!(nonsense >= 1);
    assert!(queue.receive(Duration::ZERO).unwrap().is_empty());
}

#[test]
fn what_amazon_refuses_is_told_in_its_words() {
    let refusing = Server::start(|_| {
        Reply::new(
            400,
            r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
        )
    });
    let registry = open(account(&format!("http://{}/", refusing.host())));
    let error = registry.check().unwrap_err().to_string();
    assert!(error.contains("security token"), "{error}");
    let often = Server::start(|_| Reply::new(400, r#"{"__type":"ThrottlingException"}"#));
    let registry = open(account(&format!("http://{}/", often.host())));
    assert!(registry.check().unwrap_err().later().is_some());
    // Its signature covers what is asked.
    let asked = often.asked();
    let signature = &asked[0].headers["authorization"];
    assert!(
        signature.contains("eu-west-1/ecr/aws4_request"),
        "{signature}"
    );
    assert!(signature.contains("x-amz-target"), "{signature}");
}
