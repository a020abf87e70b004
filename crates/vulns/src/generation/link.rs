//! The compiler's second half: from drafts to a file.
//!
//! Names become vulnerabilities, rules are gathered by package, and
//! everything is written in the order the layout wants. The same drafts
//! and time give the same bytes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Seek, SeekFrom, Write},
};

use jiff::Timestamp;
use model::db::{DatabaseStatus, SourceStatus};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    layout::{self, BlockRow, KeySlot, Mark, NameRow, RecordRow, Row, Section, VulnerabilityRow},
    mark,
    rating::Rating,
    strings::Strings,
    write::{Compiler, DraftRule, Drafts, SourceIndex},
};
use crate::{alias::Aliases, feed::intel::Intel};

/// A set of advisories that was compiled in.
#[derive(Clone, Debug)]
pub(crate) struct SourceName {
    pub(crate) name: String,
    /// The embedded set, which yields to every feed.
    pub(crate) is_starter: bool,
}

impl<W: Write + Seek> Compiler<W> {
    /// Writes the generation and hands back the output.
    pub(crate) fn finish(
        self,
        sources: &[SourceName],
        intel: &Intel,
        compiled: Timestamp,
    ) -> io::Result<(W, DatabaseStatus)> {
        let (mut drafts, prose) = self.into_parts();
        let mut status = status(&drafts, sources, intel, compiled);
        let linked = Linked::of(&mut drafts, sources, intel);
        let (out, prose_bytes, blocks) = prose.finish()?;
        let mut file = FileWriter {
            out,
            at: layout::HEADER_BYTES as u64 + prose_bytes,
            table: [(0, 0); layout::SECTIONS],
            hasher: Xxh3::new(),
        };
        file.table[Section::Prose as usize] = (layout::HEADER_BYTES as u64, prose_bytes);
        file.section(Section::Strings, drafts.strings.as_bytes())?;
        file.rows::<BlockRow, 4>(&blocks)?;
        file.rows::<KeySlot, 4>(&linked.keys)?;
        file.rows::<layout::Rule, 5>(&linked.rules)?;
        file.rows::<RecordRow, 6>(&linked.records)?;
        file.rows::<VulnerabilityRow, 10>(&linked.vulnerabilities)?;
        file.rows::<NameRow, 2>(&linked.names)?;
        file.words(Section::Lists, drafts.lists.iter().copied())?;
        file.words(Section::KeyMarks, words_of(&linked.key_marks))?;
        file.words(
            Section::VulnerabilityMarks,
            words_of(&linked.vulnerability_marks),
        )?;
        let compiled_at = compiled.as_microsecond().to_le_bytes();
        status.generation = format!("{:016x}", file.hasher.digest() ^ xxh3_64(&compiled_at));
        file.section(Section::Meta, &serde_json::to_vec(&status)?)?;
        Ok((file.finish()?, status))
    }
}

fn status(
    drafts: &Drafts,
    sources: &[SourceName],
    intel: &Intel,
    compiled: Timestamp,
) -> DatabaseStatus {
    let alive = drafts.records.iter().filter(|record| record.is_alive);
    DatabaseStatus {
        generation: String::new(),
        compiled,
        advisories: alive.count() as u64,
        sources: ecosystems(drafts, sources),
        epss: intel.epss.as_ref().and_then(|epss| epss.date),
        kev: intel.kev.as_ref().and_then(|kev| kev.released),
        starter_only: sources.iter().all(|source| source.is_starter),
    }
}

/// What one ecosystem's rules add up to.
#[derive(Default)]
struct Tally {
    /// The record counted last.
    last: Option<u32>,
    advisories: u64,
    newest: i64,
}

/// Which ecosystems the rules speak of: a scan tells by this list what it
/// could not check. Beside feeds the starter set does not count: a few
/// vulnerabilities of an ecosystem are no knowledge of it.
fn ecosystems(drafts: &Drafts, sources: &[SourceName]) -> Vec<SourceStatus> {
    let starter_only = sources.iter().all(|source| source.is_starter);
    let counts = |source: SourceIndex| {
        starter_only
            || sources
                .get(usize::from(source))
                .is_some_and(|source| !source.is_starter)
    };
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    // The rules of one record follow each other, so remembering the last
    // is enough to count each record once.
    for draft in &drafts.rules {
        let record = &drafts.records[draft.rule.record as usize];
        if !record.is_alive || !counts(record.source) {
            continue;
        }
        let key = drafts.strings.get(draft.key);
        let ecosystem = key.split('\0').next().unwrap_or_default();
        let tally = tallies.entry(listed(ecosystem)).or_default();
        tally.newest = tally.newest.max(record.modified);
        if tally.last.replace(draft.rule.record) != Some(draft.rule.record) {
            tally.advisories += 1;
        }
    }
    tallies
        .into_iter()
        .map(|(ecosystem, tally)| SourceStatus {
            ecosystem: ecosystem.to_owned(),
            advisories: tally.advisories,
            newest: Timestamp::from_microsecond(tally.newest)
                .ok()
                .filter(|_| tally.newest > 0),
        })
        .collect()
}

