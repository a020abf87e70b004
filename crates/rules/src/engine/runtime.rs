//! Memory of one plan at work: the bits of the event at hand, answers that
//! are remembered, and conditions folded for each sort of event.

use std::collections::HashMap;

use super::{
    cache::{Answers, FastHash},
    plan::{Asked, Plan, Vocabulary},
    program::{Bit, Node, Program},
};

/// Sorts of events there may be before all are forgotten.
const MAX_SORTS: usize = 8192;

/// Conditions that a sort of event can meet, folded with what is known.
#[derive(Debug, Default)]
struct Residual {
    programs: Vec<(u32, Program)>,
}

#[derive(Debug)]
pub(crate) struct Runtime {
    words: Vec<u64>,
    /// For which event a group was last filled.
    filled: Vec<u32>,
    event: u32,
    answers: Vec<Option<Answers>>,
    spare: Vec<u64>,
    sorts: HashMap<Box<[u64]>, u32, FastHash>,
    residuals: Vec<Residual>,
    pub(crate) hits: Vec<u32>,
    pub(crate) emptied: u64,
}

impl Runtime {
    pub(crate) fn new<V: Vocabulary>(plan: &Plan<V>) -> Self {
        Self {
            words: vec![0; plan.words],
            filled: vec![0; plan.groups.len()],
            event: 0,
            answers: plan
                .groups
                .iter()
                .map(|group| group.is_remembered.then(|| Answers::new(group.width())))
                .collect(),
            spare: Vec::new(),
            sorts: HashMap::default(),
            residuals: Vec::new(),
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
        groups: std::ops::Range<usize>,
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
                &mut self.answers,
                &mut self.spare,
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
            answers,
            spare,
            residuals,
            hits,
            ..
        } = self;
        let Some(residual) = residuals.get(residual as usize) else {
            return;
        };
        for (condition, program) in &residual.programs {
            let holds = program.run(|bit: Bit| {
                let group = usize::from(bit.group);
                if filled.get(group) != Some(event) {
                    fill(plan, group, facts, words, filled, *event, answers, spare);
                }
                words
                    .get(usize::from(bit.word))
                    .is_some_and(|word| word & bit.mask != 0)
            });
            if holds {
                hits.push(*condition);
            }
        }
    }

    fn new_sort<V: Vocabulary>(&mut self, plan: &Plan<V>) -> u32 {
        if self.sorts.len() >= MAX_SORTS {
            self.sorts.clear();
            self.residuals.clear();
            self.emptied += 1;
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
        let mut programs = Vec::new();
        for (number, (_, node)) in plan.conditions.iter().enumerate() {
            let folded = node.fold(&known);
            if folded == Node::Constant(false) {
                continue;
            }
            // Larger ones were refused when the plan was made.
            if let Some(program) = Program::new(&folded) {
                programs.push((u32::try_from(number).unwrap_or(u32::MAX), program));
            }
        }
        self.residuals.push(Residual { programs });
        u32::try_from(self.residuals.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn remembered(&self) -> usize {
        self.answers.iter().flatten().map(Answers::len).sum()
    }

    pub(crate) fn sorts(&self) -> usize {
        self.residuals.len()
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a runtime, borrowed apart"
)]
fn fill<V: Vocabulary, F: Asked<V>>(
    plan: &Plan<V>,
    number: usize,
    facts: &F,
    words: &mut [u64],
    filled: &mut [u32],
    event: u32,
    answers: &mut [Option<Answers>],
    spare: &mut Vec<u64>,
) {
    let Some(group) = plan.groups.get(number) else {
        return;
    };
    let range = group.first..group.first + group.width();
    if let Some(words) = words.get_mut(range) {
        let answers = answers.get_mut(number).and_then(Option::as_mut);
        group.fill(facts, words, answers, spare);
    }
    if let Some(filled) = filled.get_mut(number) {
        *filled = event;
    }
}
