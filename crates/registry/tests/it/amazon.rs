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
fn what_an_account_holds_is_listed() {
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
fn lists_go_on_with_the_token_of_the_page_before() {
    let server = Server::start(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let page = match body["nextToken"].as_str() {
            None => 0,
            Some(token) => token.strip_prefix("page-").unwrap().parse().unwrap(),
        };
        let mut answer = if request.headers["x-amz-target"].ends_with("DescribeRepositories") {
            json!({"repositories": [{"repositoryName": format!("team/r{page}")}]})
        } else {
            assert_eq!(body["repositoryName"], "team/shop");
            json!({"imageIds": [{"imageTag": format!("1.{page}")}, {"imageDigest": "untagged"}]})
        };
        if page < 2 {
            answer["nextToken"] = format!("page-{}", page + 1).into();
        }
        Reply::new(200, answer.to_string())
    });
    let registry = open(account(&format!("http://{}/", server.host())));
    let repositories = registry.repositories().unwrap().map(Result::unwrap);
    assert_eq!(
        repositories.collect::<Vec<_>>(),
        ["team/r0", "team/r1", "team/r2"]
    );
    let tags = registry.tags("team/shop").unwrap().map(Result::unwrap);
    assert_eq!(tags.collect::<Vec<_>>(), ["1.0", "1.1", "1.2"]);
    assert_eq!(server.asked().len(), 6);
    // From a page on that an earlier reading ended before.
    let mut rest = registry.tags_from("team/shop", Some("page-1")).unwrap();
    let page = rest.next_page().unwrap().unwrap();
    assert_eq!(page.names, ["1.1"]);
    assert_eq!(page.next.as_deref(), Some("page-2"));
    assert_eq!(rest.next_page().unwrap().unwrap().next, None);
    assert!(rest.next_page().is_none());
}

/// What `EventBridge` makes of an event, and only of those a rule wants.
#[test]
fn events_reach_the_queue_by_a_rule() {
    let Some(moto) = Receiver::aws() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}/", moto.port);
    let events =
        |action: &str, body: &Value| ask(&endpoint, "events", &format!("AWSEvents.{action}"), body);
    let body = json!({"QueueName": "ecr-events"});
    let made = ask(&endpoint, "sqs", "AmazonSQS.CreateQueue", &body);
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let pattern = json!({"source": ["aws.ecr"], "detail-type": ["ECR Image Action"]});
    events(
        "PutRule",
        &json!({"Name": "ecr", "EventPattern": pattern.to_string(), "State": "ENABLED"}),
    );
    let target = "arn:aws:sqs:eu-west-1:123456789012:ecr-events";
    let put = events(
        "PutTargets",
        &json!({"Rule": "ecr", "Targets": [{"Id": "queue", "Arn": target}]}),
    );
    assert_eq!(put["FailedEntryCount"], 0, "{put}");
    let digest = Digest::of(b"x");
    let detail = |result: &str| {
        json!({"result": result, "repository-name": "team/shop", "action-type": "PUSH",
            "image-digest": digest.to_string(), "image-tag": "1.0"})
        .to_string()
    };
    let at = 1_795_169_100;
    let entries = json!([
        {"Source": "aws.ecr", "DetailType": "ECR Image Action", "Time": at,
            "Detail": detail("SUCCESS")},
        {"Source": "aws.ecr", "DetailType": "ECR Image Action", "Time": at,
            "Detail": detail("FAILURE")},
        {"Source": "aws.ecr", "DetailType": "ECR Image Scan", "Time": at,
            "Detail": detail("SUCCESS")},
        {"Source": "aws.s3", "DetailType": "ECR Image Action", "Time": at,
            "Detail": detail("SUCCESS")},
    ]);
    let put = events("PutEvents", &json!({"Entries": entries}));
    let id = put["Entries"][0]["EventId"].as_str().unwrap();

    let mut account = account(&endpoint);
    let path = url.splitn(4, '/').nth(3).unwrap();
    account.queue = Some(format!("{endpoint}{path}"));
    let registry = open(account);
    let queue = registry.events().unwrap().unwrap();
    let mut told = Vec::new();
    let mut messages = 0;
    loop {
        let received = queue.receive(Duration::ZERO).unwrap();
        if received.is_empty() {
            break;
        }
        for message in received {
            messages += 1;
            told.extend(message.told.unwrap());
            queue.acknowledge(&[message.receipt]).unwrap();
        }
    }
    assert_eq!(messages, 2, "the rule wants no other");
    assert_eq!(told.len(), 1, "what failed is nothing to look at");
    assert_eq!((told[0].id.as_str(), told[0].what), (id, What::Push));
    assert_eq!(told[0].repository, "team/shop");
    assert_eq!(told[0].digest, Some(digest));
    assert_eq!(told[0].time.as_second(), at);
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
