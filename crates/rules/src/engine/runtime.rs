//! Memory of one plan at work: the bits of the event at hand, answers that
//! are remembered, and conditions folded for each sort of event.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    cache::{Answers, FastHash},
    plan::{Asked, Name, OfName, Plan, Vocabulary},
    program::{Bit, Node, Program},
};

/// As much as a group is dearer whose answers are not remembered.
const UNREMEMBERED: u64 = 16;

/// Sorts of events there may be before all are forgotten.
const MAX_SORTS: usize = 4_096;
/// Sorts of processes, likewise.
const MAX_CLASSES: usize = 4_096;
/// Processes whose sort is remembered.
const MAX_PROCESSES: usize = 1 << 20;

/// Conditions that a sort of event can meet, folded with what is known.
#[derive(Debug, Default)]
struct Residual {
    programs: Vec<(u32, Arc<Program>)>,
    /// Places of programs that are to be run in any case.
    always: Vec<u32>,
    /// The others hold only where one of these bits is set, by word; most
    /// events have none.
    masks: Vec<(u16, u64)>,
    /// The groups of these.
    groups: Vec<u16>,
}

impl Residual {
    fn new(
        conditions: &[(u32, Node<Bit>)],
        programs: &mut Programs,
        is_remembered: impl Fn(u16) -> bool,
    ) -> Self {
        let mut uses: HashMap<u16, u64> = HashMap::new();
        for (_, node) in conditions {
            node.each_bit(&mut |bit| *uses.entry(bit.group).or_default() += 1);
        }
        // What many ask for is there anyway.
        let cost = |group: u16| {
            let uses = uses.get(&group).copied().unwrap_or_default();
            let factor = if is_remembered(group) {
                1
            } else {
                UNREMEMBERED
            };
            factor * 1_000_000 / (1 + uses)
        };
        let mut residual = Self::default();
        let mut masks: BTreeMap<u16, u64> = BTreeMap::new();
        let mut groups = BTreeSet::new();
        for (number, node) in conditions {
            // Larger ones were refused when the plan was made.
            let Some(program) = Program::new(node) else {
                continue;
            };
            if let Some(bits) = node.needs(&cost) {
                for bit in bits {
                    *masks.entry(bit.word).or_default() |= bit.mask;
                    groups.insert(bit.group);
                }
            } else {
                let place = u32::try_from(residual.programs.len()).unwrap_or(u32::MAX);
                residual.always.push(place);
            }
            residual.programs.push((*number, programs.shared(program)));
        }
        residual.masks = masks.into_iter().collect();
        residual.groups = groups.into_iter().collect();
        residual
    }
}

/// Each program once: sorts of events differ in a few conditions and have
/// the others in common.
#[derive(Debug, Default)]
struct Programs(HashSet<Arc<Program>, FastHash>);

impl Programs {
    fn shared(&mut self, program: Program) -> Arc<Program> {
        if let Some(known) = self.0.get(&program) {
            return Arc::clone(known);
        }
        let program = Arc::new(program);
        self.0.insert(Arc::clone(&program));
        program
    }
}

#[derive(Debug)]
pub(crate) struct Runtime {
    words: Vec<u64>,
    /// For which event a group was last filled.
    filled: Vec<u32>,
    event: u32,
    memory: Memory,
    sorts: HashMap<Box<[u64]>, u32, FastHash>,
    residuals: Vec<Residual>,
    programs: Programs,
    /// By slot.
    processes: Vec<Known>,
    classes: HashMap<Box<[u64]>, u32, FastHash>,
    /// Residuals by class, times 65,536, and sort of event.
    by_class: HashMap<u64, u32, FastHash>,
    /// The residual in which nothing is left.
    empty: Option<u32>,
    pub(crate) hits: Vec<u32>,
    pub(crate) emptied: u64,
}

/// What was found out about a process.
#[derive(Clone, Copy, Debug)]
struct Known {
    version: u64,
    class: u32,
    /// Of its event before: the sort, and the residual.
    last: Option<(u16, u32)>,
}

/// What a process is, as far as remembering goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) slot: u32,
    pub(crate) version: u64,
}

impl Runtime {
    pub(crate) fn new<V: Vocabulary>(plan: &Plan<V>) -> Self {
        Self {
            words: vec![0; plan.words],
            filled: vec![0; plan.groups.len()],
            event: 0,
            memory: Memory::new(plan),
            sorts: HashMap::default(),
            residuals: Vec::new(),
            programs: Programs::default(),
            processes: Vec::new(),
            classes: HashMap::default(),
            by_class: HashMap::default(),
            empty: None,
            hits: Vec::new(),
            emptied: 0,
        }
    }

    fn next_event(&mut self) {
        self.event = self.event.wrapping_add(1);
        if self.event == 0 {
            self.filled.fill(0);
            self.event = 1;
        }
    }

