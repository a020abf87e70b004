//! What is forbidden where: tables the programs look into, written from
//! here.

use std::net::IpAddr;

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};

use super::{Error, map, name_key, take_map};
use crate::{
    drift::{Mark, Order},
    record::{Cgroup, File},
};

/// `struct place`: the number, and 0 or 1 for the hierarchy it counts in.
type Place = [u64; 2];
/// `struct file_key`: inode, device.
type FileKey = [u64; 2];
/// `struct file_mark`: when it changed, what was said.
type FileMark = [u64; 2];

const TELL_DRIFT: u32 = 1;
const TELL_ADDRESS: u32 = 4;
const TELL_SETTING: u32 = 16;
const TELL_FILE: u32 = 64;

/// What was said about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may run although it is not in the image.
    Allowed,
    /// It may run nowhere.
    Forbidden,
}

pub(super) struct Forbidden {
    places: HashMap<MapData, Place, u32>,
    marks: HashMap<MapData, FileKey, FileMark>,
    addresses: HashMap<MapData, [u8; 16], u8>,
    settings: HashMap<MapData, [u8; 32], u8>,
    files: HashMap<MapData, [u8; 16], u8>,
}

impl Forbidden {
    pub(super) fn new(programs: &mut Ebpf) -> Result<Self, Error> {
        Ok(Self {
            places: HashMap::try_from(take_map(programs, "places")?).map_err(map("places"))?,
            marks: HashMap::try_from(take_map(programs, "marks")?).map_err(map("marks"))?,
            addresses: HashMap::try_from(take_map(programs, "forbidden_addresses")?)
                .map_err(map("forbidden_addresses"))?,
            settings: HashMap::try_from(take_map(programs, "forbidden_settings")?)
                .map_err(map("forbidden_settings"))?,
            files: HashMap::try_from(take_map(programs, "forbidden_files")?)
                .map_err(map("forbidden_files"))?,
        })
    }

    pub(super) fn name_all(
        &mut self,
        addresses: &[IpAddr],
        settings: &[String],
        files: &[String],
    ) -> Result<(), Error> {
        for address in addresses {
            self.addresses
                .insert(mapped(*address), 1, 0)
                .map_err(map("forbidden_addresses"))?;
        }
        for setting in settings {
            let mut key = [0; 32];
            for (to, from) in key.iter_mut().take(31).zip(setting.bytes()) {
                *to = from;
            }
            self.settings
                .insert(key, 1, 0)
                .map_err(map("forbidden_settings"))?;
        }
        for file in files {
            self.files
                .insert(name_key(file), 1, 0)
                .map_err(map("forbidden_files"))?;
        }
        Ok(())
    }

    pub(super) fn order(&mut self, order: &Order) -> Result<(), Error> {
        let what = if order.is_gone {
            0
        } else {
            bits(order.drift, TELL_DRIFT)
                | bits(order.metadata, TELL_ADDRESS)
                | bits(order.sysctl, TELL_SETTING)
                | bits(order.sysctl, TELL_FILE)
        };
        for place in places(order.cgroup) {
            if what == 0 {
                // It may never have been there.
                match self.places.remove(&place) {
                    Ok(()) | Err(aya::maps::MapError::KeyNotFound) => {}
                    Err(aya::maps::MapError::SyscallError(error))
                        if error.io_error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(map("places")(error)),
                }
            } else {
                self.places.insert(place, what, 0).map_err(map("places"))?;
            }
        }
        Ok(())
    }

    /// It holds until the file is changed.
    pub(super) fn mark(&mut self, file: &File, judgement: Judgement) -> Result<(), Error> {
        let (major, minor) = file.device;
        let key = [file.inode, u64::from(major << 20 | minor & 0xf_ffff)];
        let said = match judgement {
            Judgement::Allowed => 1,
            Judgement::Forbidden => 2,
        };
        self.marks
            .insert(key, [file.changed.cast_unsigned(), said], 0)
            .map_err(map("marks"))
    }
}

fn bits(mark: Mark, tell: u32) -> u32 {
    match mark {
        Mark::Report => 0,
        Mark::Try => tell,
        Mark::Stop => tell | tell << 1,
    }
}

/// The roots of hierarchies, which are the whole machine, are none.
fn places(cgroup: Cgroup) -> impl Iterator<Item = Place> {
    [(cgroup.unified, 0), (cgroup.legacy, 1)]
        .into_iter()
        .filter(|(id, _)| *id > 1)
        .map(|(id, space)| [id, space])
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_is_telling_and_more() {
        assert_eq!(bits(Mark::Report, TELL_FILE), 0);
        assert_eq!(bits(Mark::Try, TELL_ADDRESS), 4);
        assert_eq!(bits(Mark::Stop, TELL_SETTING), 48);
    }

    #[test]
    fn nothing_is_ever_forbidden_on_the_whole_machine() {
        let all: Vec<_> = places(Cgroup {
            unified: 1,
            legacy: 0,
        })
        .collect();
        assert!(all.is_empty());
        let one: Vec<_> = places(Cgroup {
            unified: 1,
            legacy: 7,
        })
        .collect();
        assert_eq!(one, [[7, 1]]);
    }
}
