//! Objects judged by several threads at once, for as long as there is
//! time.

use std::{thread, time::Instant};

use api::posture::ObjectKey;
use policy::review::{Moment, Operation, Origin, Review};

use super::{
    contents::has_contents,
    core::{Core, PART},
    lanes::Due,
    verdict::{Verdict, asked, wire},
};

impl Core {
    /// A verdict for each of `batch`; none where it is `until` already. Of
    /// those one thread has, it judges the first in any case.
    pub(super) fn judge_batch(
        &self,
        batch: &[Due],
        threads: usize,
        until: Instant,
    ) -> Vec<Option<Verdict>> {
        if threads == 1 || batch.len() <= PART {
            return self.judge_part(batch, until);
        }
        let part = batch.len().div_ceil(threads);
        thread::scope(|scope| {
            let parts: Vec<_> = batch
                .chunks(part)
                .map(|part| scope.spawn(move || self.judge_part(part, until)))
                .collect();
            let joined = parts.into_iter().zip(batch.chunks(part));
            joined
                .flat_map(|(thread, part)| {
                    thread
                        .join()
                        .unwrap_or_else(|_panic| part.iter().map(|_| Some(Verdict::None)).collect())
                })
                .collect()
        })
    }

    /// One that takes long, because somebody is asked, does not take those
    /// behind it along: who holds the core is waited for.
    fn judge_part(&self, part: &[Due], until: Instant) -> Vec<Option<Verdict>> {
        let mut verdicts = Vec::with_capacity(part.len());
        for due in part {
            let has_time = verdicts.is_empty() || Instant::now() < until;
            verdicts.push(has_time.then(|| self.judge_one(&due.key)));
        }
        verdicts
    }

    fn judge_one(&self, key: &ObjectKey) -> Verdict {
        let Some(object) = self.mirror.get(key) else {
            return Verdict::None;
        };
        let kind = self.kind(key);
        if self.mirror.top(key).is_some() || !self.policies.wants(&kind) {
            return Verdict::None;
        }
        let mut value = object.value();
        if self.reads_contents && has_contents(&key.group, &key.kind) {
            let Some(contents) = self.contents.get(key) else {
                return Verdict::Stays;
            };
            contents.put_into(&mut value);
        }
        let review = Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind,
            object: Some(&value),
            old_object: None,
            name: &key.name,
            namespace: &key.namespace,
            namespace_object: self.world.namespace(&key.namespace),
            origin: Origin::Original,
            request: None,
        };
        let violations = self.policies.review(&review, &self.world);
        Verdict::Judged {
            policies: asked(&self.policies, &review, &self.world, &violations),
            violations: violations.into_iter().map(wire).collect(),
        }
    }
}