    fn fill<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        groups: Range<usize>,
        facts: &F,
    ) {
        for number in groups {
            fill(
                plan,
                number,
                facts,
                &mut self.words,
                &mut self.filled,
                self.event,
                &mut self.memory,
            );
        }
    }

    /// Runs all conditions; `hits` says which hold.
    pub(crate) fn run<V: Vocabulary, F: Asked<V>>(&mut self, plan: &Plan<V>, facts: &F) {
        self.hits.clear();
        self.next_event();
        self.fill(plan, 0..plan.sort.0, facts);
        let known = self.words.get(..plan.sort.1).unwrap_or_default();
        let residual = match self.sorts.get(known) {
            Some(residual) => *residual,
            None => self.new_sort(plan),
        };
        self.run_residual(plan, facts, residual);
    }

    /// The same for an event of a process, `sort` telling what sort it is.
    pub(crate) fn run_for<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        facts: &F,
        process: Identity,
        sort: u16,
    ) {
        self.hits.clear();
        let known = self.processes.get(process.slot as usize);
        let known = known.filter(|known| known.version == process.version);
        let residual = match known {
            Some(Known {
                last: Some((last, residual)),
                ..
            }) if *last == sort => *residual,
            Some(Known { class, .. }) => {
                let class = *class;
                self.residual_for(plan, facts, process, class, sort)
            }
            None => {
                let class = self.new_process(plan, facts, process);
                self.residual_for(plan, facts, process, class, sort)
            }
        };
        let is_empty = self
            .residuals
            .get(residual as usize)
            .is_none_or(|residual| residual.programs.is_empty());
        if is_empty {
            return;
        }
        self.next_event();
        self.run_residual(plan, facts, residual);
    }

    /// What is left of all conditions for a sort of event of a process of a
    /// class.
    fn residual_for<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        facts: &F,
        process: Identity,
        class: u32,
        sort: u16,
    ) -> u32 {
        let place = |class: u32| u64::from(class) << 16 | u64::from(sort);
        let residual = if let Some(residual) = self.by_class.get(&place(class)) {
            *residual
        } else {
            // Places of before would mean something else.
            let class = if self.residuals.len() >= MAX_SORTS {
                self.forget();
                self.new_process(plan, facts, process)
            } else {
                class
            };
            self.next_event();
            self.fill(plan, 0..plan.sort.0, facts);
            let residual = self.new_residual(plan);
            self.by_class.insert(place(class), residual);
            residual
        };
        let known = self.processes.get_mut(process.slot as usize);
        if let Some(known) = known.filter(|known| known.version == process.version) {
            known.last = Some((sort, residual));
        }
        residual
    }

    fn run_residual<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        facts: &F,
        residual: u32,
    ) {
        let Self {
            words,
            filled,
            event,
            memory,
            residuals,
            hits,
            ..
        } = self;
        let Some(residual) = residuals.get(residual as usize) else {
            return;
        };
        for &group in &residual.groups {
            let group = usize::from(group);
            if filled.get(group) != Some(event) {
                fill(plan, group, facts, words, filled, *event, memory);
            }
        }
        let may_hold = residual.masks.iter().any(|(word, mask)| {
            let word = words.get(usize::from(*word));
            word.is_some_and(|word| word & mask != 0)
        });
        let mut run = |condition: u32, program: &Program| {
            let holds = program.run(|bit: Bit| {
                let group = usize::from(bit.group);
                if filled.get(group) != Some(event) {
                    fill(plan, group, facts, words, filled, *event, memory);
                }
                words
                    .get(usize::from(bit.word))
                    .is_some_and(|word| word & bit.mask != 0)
            });
            if holds {
                hits.push(condition);
            }
        };
        if may_hold {
            for (condition, program) in &residual.programs {
                run(*condition, program);
            }
        } else {
            for place in &residual.always {
                if let Some((condition, program)) = residual.programs.get(*place as usize) {
                    run(*condition, program);
                }
            }
        }
    }

    fn new_process<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        facts: &F,
        process: Identity,
    ) -> u32 {
        self.next_event();
        self.fill(plan, 0..plan.process.0, facts);
        let known: Box<[u64]> = self.words.get(..plan.process.1).unwrap_or_default().into();
        let class = if let Some(class) = self.classes.get(&known) {
            *class
        } else {
            if self.classes.len() >= MAX_CLASSES || self.residuals.len() >= MAX_SORTS {
                self.forget();
            }
            let class = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
            self.classes.insert(known, class);
            class
        };
        let slot = process.slot as usize;
        if slot < MAX_PROCESSES {
            if self.processes.len() <= slot {
                let nobody = Known {
                    version: u64::MAX,
                    class: 0,
                    last: None,
                };
                self.processes.resize(slot + 1, nobody);
            }
            if let Some(place) = self.processes.get_mut(slot) {
                *place = Known {
                    version: process.version,
                    class,
                    last: None,
                };
            }
        }
        class
    }

    /// Begins anew with what sorts of events and processes there are.
    fn forget(&mut self) {
        self.sorts.clear();
        self.residuals.clear();
        self.programs.0.clear();
        self.empty = None;
        self.classes.clear();
        self.by_class.clear();
        self.processes.clear();
        self.emptied += 1;
    }

    fn new_sort<V: Vocabulary>(&mut self, plan: &Plan<V>) -> u32 {
        if self.sorts.len() >= MAX_SORTS {
            self.forget();
        }
        let residual = self.new_residual(plan);
        let known = self.words.get(..plan.sort.1).unwrap_or_default();
        self.sorts.insert(known.into(), residual);
        residual
    }

    /// Conditions folded with the bits that are in place.
    fn new_residual<V: Vocabulary>(&mut self, plan: &Plan<V>) -> u32 {
        let words = &self.words;
        let known = |bit: Bit| {
            (usize::from(bit.group) < plan.sort.0).then(|| {
                words
                    .get(usize::from(bit.word))
                    .is_some_and(|word| word & bit.mask != 0)
            })
        };
        let mut left = Vec::new();
        for (number, (_, node)) in plan.conditions.iter().enumerate() {
            let folded = node.fold(&known);
            if folded != Node::Constant(false) {
                left.push((u32::try_from(number).unwrap_or(u32::MAX), folded));
            }
        }
        let residual = Residual::new(&left, &mut self.programs, |group| {
            let group = plan.groups.get(usize::from(group));
            group.is_some_and(|group| group.is_remembered)
        });
        let place = u32::try_from(self.residuals.len()).unwrap_or(u32::MAX);
        if residual.programs.is_empty() {
            if let Some(empty) = self.empty {
                return empty;
            }
            self.empty = Some(place);
        }
        self.residuals.push(residual);
        place
    }

    pub(crate) fn remembered(&self) -> usize {
        let all = self.memory.answers.iter().flatten();
        all.chain(&self.memory.of_names).map(Answers::len).sum()
    }

    pub(crate) fn sorts(&self) -> usize {
        self.residuals.len()
    }
}