/// Distributions whose releases end are listed by release; others would
/// only fill the list with their repositories' names.
fn listed(ecosystem: &str) -> &str {
    let name = ecosystem.split(':').next().unwrap_or_default();
    match name {
        "AlmaLinux" | "Alpine" | "Debian" | "Rocky Linux" => ecosystem,
        _ => name,
    }
}

/// The rows of the file.
struct Linked {
    keys: Vec<KeySlot>,
    rules: Vec<layout::Rule>,
    records: Vec<RecordRow>,
    vulnerabilities: Vec<VulnerabilityRow>,
    names: Vec<NameRow>,
    key_marks: Vec<Mark>,
    vulnerability_marks: Vec<Mark>,
}

fn words_of(marks: &[Mark]) -> impl Iterator<Item = u32> + '_ {
    marks.iter().copied().flat_map(Mark::to_words)
}

impl Linked {
    fn of(drafts: &mut Drafts, sources: &[SourceName], intel: &Intel) -> Self {
        let mut names = Naming::of(drafts);
        let covered = names.cover(drafts);
        let mut rules = std::mem::take(&mut drafts.rules);
        rules.retain(|draft| drafts.records[draft.rule.record as usize].is_alive);
        yield_to_feeds(&mut rules, drafts, sources, &covered);
        let vulnerabilities = vulnerabilities(drafts, &names, &covered, intel);

        let mut row_of = vec![layout::NONE; drafts.records.len()];
        let mut records = Vec::new();
        for (index, record) in drafts.records.iter().enumerate() {
            if !record.is_alive {
                continue;
            }
            row_of[index] = count(records.len());
            let (start, length) = push_list(&mut drafts.lists, &covered[index]);
            records.push(RecordRow {
                id: record.id,
                start,
                count: length,
                block: record.place.block,
                offset: record.place.offset,
                length: record.place.length,
            });
        }
        // Records were listed by draft; readers know them by row.
        let mut vulnerability_rows = Vec::with_capacity(vulnerabilities.len());
        for (mut row, records) in vulnerabilities {
            let rows: Vec<u32> = records.iter().map(|&r| row_of[r as usize]).collect();
            row.records = push_list(&mut drafts.lists, &rows);
            vulnerability_rows.push(row);
        }
        let mut name_rows = Vec::new();
        for (index, names) in names.of_vulnerability.iter().enumerate() {
            let vulnerability = count(index);
            name_rows.extend(names.iter().map(|&name| NameRow {
                name,
                vulnerability,
            }));
            let others: Vec<u32> = names.iter().skip(1).copied().collect();
            vulnerability_rows[index].names = push_list(&mut drafts.lists, &others);
        }
        name_rows.sort_by(|a, b| {
            let strings = &drafts.strings;
            strings.get(a.name).cmp(strings.get(b.name))
        });
        rules.sort_by_key(|draft| (draft.key, draft.rule.record));
        let keys = hash_table(&rules, &drafts.strings);
        let marks = mark::Marks::of(
            drafts,
            &covered,
            &names.of_vulnerability,
            &vulnerability_rows,
        );
        let key_marks = marks.of_keys(&rules, &keys);
        let vulnerability_marks = marks.of_vulnerabilities();
        let rules = rules
            .into_iter()
            .map(|draft| layout::Rule {
                record: row_of[draft.rule.record as usize],
                ..draft.rule
            })
            .collect();
        Self {
            keys,
            rules,
            records,
            vulnerabilities: vulnerability_rows,
            names: name_rows,
            key_marks,
            vulnerability_marks,
        }
    }
}

/// Which vulnerabilities there are, and what each is called.
struct Naming {
    aliases: Aliases,
    /// Set of names to vulnerability.
    by_set: HashMap<u32, u32>,
    /// The id first, then its other names, sorted.
    of_vulnerability: Vec<Vec<u32>>,
}

