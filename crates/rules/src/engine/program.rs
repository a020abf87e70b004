//! A condition over bits: folded with what is known, then turned into
//! tests that say where to go on.

/// Where the answer to one comparison is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bit {
    pub(crate) group: u16,
    pub(crate) word: u16,
    pub(crate) mask: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<T> {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Constant(bool),
    Test(T),
}

impl<T: Copy> Node<T> {
    /// With what is known put in; nothing constant stays inside.
    pub(crate) fn fold(&self, known: &impl Fn(T) -> Option<bool>) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(*truth),
            Self::Test(test) => known(*test).map_or(Self::Test(*test), Self::Constant),
            Self::Not(inner) => match inner.fold(known) {
                Self::Constant(truth) => Self::Constant(!truth),
                Self::Not(inner) => *inner,
                other => Self::Not(Box::new(other)),
            },
            Self::And(parts) => Self::join(parts, false, known),
            Self::Or(parts) => Self::join(parts, true, known),
        }
    }

    /// `deciding` is what makes the whole so at once: `false` of an and.
    fn join(parts: &[Self], deciding: bool, known: &impl Fn(T) -> Option<bool>) -> Self {
        let mut left = Vec::new();
        for part in parts {
            match part.fold(known) {
                Self::Constant(truth) if truth == deciding => return Self::Constant(deciding),
                Self::Constant(_) => {}
                Self::And(inner) if !deciding => left.extend(inner),
                Self::Or(inner) if deciding => left.extend(inner),
                other => left.push(other),
            }
        }
        match (left.len(), deciding) {
            (0, _) => Self::Constant(!deciding),
            (1, _) => left.remove(0),
            (_, true) => Self::Or(left),
            (_, false) => Self::And(left),
        }
    }

    pub(crate) fn map<U>(&self, change: &impl Fn(T) -> U) -> Node<U> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.map(change)).collect();
        match self {
            Self::And(parts) => Node::And(all(parts)),
            Self::Or(parts) => Node::Or(all(parts)),
            Self::Not(inner) => Node::Not(Box::new(inner.map(change))),
            Self::Constant(truth) => Node::Constant(*truth),
            Self::Test(test) => Node::Test(change(*test)),
        }
    }
}

impl Node<Bit> {
    /// Bits of which one at least is set wherever this holds; nothing where
    /// it may hold without any. Of several such sets, the one whose groups
    /// cost least.
    pub(crate) fn needs(&self, cost: &impl Fn(u16) -> u64) -> Option<Vec<Bit>> {
        match self {
            Self::Test(bit) => Some(vec![*bit]),
            Self::Or(parts) => {
                let all: Option<Vec<Vec<Bit>>> =
                    parts.iter().map(|part| part.needs(cost)).collect();
                Some(all?.concat())
            }
            Self::And(parts) => {
                let sets = parts.iter().filter_map(|part| part.needs(cost));
                sets.min_by_key(|set| {
                    let mut groups: Vec<u16> = set.iter().map(|bit| bit.group).collect();
                    groups.sort_unstable();
                    groups.dedup();
                    groups.into_iter().map(cost).sum::<u64>()
                })
            }
            Self::Not(_) | Self::Constant(_) => None,
        }
    }

    pub(crate) fn each_bit(&self, each: &mut impl FnMut(Bit)) {
        match self {
            Self::Test(bit) => each(*bit),
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.each_bit(each);
                }
            }
            Self::Not(inner) => inner.each_bit(each),
            Self::Constant(_) => {}
        }
    }
}

/// Look at a bit and go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instruction {
    pub(crate) bit: Bit,
    yes: u16,
    no: u16,
}

const HOLDS: u16 = u16::MAX;
const FAILS: u16 = u16::MAX - 1;

/// A condition ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Program {
    code: Box<[Instruction]>,
    entry: u16,
}