fn fill<V: Vocabulary, F: Asked<V>>(
    plan: &Plan<V>,
    number: usize,
    facts: &F,
    words: &mut [u64],
    filled: &mut [u32],
    event: u32,
    memory: &mut Memory,
) {
    let Some(group) = plan.groups.get(number) else {
        return;
    };
    if let Some(of) = group.of_name
        && let Some(name) = facts.name()
        && (of == OfName::Whole || name.is_raw)
    {
        let groups = memory.fill_of_name(plan, facts, name, words);
        if let Some(filled) = filled.get_mut(groups) {
            filled.fill(event);
        }
        return;
    }
    if let Some(words) = words.get_mut(group.words()) {
        let answers = memory.answers.get_mut(number).and_then(Option::as_mut);
        group.fill(facts, words, answers, &mut memory.spare);
    }
    if let Some(filled) = filled.get_mut(number) {
        *filled = event;
    }
}

/// What was answered before.
#[derive(Debug)]
struct Memory {
    /// By group.
    answers: Vec<Option<Answers>>,
    /// By a file's name: of all groups of it, one after the other; as in
    /// [`Plan::of_name`].
    of_names: [Answers; 2],
    spare: Vec<u64>,
}

impl Memory {
    fn new<V: Vocabulary>(plan: &Plan<V>) -> Self {
        let answers = plan.groups.iter();
        let answers = answers.map(|group| group.is_remembered.then(|| Answers::new(group.width())));
        Self {
            answers: answers.collect(),
            of_names: plan
                .of_name
                .each_ref()
                .map(|it| Answers::new(it.words.len())),
            spare: Vec::new(),
        }
    }

    /// Fills all groups of a name; says which those are.
    fn fill_of_name<V: Vocabulary, F: Asked<V>>(
        &mut self,
        plan: &Plan<V>,
        facts: &F,
        name: Name<'_>,
        words: &mut [u64],
    ) -> Range<usize> {
        let [of_whole, of_raw] = &mut self.of_names;
        let [whole, raw] = &plan.of_name;
        let (answers, of) = if name.is_raw {
            (of_raw, raw)
        } else {
            (of_whole, whole)
        };
        if let Some(bits) = answers.get(name.whole) {
            if let Some(words) = words.get_mut(of.words.clone()) {
                words.copy_from_slice(bits);
            }
            return of.groups.clone();
        }
        for group in plan.groups.get(of.groups.clone()).unwrap_or_default() {
            if let Some(words) = words.get_mut(group.words()) {
                group.fill(facts, words, None, &mut self.spare);
            }
        }
        if let Some(words) = words.get(of.words.clone()) {
            answers.put(name.whole, words);
        }
        of.groups.clone()
    }
}