impl Naming {
    fn of(drafts: &Drafts) -> Self {
        let strings = &drafts.strings;
        let is_cve = |name: u32| strings.get(name).starts_with("CVE-");
        let mut order: Vec<usize> = (0..drafts.records.len())
            .filter(|&index| drafts.records[index].is_alive)
            .collect();
        order.sort_by_key(|&index| (strings.get(drafts.records[index].id), index));
        let mut aliases = Aliases::default();
        for index in order {
            let record = &drafts.records[index];
            let covers = run(&drafts.names, record.covers);
            for &name in covers {
                aliases.add(name, is_cve(name));
            }
            if covers.is_empty() {
                aliases.add(record.id, is_cve(record.id));
            }
            for &alias in run(&drafts.names, record.aliases) {
                aliases.join((record.id, is_cve(record.id)), (alias, is_cve(alias)));
            }
        }
        let mut sets: HashMap<u32, Vec<u32>> = HashMap::new();
        for (set, name) in aliases.members() {
            sets.entry(set).or_default().push(name);
        }
        let mut named: Vec<(u32, Vec<u32>)> = sets.into_iter().collect();
        for (_, names) in &mut named {
            names.sort_by_key(|&name| (id_rank(strings.get(name)), strings.get(name)));
        }
        named.sort_by_key(|(_, names)| strings.get(names[0]));
        let by_set = named
            .iter()
            .enumerate()
            .map(|(index, (set, _))| (*set, count(index)))
            .collect();
        Self {
            aliases,
            by_set,
            of_vulnerability: named.into_iter().map(|(_, names)| names).collect(),
        }
    }

    /// The vulnerabilities each record covers. A record that covers one
    /// alone lends it its name.
    fn cover(&mut self, drafts: &Drafts) -> Vec<Vec<u32>> {
        let mut covered = Vec::with_capacity(drafts.records.len());
        for record in &drafts.records {
            let covers = run(&drafts.names, record.covers);
            let own = std::slice::from_ref(&record.id);
            let names = if covers.is_empty() { own } else { covers };
            let mut vulnerabilities: Vec<u32> = names
                .iter()
                .filter(|_| record.is_alive)
                .filter_map(|&name| self.by_set.get(&self.aliases.set_of(name)?).copied())
                .collect();
            vulnerabilities.sort_unstable();
            vulnerabilities.dedup();
            if let [only] = vulnerabilities.as_slice() {
                let names = &mut self.of_vulnerability[*only as usize];
                if !names.contains(&record.id) {
                    names.push(record.id);
                }
            }
            covered.push(vulnerabilities);
        }
        for names in &mut self.of_vulnerability {
            let strings = &drafts.strings;
            names[1..].sort_by_key(|&name| strings.get(name));
        }
        covered
    }
}

/// A CVE id names a vulnerability best, then a GHSA id, then any other.
fn id_rank(name: &str) -> u8 {
    if name.starts_with("CVE-") {
        0
    } else if name.starts_with("GHSA-") {
        1
    } else {
        2
    }
}

/// What the embedded set says of a vulnerability in an ecosystem holds
/// only until a feed speaks of the same.
fn yield_to_feeds(
    rules: &mut Vec<DraftRule>,
    drafts: &Drafts,
    sources: &[SourceName],
    covered: &[Vec<u32>],
) {
    let is_starter = |rule: &DraftRule| {
        let source = drafts.records[rule.rule.record as usize].source;
        sources
            .get(usize::from(source))
            .is_some_and(|source| source.is_starter)
    };
    if !rules.iter().any(is_starter) {
        return;
    }
    let ecosystem = |rule: &DraftRule| drafts.strings.get(rule.key).split('\0').next();
    let wanted: HashSet<u32> = rules
        .iter()
        .filter(|rule| is_starter(rule))
        .flat_map(|rule| &covered[rule.rule.record as usize])
        .copied()
        .collect();
    let mut spoken: HashSet<(u32, &str)> = HashSet::new();
    for rule in rules.iter().filter(|rule| !is_starter(rule)) {
        for vulnerability in &covered[rule.rule.record as usize] {
            if wanted.contains(vulnerability) {
                spoken.extend(ecosystem(rule).map(|ecosystem| (*vulnerability, ecosystem)));
            }
        }
    }
    rules.retain(|rule| {
        !is_starter(rule)
            || !covered[rule.rule.record as usize]
                .iter()
                .any(|vulnerability| {
                    ecosystem(rule).is_some_and(|name| spoken.contains(&(*vulnerability, name)))
                })
    });
}