impl Program {
    /// `None` where the condition is larger than any that was ever written.
    pub(crate) fn new(node: &Node<Bit>) -> Option<Self> {
        let mut code = Vec::new();
        let entry = emit(node, HOLDS, FAILS, &mut code)?;
        Some(Self {
            code: code.into(),
            entry,
        })
    }

    /// `look` answers for a bit.
    #[inline]
    pub(crate) fn run(&self, mut look: impl FnMut(Bit) -> bool) -> bool {
        let mut at = self.entry;
        while let Some(instruction) = self.code.get(usize::from(at)) {
            at = if look(instruction.bit) {
                instruction.yes
            } else {
                instruction.no
            };
        }
        at == HOLDS
    }
}

/// Backwards, so that where to go on is known; answers where to begin.
fn emit(node: &Node<Bit>, yes: u16, no: u16, code: &mut Vec<Instruction>) -> Option<u16> {
    match node {
        Node::Constant(true) => Some(yes),
        Node::Constant(false) => Some(no),
        Node::Not(inner) => emit(inner, no, yes, code),
        Node::And(parts) => parts
            .iter()
            .rev()
            .try_fold(yes, |next, part| emit(part, next, no, code)),
        Node::Or(parts) => parts
            .iter()
            .rev()
            .try_fold(no, |next, part| emit(part, yes, next, code)),
        Node::Test(bit) => {
            let at = u16::try_from(code.len()).ok().filter(|at| *at < FAILS)?;
            code.push(Instruction { bit: *bit, yes, no });
            Some(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bit(number: u16) -> Bit {
        Bit {
            group: 0,
            word: 0,
            mask: 1 << number,
        }
    }

    fn direct(node: &Node<Bit>, bits: u64) -> bool {
        match node {
            Node::And(parts) => parts.iter().all(|part| direct(part, bits)),
            Node::Or(parts) => parts.iter().any(|part| direct(part, bits)),
            Node::Not(inner) => !direct(inner, bits),
            Node::Constant(truth) => *truth,
            Node::Test(bit) => bits & bit.mask != 0,
        }
    }

    fn nodes() -> impl Strategy<Value = Node<Bit>> {
        let leaf = prop_oneof![
            (0u16..8).prop_map(|number| Node::Test(bit(number))),
            any::<bool>().prop_map(Node::Constant),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Node::And),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Node::Or),
                inner.prop_map(|inner| Node::Not(Box::new(inner))),
            ]
        })
    }

    fn groups(node: &Node<Bit>) -> Node<Bit> {
        node.map(&|it| Bit {
            group: u16::try_from(it.mask.trailing_zeros() / 2).unwrap(),
            ..it
        })
    }

    proptest! {
        /// Where none of the bits it needs is set, a condition fails; and
        /// of what it does not name it needs nothing.
        #[test]
        fn a_condition_fails_without_what_it_needs(node in nodes(), bits in 0u64..256, dear in 0u16..4) {
            let node = groups(&node);
            if let Some(needed) = node.needs(&|group| if group == dear { 100 } else { 1 }) {
                let mask = needed.iter().fold(0, |mask, bit| mask | bit.mask);
                prop_assert!(!direct(&node, bits & !mask), "{:?} needs {:b}", node, mask);
                let mut named = 0;
                node.each_bit(&mut |bit| named |= bit.mask);
                prop_assert_eq!(mask & !named, 0);
            }
        }

        #[test]
        fn a_program_says_what_its_condition_says(node in nodes(), bits in 0u64..256, known in 0u64..256) {
            let expected = direct(&node, bits);
            let program = Program::new(&node).unwrap();
            prop_assert_eq!(program.run(|bit| bits & bit.mask != 0), expected);
            let folded = node.fold(&|bit: Bit| (known & bit.mask != 0).then_some(bits & bit.mask != 0));
            let program = Program::new(&folded).unwrap();
            prop_assert_eq!(program.run(|bit| {
                assert!(known & bit.mask == 0, "what is known is not asked again");
                bits & bit.mask != 0
            }), expected);
        }
    }
}
