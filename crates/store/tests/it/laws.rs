//! What holds whatever is done with findings.

use model::{FindingKind, Severity};
use store::{FindingAction, NewFinding, PageRequest, Sight};

use crate::{
    life::{act, author, dismissal, exemption, list, put, seen},
    sample::{TestStore, image, on_each_database, time},
};

/// Numbers that look like chance and come again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides).unwrap()
    }
}

async fn whatever_is_done_the_roll_ups_say_what_the_findings_say(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let mut dice = Dice(0x5EA_3A11);
    let mut exemptions = Vec::new();
    let mut actions = Vec::new();
    for minute in 0..80 {
        let severities = [Severity::Low, Severity::High, Severity::Critical];
        let some = |dice: &mut Dice| -> Vec<NewFinding> {
            let rules = ["shell", "drift", "miner"];
            let containers = ["web", "db"];
            (0..dice.roll(5))
                .map(|_| {
                    let rule = rules[dice.roll(3)];
                    let container = containers[dice.roll(2)];
                    seen(rule, container, severities[dice.roll(3)])
                })
                .collect()
        };
        let scopes = [
            "rule:shell",
            "container:db",
            "severity:>=high",
            "kind:alert",
        ];
        match dice.roll(9) {
            0 | 1 => {
                let findings = some(&mut dice);
                put(store, minute, Sight::Partial, findings).await;
            }
            2 => {
                let findings = some(&mut dice);
                let whole = Sight::Whole {
                    kind: FindingKind::Alert,
                    rules: Vec::new(),
                    assets: ["web", "db"]
                        .map(|container| seen("shell", container, Severity::Low).asset)
                        .into(),
                };
                put(store, minute, whole, findings).await;
            }
            3 => {
                let all = [
                    ("CVE-2014-0160", "openssl", Severity::High),
                    ("CVE-2014-6271", "bash", Severity::Critical),
                    ("CVE-2021-44228", "log4j", Severity::Critical),
                ];
                let from = dice.roll(4);
                let image = image("web:1", "a", minute, &all[from.min(3)..]);
                store.put_report("local", image).await.unwrap();
            }
            4 => actions.push(act(store, minute, "rule:shell,CVE-2014-0160", dismissal()).await),
            5 => {
                let reopen = FindingAction::Reopen { note: None };
                actions.push(act(store, minute, "state:dismissed severity:>=high", reopen).await);
            }
            6 => {
                let scope = scopes[dice.roll(4)];
                let expires = (dice.roll(2) == 0).then(|| time(minute + 5));
                let made = store
                    .exempt(author(minute), exemption(scope, expires))
                    .await;
                exemptions.push(made.unwrap().0.id);
            }
            7 => {
                store.expire_exemptions(time(minute)).await.unwrap();
                if let Some(id) = exemptions.pop() {
                    store.revoke_exemption(author(minute), &id).await.unwrap();
                }
            }
            _ => {
                if let Some(action) = actions.pop() {
                    let undone = store.undo(author(minute), &scope, &action.id).await;
                    assert!(undone.unwrap().is_some());
                }
            }
        }
        assert_eq!(store.check_roll_ups().await.unwrap(), [], "after {minute}");
    }
    let filter = store::ImageFilter::default();
    let sort = store::ImageSort::Name;
    let images = store
        .images(&scope, &filter, sort, &PageRequest::first(5))
        .await;
    for image in images.unwrap().items {
        store
            .delete_image(&scope, &image.key.id, time(100))
            .await
            .unwrap();
    }
    assert_eq!(store.check_roll_ups().await.unwrap(), []);
}

async fn a_rare_and_a_common_word_find_the_same_by_other_ways(test: &TestStore) {
    let store = &test.store;
    let findings: Vec<NewFinding> = (0..40)
        .map(|number| seen("shell", &format!("web-{number}"), Severity::High))
        .collect();
    put(store, 0, Sight::Partial, findings).await;
    let packages = [
        ("CVE-2014-0160", "openssl", Severity::High),
        ("CVE-2014-6271", "bash", Severity::Critical),
    ];
    store
        .put_report("local", image("shop/web:1", "a", 0, &packages))
        .await
        .unwrap();
    for (query, count) in [
        ("web-39", 1),
        ("OPENSSL", 1),
        ("web", 42),
        ("\"nothing of the sort\"", 0),
        ("web severity:critical", 1),
        ("started kind:alert -container:web-1", 39),
        ("CVE-2014 bash", 1),
    ] {
        assert_eq!(list(store, query).await.len(), count, "{query}");
    }
}

on_each_database!(
    a_rare_and_a_common_word_find_the_same_by_other_ways,
    whatever_is_done_the_roll_ups_say_what_the_findings_say,
);
