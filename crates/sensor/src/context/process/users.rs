//! Names of users and groups, from `passwd` and `group` as they are on a
//! host or in a container. In a container anybody may have written them.

use rules::syscall::Bytes;

/// Lines read of each file.
const MAX_LINES: usize = 4096;
/// A longer field is no name.
const MAX_FIELD: usize = 256;

/// Who there is.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// By number; the first line that names it counts, as for the system.
    users: Vec<(u32, Person)>,
    groups: Vec<(u32, Bytes)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: Bytes,
    pub home: Bytes,
    pub shell: Bytes,
}

impl Users {
    pub(crate) fn read(passwd: &[u8], group: &[u8]) -> Self {
        let mut users: Vec<_> = lines(passwd)
            .filter_map(|fields| {
                let [name, _, uid, _, _, home, shell] = fields.as_slice() else {
                    return None;
                };
                let person = Person {
                    name: (*name).into(),
                    home: (*home).into(),
                    shell: (*shell).into(),
                };
                Some((number(uid)?, person))
            })
            .collect();
        users.sort_by_key(|(uid, _)| *uid);
        users.dedup_by_key(|(uid, _)| *uid);
        let mut groups: Vec<_> = lines(group)
            .filter_map(|fields| {
                let [name, _, gid, ..] = fields.as_slice() else {
                    return None;
                };
                Some((number(gid)?, Bytes::from(*name)))
            })
            .collect();
        groups.sort_by_key(|(gid, _)| *gid);
        groups.dedup_by_key(|(gid, _)| *gid);
        Self { users, groups }
    }

    /// Both lists, for whoever writes them down, and back.
    pub(crate) fn people(&self) -> &[(u32, Person)] {
        &self.users
    }

    pub(crate) fn groups(&self) -> &[(u32, Bytes)] {
        &self.groups
    }

    pub(crate) fn of_lists(users: Vec<(u32, Person)>, groups: Vec<(u32, Bytes)>) -> Self {
        let mut all = Self { users, groups };
        all.users.sort_by_key(|(uid, _)| *uid);
        all.groups.sort_by_key(|(gid, _)| *gid);
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    pub(crate) fn user(&self, uid: u32) -> Option<&Person> {
        let at = self
            .users
            .binary_search_by_key(&uid, |(uid, _)| *uid)
            .ok()?;
        self.users.get(at).map(|(_, person)| person)
    }

    pub(crate) fn group(&self, gid: u32) -> Option<&[u8]> {
        let at = self
            .groups
            .binary_search_by_key(&gid, |(gid, _)| *gid)
            .ok()?;
        self.groups.get(at).map(|(_, name)| &**name)
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|byte| *byte == b'\n')
        .take(MAX_LINES)
        .map(|line| line.split(|byte| *byte == b':').take(8).collect::<Vec<_>>())
        .filter(|fields| {
            fields.first().is_some_and(|name| !name.is_empty())
                && fields.iter().take(3).all(|field| field.len() <= MAX_FIELD)
                && fields.iter().skip(5).all(|field| field.len() <= MAX_FIELD)
        })
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_number() {
        let users = Users::read(
            b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\n\
              www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
            b"root:x:0:\nwww-data:x:33:a,b\n",
        );
        let root = users.user(0).unwrap();
        assert_eq!(
            (&*root.name, &*root.shell),
            (&b"root"[..], &b"/bin/bash"[..])
        );
        assert_eq!(&*users.user(33).unwrap().home, b"/var/www");
        assert_eq!(users.group(33), Some(&b"www-data"[..]));
        assert_eq!((users.user(1), users.group(7)), (None, None));
    }

    #[test]
    fn a_hostile_file_is_bounded_and_harmless() {
        let long = [&vec![b'x'; 1000][..], b":x:5:5:::\n"].concat();
        assert!(Users::read(&long, &long).user(5).is_none());
        let many: Vec<u8> = (0..10_000)
            .flat_map(|number| format!("u{number}:x:{number}:0:::\n").into_bytes())
            .collect();
        let users = Users::read(&many, b"\xff\xfe:\0:-1:\n:::\n");
        assert_eq!(users.users.len(), MAX_LINES);
        assert!(users.groups.is_empty());
    }
}