/// The rows of all vulnerabilities, with the drafts that speak of each.
fn vulnerabilities(
    drafts: &Drafts,
    names: &Naming,
    covered: &[Vec<u32>],
    intel: &Intel,
) -> Vec<(VulnerabilityRow, Vec<u32>)> {
    let mut records: Vec<Vec<u32>> = vec![Vec::new(); names.of_vulnerability.len()];
    let mut ratings = vec![Rating::default(); names.of_vulnerability.len()];
    for (index, vulnerabilities) in covered.iter().enumerate() {
        for &vulnerability in vulnerabilities {
            records[vulnerability as usize].push(count(index));
            let rating = &mut ratings[vulnerability as usize];
            *rating = (*rating).max(drafts.records[index].rating);
        }
    }
    names
        .of_vulnerability
        .iter()
        .zip(records)
        .zip(ratings)
        .map(|((names, records), rating)| {
            let id = names[0];
            let text = drafts.strings.get(id);
            let epss = intel.epss.as_ref().and_then(|epss| epss.of(text));
            let kev = intel.kev.as_ref().and_then(|kev| kev.of(text));
            let row = VulnerabilityRow {
                id,
                severity: rating.severity,
                records: (0, 0),
                names: (0, 0),
                epss: epss.unwrap_or((-1.0, 0.0)),
                kev_added: kev.and_then(|kev| layout::day_number(kev.added)),
                kev_due: kev.and_then(|kev| layout::day_number(kev.due?)),
                kev_ransomware: kev.is_some_and(|kev| kev.ransomware),
            };
            (row, records)
        })
        .collect()
}

/// Open addressing, at most two thirds full. `rules` are sorted by key.
fn hash_table(rules: &[DraftRule], strings: &Strings) -> Vec<KeySlot> {
    let runs: Vec<&[DraftRule]> = rules.chunk_by(|a, b| a.key == b.key).collect();
    let capacity = (runs.len() * 3 / 2 + 1).next_power_of_two();
    let mut slots = vec![KeySlot::default(); capacity];
    let mut start = 0;
    for run in runs {
        let hash = layout::hash(strings.get(run[0].key));
        let mut index = layout::slot(hash, capacity);
        while slots[index].count != 0 {
            index = (index + 1) % capacity;
        }
        slots[index] = KeySlot {
            key: run[0].key,
            hash: layout::hash_tag(hash),
            start,
            count: count(run.len()),
        };
        start += count(run.len());
    }
    slots
}

pub(super) fn run(list: &[u32], (start, length): (u32, u32)) -> &[u32] {
    let start = start as usize;
    list.get(start..start + length as usize).unwrap_or_default()
}

fn push_list(lists: &mut Vec<u32>, items: &[u32]) -> (u32, u32) {
    let start = count(lists.len());
    lists.extend_from_slice(items);
    (start, count(items.len()))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(layout::NONE)
}

struct FileWriter<W> {
    out: W,
    at: u64,
    table: [(u64, u64); layout::SECTIONS],
    hasher: Xxh3,
}

impl<W: Write + Seek> FileWriter<W> {
    fn section(&mut self, section: Section, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.table[section as usize] = (self.at, bytes.len() as u64);
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn rows<R: Row<N>, const N: usize>(&mut self, rows: &[R]) -> io::Result<()> {
        self.words(R::SECTION, rows.iter().flat_map(Row::to_words))
    }

    fn words(&mut self, section: Section, words: impl Iterator<Item = u32>) -> io::Result<()> {
        let start = self.at;
        let mut buffer = Vec::with_capacity(64 << 10);
        for word in words {
            buffer.extend_from_slice(&word.to_le_bytes());
            if buffer.len() >= 64 << 10 {
                self.section(section, &buffer)?;
                buffer.clear();
            }
        }
        self.section(section, &buffer)?;
        self.table[section as usize] = (start, self.at - start);
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        let mut header = [0; layout::HEADER_BYTES];
        header[..8].copy_from_slice(&layout::MAGIC);
        header[8..12].copy_from_slice(&layout::VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.at.to_le_bytes());
        for (index, (offset, length)) in self.table.iter().enumerate() {
            let at = layout::TABLE_AT + 16 * index;
            header[at..at + 8].copy_from_slice(&offset.to_le_bytes());
            header[at + 8..at + 16].copy_from_slice(&length.to_le_bytes());
        }
        let checksum = xxh3_64(&header[..layout::CHECKSUM_AT]);
        header[layout::CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
