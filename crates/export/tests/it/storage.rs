//! Object stores: the same batch is the same objects.

use std::io::Read as _;

use export::{Kind, Site, Verdict};
use object_store::{ObjectStoreExt as _, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder};
use serde_json::{Value, json};
use testkit::receiver::{AZURE_ACCOUNT, AZURE_KEY, BUCKET, Receiver, S3_ACCOUNT, S3_KEY};

use crate::sample::{all, deliver, insist, many, open, opened, try_open};

fn unzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Puts an empty container there, which no sink may do.
async fn make(store: &dyn object_store::ObjectStore) {
    let path = object_store::path::Path::from("probe");
    store.put(&path, "x".into()).await.unwrap();
    store.delete(&path).await.unwrap();
}

async fn objects(store: &dyn object_store::ObjectStore) -> Vec<(String, String)> {
    use std::collections::BTreeMap;
    let listing = store.list_with_delimiter(None).await.unwrap();
    let mut found = BTreeMap::new();
    let mut folders = listing.common_prefixes;
    while let Some(folder) = folders.pop() {
        let listing = store.list_with_delimiter(Some(&folder)).await.unwrap();
        folders.extend(listing.common_prefixes);
        for object in listing.objects {
            let bytes = store
                .get(&object.location)
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            found.insert(object.location.to_string(), unzip(&bytes));
        }
    }
    found.into_iter().collect()
}

#[tokio::test]
async fn a_folder_gets_one_file_for_each_kind_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site {
        export_dir: folder.path().to_owned(),
    };
    let Value::Object(settings) = json!({"store": "folder", "bucket": "daily"}) else {
        unreachable!("invariant: an object")
    };
    let sink = export::Sink::open(Kind::ObjectStorage, &settings, &site).unwrap();
    for _ in 0..2 {
        let answer = deliver(&sink, "batch-1", &all()).await;
        assert!(answer.is_delivered(), "{answer:?}");
    }
    let store =
        object_store::local::LocalFileSystem::new_with_prefix(folder.path().join("daily")).unwrap();
    let names: Vec<_> = objects(&store)
        .await
        .into_iter()
        .map(|(name, text)| format!("{name} {}", text.lines().count()))
        .collect();
    assert_eq!(
        names,
        [
            "seawall/kind=alert/date=2026-11-25/batch-1.ndjson.gz 2",
            "seawall/kind=digest/date=2026-11-25/batch-1.ndjson.gz 1",
            "seawall/kind=incident.escalated/date=2026-11-25/batch-1.ndjson.gz 1",
            "seawall/kind=misconfiguration/date=2026-11-25/batch-1.ndjson.gz 1",
            "seawall/kind=recommendation/date=2026-11-25/batch-1.ndjson.gz 1",
            "seawall/kind=vulnerability/date=2026-11-25/batch-1.ndjson.gz 2",
        ]
    );
    for bucket in ["../up", "a/b", "", ".hidden"] {
        let settings = json!({"store": "folder", "bucket": bucket});
        assert!(try_open(Kind::ObjectStorage, settings).is_err(), "{bucket}");
    }
}

#[tokio::test]
async fn a_killed_s3_server_loses_nothing_and_keeps_nothing_twice() {
    let Some(mut server) = Receiver::s3() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let store = AmazonS3Builder::new()
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id(S3_ACCOUNT)
        .with_secret_access_key(S3_KEY)
        .build()
        .unwrap();
    s3_bucket(&server, &store).await;
    let sink = open(
        Kind::ObjectStorage,
        json!({"store": "s3", "bucket": BUCKET, "endpoint": endpoint, "account": S3_ACCOUNT,
            "key": S3_KEY, "allow_private": true}),
    );
    insist(&sink, "batch-1", &many(0, 50)).await;
    insist(&sink, "batch-1", &many(0, 50)).await;
    server.kill();
    let answer = deliver(&sink, "batch-2", &many(50, 50)).await;
    assert!(
        matches!(answer.verdict, Verdict::Retry { .. }),
        "{answer:?}"
    );
    server.start().unwrap();
    insist(&sink, "batch-2", &many(50, 50)).await;
    let found = objects(&store).await;
    let lines: usize = found.iter().map(|(_, text)| text.lines().count()).sum();
    assert_eq!((found.len(), lines), (2, 100));

    let wrong = json!({"store": "s3", "bucket": BUCKET, "endpoint": endpoint,
        "account": S3_ACCOUNT, "key": "wrong", "allow_private": true});
    let answer = deliver(&open(Kind::ObjectStorage, wrong), "b", &[opened()]).await;
    assert_eq!(answer.verdict, Verdict::Rejected, "{answer:?}");
}

/// Makes the bucket: by the first write where the server does that.
async fn s3_bucket(server: &Receiver, store: &dyn object_store::ObjectStore) {
    let mut last = None;
    for _ in 0..100 {
        let path = object_store::path::Path::from("probe");
        match store.put(&path, "x".into()).await {
            Ok(_) => {
                store.delete(&path).await.unwrap();
                return;
            }
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{last:?}: {}", server.log());
}

#[tokio::test]
async fn azure_blob_storage_takes_the_same_objects() {
    let Some(server) = Receiver::azure() else {
        return;
    };
    let endpoint = format!("http://127.0.0.1:{}/{AZURE_ACCOUNT}", server.port);
    let script = format!(
        "import base64,datetime,hashlib,hmac,urllib.request\n\
         date=datetime.datetime.utcnow().strftime('%a, %d %b %Y %H:%M:%S GMT')\n\
         head='x-ms-date:'+date+'\\nx-ms-version:2021-08-06\\n'\n\
         text='PUT\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n'+head+'/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}\\nrestype:container'\n\
         sign=base64.b64encode(hmac.new(base64.b64decode('{AZURE_KEY}'),text.encode(),hashlib.sha256).digest()).decode()\n\
         request=urllib.request.Request('{endpoint}/{BUCKET}?restype=container',method='PUT',\
         headers={{'x-ms-date':date,'x-ms-version':'2021-08-06',\
         'Authorization':'SharedKey {AZURE_ACCOUNT}:'+sign}})\n\
         urllib.request.urlopen(request)\n"
    );
    let made = std::process::Command::new("python3")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let sink = open(
        Kind::ObjectStorage,
        json!({"store": "azure", "bucket": BUCKET, "endpoint": endpoint,
            "account": AZURE_ACCOUNT, "key": AZURE_KEY, "format": "csv", "allow_private": true}),
    );
    insist(&sink, "batch-1", &many(0, 20)).await;
    insist(&sink, "batch-1", &many(0, 20)).await;
    let store = MicrosoftAzureBuilder::new()
        .with_account(AZURE_ACCOUNT)
        .with_access_key(AZURE_KEY)
        .with_container_name(BUCKET)
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .build()
        .unwrap();
    let found = objects(&store).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.lines().count(), 21);
    make(&store).await;
}
