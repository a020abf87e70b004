//! Names last resolved to addresses, and messages of the domain name
//! system.
//!
//! Whoever answers decides what is read here, so messages are hostile:
//! names are bounded, pointers only lead back, counts are not believed. A
//! name is remembered for the container that asked and for no other: one
//! that answers its own questions deceives itself alone.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use rules::syscall::Bytes;

use super::{Answer, hash::FastHash};

const MAX_NAME: usize = 255;
const MAX_POINTERS: usize = 16;
/// Lines of an answer that are looked at.
const MAX_ANSWERS: usize = 32;
/// Addresses remembered, and names of each.
const MAX_ADDRESSES: usize = 8192;
const MAX_NAMES: usize = 4;

type Key = (Option<u32>, IpAddr);

/// Who has which address, as far as anybody asked.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: HashMap<Key, Vec<Bytes>, FastHash>,
    order: VecDeque<Key>,
}

impl Names {
    pub(crate) fn of(&self, place: Option<u32>, address: IpAddr) -> &[Bytes] {
        if self.names.is_empty() {
            return &[];
        }
        self.names.get(&(place, address)).map_or(&[], Vec::as_slice)
    }

    /// The newest name stands first.
    pub(crate) fn learn(&mut self, place: Option<u32>, address: IpAddr, name: &[u8]) {
        let key = (place, address);
        if let Some(names) = self.names.get_mut(&key) {
            if names.first().is_some_and(|it| **it == *name) {
                return;
            }
            names.retain(|it| **it != *name);
            names.insert(0, name.into());
            names.truncate(MAX_NAMES);
            return;
        }
        if self.order.len() >= MAX_ADDRESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        self.order.push_back(key);
        self.names.insert(key, vec![name.into()]);
    }

