//! Reading an image's layers: known ones from the cache, the others side
//! by side.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use model::{Cancel, Digest, Sbom, Warning, error::chain};

use super::{LayerPlan, Plan};
use crate::{
    Options, Progress, ProgressEvent, ScanError,
    cache::Cache,
    extract::{Extractor, PROGRAMS},
    layer::{Job, LayerFacts, Nobody, Outcome, Watch, read_layer},
    limits::Stop,
    malware::{Judge, Judged, MalwareRules},
    squash::{Floor, squash},
    worker,
};

/// Where layers' blobs come from.
pub(crate) trait Blobs: Sync {
    /// Opens a layer's blob for one reading from its start.
    fn open(&self, layer: &LayerPlan) -> Result<Box<dyn Read + Send + '_>, BlobError>;

    /// Whether a blob that is not what its digest says is still worth
    /// reading. On this machine it is, with a warning: it may be what is
    /// run. From a registry it is not: no runtime would accept it.
    fn keeps_unverified(&self) -> bool;
}

pub(crate) type BlobError = Box<dyn std::error::Error + Send + Sync>;

/// A layer's facts and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub facts: LayerFacts,
    pub warnings: Vec<String>,
    /// Nothing of the layer is in the facts.
    pub is_lost: bool,
    /// Nothing was read: it was known.
    pub is_cached: bool,
}

/// What every layer of a scan is read with.
pub(crate) struct Reader<'a> {
    pub extractors: &'a [&'a dyn Extractor],
    pub options: &'a Options,
    pub cache: Option<Cache>,
    pub progress: &'a dyn Progress,
    pub cancel: &'a Cancel,
}