    /// A container is gone, and its number is given to another.
    pub(crate) fn forget(&mut self, place: u32) {
        if self.names.keys().any(|(it, _)| *it == Some(place)) {
            self.names.retain(|(it, _), _| *it != Some(place));
            self.order.retain(|(it, _)| *it != Some(place));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// A message that was read; texts are in the buffer that came with it.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) is_answer: bool,
    pub(crate) kind: u16,
    pub(crate) code: u8,
    text: Vec<u8>,
    name: std::ops::Range<usize>,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Address(IpAddr),
    Alias(std::ops::Range<usize>),
    Other(u16, std::ops::Range<usize>),
}

impl Message {
    pub(crate) fn name(&self) -> &[u8] {
        self.text.get(self.name.clone()).unwrap_or_default()
    }

    pub(crate) fn answers<'m>(&'m self, message: &'m [u8]) -> Vec<Answer<'m>> {
        self.lines
            .iter()
            .map(|line| match line {
                Line::Address(address) => Answer::Address(*address),
                Line::Alias(range) => {
                    Answer::Alias(self.text.get(range.clone()).unwrap_or_default())
                }
                Line::Other(kind, range) => {
                    Answer::Other(*kind, message.get(range.clone()).unwrap_or_default())
                }
            })
            .collect()
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.lines.iter().filter_map(|line| match line {
            Line::Address(address) => Some(*address),
            _ => None,
        })
    }

    /// Reads a message; false where it is none. What is cut off at its end
    /// is left out.
    pub(crate) fn read(&mut self, message: &[u8]) -> bool {
        self.text.clear();
        self.lines.clear();
        self.name = 0..0;
        let (Some(flags), Some(questions), Some(answers)) =
            (u16_at(message, 2), u16_at(message, 4), u16_at(message, 6))
        else {
            return false;
        };
        self.is_answer = flags & 0x8000 != 0;
        self.code = u8::try_from(flags & 15).unwrap_or_default();
        if questions == 0 {
            return false;
        }
        let Some((name, mut at)) = self.name_at(message, 12) else {
            return false;
        };
        self.name = name;
        let Some(kind) = u16_at(message, at) else {
            return false;
        };
        self.kind = kind;
        at += 4;
        for _ in 1..questions.min(4) {
            let Some((_, next)) = self.name_at(message, at) else {
                return true;
            };
            at = next + 4;
        }
        for _ in 0..usize::from(answers).min(MAX_ANSWERS) {
            let Some(next) = self.line_at(message, at) else {
                break;
            };
            at = next;
        }
        true
    }

    fn line_at(&mut self, message: &[u8], at: usize) -> Option<usize> {
        let (_, at) = self.name_at(message, at)?;
        let kind = u16_at(message, at)?;
        let length = usize::from(u16_at(message, at + 8)?);
        let from = at + 10;
        let end = from + length;
        let bytes = message.get(from..end)?;
        let line = match (kind, bytes.len()) {
            (1, 4) => {
                let octets: [u8; 4] = bytes.try_into().ok()?;
                Line::Address(Ipv4Addr::from(octets).into())
            }
            (28, 16) => {
                let octets: [u8; 16] = bytes.try_into().ok()?;
                Line::Address(Ipv6Addr::from(octets).to_canonical())
            }
            (5, _) => Line::Alias(self.name_at(message, from)?.0),
            _ => Line::Other(kind, from..end),
        };
        self.lines.push(line);
        Some(end)
    }

    /// A name, and where it ends in the message.
    fn name_at(
        &mut self,
        message: &[u8],
        mut at: usize,
    ) -> Option<(std::ops::Range<usize>, usize)> {
        let from = self.text.len();
        let mut end = None;
        let mut pointers = 0;
        loop {
            let length = usize::from(*message.get(at)?);
            match length {
                0 => {
                    at += 1;
                    break;
                }
                1..=63 => {
                    let label = message.get(at + 1..at + 1 + length)?;
                    if self.text.len() > from {
                        self.text.push(b'.');
                    }
                    self.text.extend(label.iter().map(u8::to_ascii_lowercase));
                    if self.text.len() - from > MAX_NAME {
                        return None;
                    }
                    at += 1 + length;
                }
                192..=255 => {
                    let to = (length & 63) << 8 | usize::from(*message.get(at + 1)?);
                    end = end.or(Some(at + 2));
                    pointers += 1;
                    // Only back, so that it ends.
                    if to >= at || pointers > MAX_POINTERS {
                        return None;
                    }
                    at = to;
                }
                _ => return None,
            }
        }
        Some((from..self.text.len(), end.unwrap_or(at)))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        message
    }

    fn answer(name: &str, lines: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question(name, 1);
        message[2] = 0x81;
        message[7] = u8::try_from(lines.len()).unwrap();
        for (kind, bytes) in lines {
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            message.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
            message.extend_from_slice(bytes);
        }
        message
    }

    #[test]
    fn questions_and_answers_are_read() {
        let mut message = Message::default();
        assert!(message.read(&question("WWW.Example.org", 16)));
        assert_eq!(message.name(), b"www.example.org");
        assert_eq!((message.kind, message.is_answer), (16, false));
        let bytes = answer(
            "pool.example",
            &[
                (5, &[3, b'a', b'b', b'c', 0xc0, 12]),
                (1, &[10, 0, 0, 9]),
                (16, b"\x01x"),
            ],
        );
        assert!(message.read(&bytes));
        assert!(message.is_answer);
        assert_eq!(
            message.answers(&bytes),
            [
                Answer::Alias(b"abc.pool.example"),
                Answer::Address([10, 0, 0, 9].into()),
                Answer::Other(16, b"\x01x"),
            ]
        );
        // Cut within the last line.
        assert!(message.read(&bytes[..bytes.len() - 1]));
        assert_eq!(message.addresses().count(), 1);
    }

    #[test]
    fn pointers_that_go_in_circles_end() {
        let mut message = Message::default();
        let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1];
        assert!(!message.read(&bytes));
        bytes[13] = 14;
        assert!(!message.read(&bytes));
        let long = question(&["x".repeat(63).as_str(); 5].join("."), 1);
        assert!(!message.read(&long));
    }

    #[test]
    fn names_are_kept_apart_by_container_and_bounded() {
        let mut names = Names::default();
        let address: IpAddr = [10, 0, 0, 9].into();
        names.learn(Some(1), address, b"a.example");
        names.learn(Some(1), address, b"b.example");
        assert_eq!(names.of(Some(1), address).len(), 2);
        assert_eq!(&*names.of(Some(1), address)[0], b"b.example");
        assert!(names.of(None, address).is_empty());
        for number in 0..100u8 {
            names.learn(Some(1), address, &[number]);
        }
        assert_eq!(names.of(Some(1), address).len(), MAX_NAMES);
        for number in 0..20_000u32 {
            names.learn(None, Ipv4Addr::from(number).into(), b"x");
        }
        assert!(names.len() <= MAX_ADDRESSES);
        names.learn(Some(2), address, b"c");
        names.forget(2);
        assert!(names.of(Some(2), address).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn hostile_messages_do_no_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let mut message = Message::default();
            if message.read(&bytes) {
                proptest::prop_assert!(message.name().len() <= MAX_NAME);
                proptest::prop_assert!(message.answers(&bytes).len() <= MAX_ANSWERS);
            }
        }

        #[test]
        fn any_change_of_an_answer_is_read_or_refused(at in 0usize..60, byte in proptest::num::u8::ANY) {
            let mut bytes = answer("pool.example", &[(1, &[10, 0, 0, 9]), (28, &[0; 16])]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            Message::default().read(&bytes);
        }
    }
}