impl Reader<'_> {
    /// Reads all layers and lays them over one another.
    pub(crate) fn read(&self, plan: &Plan, blobs: &dyn Blobs) -> Result<Sbom, ScanError> {
        self.check(plan)?;
        self.progress.report(ProgressEvent::Resolved {
            layers: plan.layers.len(),
            bytes: plan.layers.iter().map(|layer| layer.size).sum(),
        });
        let readings: Vec<Mutex<Option<Reading>>> =
            plan.layers.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(layer), Some(slot)) = (plan.layers.get(index), readings.get(index))
                else {
                    return;
                };
                if self.cancel.is_cancelled() {
                    return;
                }
                let reading = self.layer(index, layer, blobs);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
            }
        };
        let workers = self.options.workers.clamp(1, plan.layers.len().max(1));
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let readings: Vec<Reading> = readings
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .map(Option::unwrap_or_default)
            .collect();
        self.finish(plan, &readings)
    }

    fn check(&self, plan: &Plan) -> Result<(), ScanError> {
        let most = self.options.limits.layers;
        if plan.layers.len() > most {
            return Err(ScanError::TooManyLayers {
                layers: plan.layers.len(),
                most,
            });
        }
        Ok(())
    }

    /// Squashes what was read.
    pub(crate) fn finish(&self, plan: &Plan, readings: &[Reading]) -> Result<Sbom, ScanError> {
        if self.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        let is_lost = readings.iter().all(|reading| reading.is_lost);
        if is_lost && let Some(first) = readings.iter().flat_map(|r| &r.warnings).next() {
            return Err(ScanError::NothingReadable(first.clone()));
        }
        let floors: Vec<Floor<'_>> = readings
            .iter()
            .zip(&plan.layers)
            .map(|(reading, layer)| Floor {
                layer: Some(layer.layer()),
                facts: &reading.facts,
            })
            .collect();
        let skip = self.options.skip();
        let is_skipped = |path: &str| skip.covers(path);
        let mut sbom = squash(&floors, &self.options.limits, &is_skipped);
        let malware = self.options.malware.as_ref();
        sbom.malware = malware.map(|known| known.find(&floors, &is_skipped));
        sbom.image = Some(plan.identity.clone());
        sbom.config = Some(plan.config.facts());
        if let Some(secrets) = &mut sbom.secrets {
            secrets.extend(plan.config.secrets());
            secrets.sort();
        }
        let of_layers = readings
            .iter()
            .zip(&plan.layers)
            .flat_map(|(reading, layer)| {
                let in_layer = |text: &String| Warning::new(text.clone()).in_layer(layer.diff_id);
                reading.warnings.iter().map(in_layer)
            });
        let of_image = plan.notes.iter().map(|text| Warning::new(text.clone()));
        sbom.warnings = of_image.chain(of_layers).chain(sbom.warnings).collect();
        if let Some(cache) = &self.cache
            && readings.iter().any(|reading| !reading.is_cached)
        {
            if let Some(digest) = &plan.identity.config {
                cache.put_document(digest, &plan.config_document);
            }
            cache.sweep();
        }
        Ok(sbom)
    }

    /// One layer, from the cache as far as it is known there.
    fn layer(&self, index: usize, layer: &LayerPlan, blobs: &dyn Blobs) -> Reading {
        let known = self.known(layer);
        let missing = match &known {
            Some(facts) => self.missing(facts),
            None => self.extractors.to_vec(),
        };
        let known = match known {
            Some(facts) if missing.is_empty() => {
                self.progress.report(ProgressEvent::LayerDone {
                    layer: index,
                    cached: true,
                });
                return Reading {
                    facts,
                    is_cached: true,
                    ..Reading::default()
                };
            }
            known => known,
        };
        self.progress.report(ProgressEvent::LayerStarted {
            layer: index,
            diff_id: &layer.diff_id,
            bytes: layer.size,
        });
        let reading = match blobs.open(layer) {
            Ok(blob) => {
                let blob = Advancing {
                    inner: blob,
                    layer: index,
                    progress: self.progress,
                };
                let mut outcome = self.walk(blob, &missing, &HashMap::new());
                self.resolve_links(&mut outcome, layer, blobs, &missing);
                self.judge(outcome, layer, known, blobs.keeps_unverified())
            }
            Err(error) => Reading {
                warnings: vec![format!("could not be read: {}", chain(error.as_ref()))],
                is_lost: true,
                ..Reading::default()
            },
        };
        self.progress.report(ProgressEvent::LayerDone {
            layer: index,
            cached: false,
        });
        reading
    }

    /// What the cache has of a layer. A blob's digest must once have
    /// been verified to unpack to this layer; where blobs have none, the
    /// configuration's word is taken, as whoever runs the image does.
    pub(crate) fn known(&self, layer: &LayerPlan) -> Option<LayerFacts> {
        let cache = self.cache.as_ref()?;
        let digest = layer.digest.as_ref().unwrap_or(&layer.diff_id);
        if *digest != layer.diff_id && cache.diff_id(digest)? != layer.diff_id {
            return None;
        }
        self.known_blob(cache, digest)
    }

    /// As [`Self::known`], of whatever the blob unpacks to.
    pub(crate) fn known_blob(&self, cache: &Cache, digest: &Digest) -> Option<LayerFacts> {
        let mut facts = cache.layer(digest)?;
        if let Some(rules) = self.rules() {
            facts.judged = cache.judged(digest, rules.mark()).map(|bad| Judged {
                bad,
                troubles: Vec::new(),
            });
        }
        Some(facts)
    }

    /// For whom a layer is still to be read: also for those who show its
    /// programs to rules that have not seen them.
    pub(crate) fn missing(&self, known: &LayerFacts) -> Vec<&dyn Extractor> {
        let mut missing = known.missing(self.extractors);
        let is_judged = self.rules().is_none() || known.judged.is_some();
        if !is_judged && !missing.iter().any(|one| one.name() == PROGRAMS) {
            let programs = self.extractors.iter().filter(|one| one.name() == PROGRAMS);
            missing.extend(programs.copied());
        }
        missing
    }

    /// The rules that programs are judged by, if there are any.
    pub(crate) fn rules(&self) -> Option<&MalwareRules> {
        self.options.malware.as_ref()?.rules()
    }

    pub(crate) fn walk(
        &self,
        blob: impl Read,
        extractors: &[&dyn Extractor],
        aliases: &HashMap<u64, Vec<String>>,
    ) -> Outcome {
        // Another reading for hard links shows nothing new, and one without
        // programs nothing at all.
        let shows = aliases.is_empty() && extractors.iter().any(|one| one.name() == PROGRAMS);
        let rules = self.rules().filter(|_| shows);
        let judge = rules.map(|rules| Judge::new(rules, self.cancel));
        let watch = judge.as_ref().map(|judge| judge as &dyn Watch);
        let job = Job {
            extractors,
            limits: &self.options.limits,
            cancel: self.cancel,
            aliases,
            watch: watch.unwrap_or(&Nobody),
            judge: judge.as_ref(),
            is_hashed: false,
        };
        let mut outcome = match &self.options.isolation {
            Some(isolation) => worker::read_layer(isolation, blob, job),
            None => read_layer(blob, job),
        };
        outcome.facts.judged = judge.as_ref().map(Judge::finish);
        outcome
    }

    /// Reads a layer once more for hard links that are wanted under a
    /// name their target is not.
    fn resolve_links(
        &self,
        outcome: &mut Outcome,
        layer: &LayerPlan,
        blobs: &dyn Blobs,
        extractors: &[&dyn Extractor],
    ) {
        let aliases = std::mem::take(&mut outcome.unresolved);
        if aliases.is_empty() {
            return;
        }
        let count: usize = aliases.values().map(Vec::len).sum();
        let message = match blobs.open(layer) {
            Ok(blob) => {
                let again = self.walk(blob, extractors, &aliases);
                for (name, own) in again.facts.extractors {
                    if let Some(first) = outcome.facts.extractors.get_mut(&name) {
                        first.files.extend(own.files);
                        first.remarks.extend(own.remarks);
                    }
                }
                if again.verified == outcome.verified {
                    return;
                }
                "the layer changed while it was read again".to_owned()
            }
            Err(error) => chain(error.as_ref()),
        };
        outcome.verified = None;
        let message = format!("{count} hard links were not followed: {message}");
        outcome.facts.remark(None, message);
    }

    /// Decides what a reading is worth: kept, kept with a warning, or
    /// thrown away; and whether it may be remembered.
    pub(crate) fn judge(
        &self,
        outcome: Outcome,
        layer: &LayerPlan,
        known: Option<LayerFacts>,
        keeps_unverified: bool,
    ) -> Reading {
        let mut warnings = Vec::new();
        let is_stopped = outcome
            .interrupted
            .as_ref()
            .is_some_and(|error| Stop::inside(error).is_some());
        let is_true = match &outcome.verified {
            Some(verified) => {
                let is_blob = layer.digest.is_none_or(|digest| digest == verified.digest);
                if !is_blob {
                    warnings.push(format!(
                        "its content has the digest {}, not the {} it is listed under",
                        verified.digest,
                        layer
                            .digest
                            .map(|digest| digest.to_string())
                            .unwrap_or_default(),
                    ));
                } else if verified.diff_id != layer.diff_id {
                    warnings.push(format!(
                        "it unpacks to {}, not to the {} the image's configuration lists",
                        verified.diff_id, layer.diff_id
                    ));
                }
                is_blob && verified.diff_id == layer.diff_id
            }
            None => false,
        };
        // A bound we set ourselves says nothing against the content.
        if !is_true && !keeps_unverified && !is_stopped {
            warnings.push("nothing of it is in the result".to_owned());
            let of_reading = outcome
                .facts
                .remarks
                .into_iter()
                .map(|remark| remark.message);
            return Reading {
                warnings: of_reading.chain(warnings).collect(),
                is_lost: true,
                ..Reading::default()
            };
        }
        let mut facts = known.unwrap_or_default();
        facts.merge(outcome.facts);
        if is_true
            && let Some(cache) = &self.cache
            && let Some(verified) = &outcome.verified
        {
            cache.put_layer(&verified.digest, &facts);
            cache.put_diff_id(&verified.digest, &layer.diff_id);
            if let (Some(rules), Some(judged)) = (self.rules(), &facts.judged)
                && judged.troubles.is_empty()
            {
                cache.put_judged(&verified.digest, rules.mark(), &judged.bad);
            }
        }
        let troubles = facts.judged.iter().flat_map(|judged| &judged.troubles);
        warnings.extend(troubles.cloned());
        Reading {
            facts,
            warnings,
            ..Reading::default()
        }
    }
}

/// Tells the progress how many bytes have come.
pub(super) struct Advancing<'a, R> {
    pub(super) inner: R,
    pub(super) layer: usize,
    pub(super) progress: &'a dyn Progress,
}

impl<R: Read> Read for Advancing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.report(ProgressEvent::LayerAdvanced {
            layer: self.layer,
            bytes: read as u64,
        });
        Ok(read)
    }
}

/// Facts read while streaming, waiting to be told which layer they are.
pub(crate) type Streamed = BTreeMap<String, Outcome>;
