//! A kernel, watched by programs in it, or from outside where it takes
//! none.

use std::{fmt, time::Duration};

use super::{
    Class, ClassCounters, Error, Feature, Judgement, Opens, Programs, Report, Settings, State,
    Synthetic,
    fallback::{Action, Counts, Fallback, Options},
};
use crate::{
    drift::{Mark, Order},
    record::{File, Record},
};

/// A kernel that is watched, until this is dropped.
#[derive(Debug)]
pub struct Kernel(By);

enum By {
    Programs(Box<Programs>),
    Fallback(Box<Fallback>),
}

impl fmt::Debug for By {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Programs(it) => it.fmt(to),
            Self::Fallback(_) => to.write_str("Fallback"),
        }
    }
}

impl Kernel {
    /// Loads the programs and attaches them; records wait from here on.
    /// Where the kernel takes none, it is watched by what else there is. An
    /// error where that would not be more than anybody may see.
    pub fn start(settings: &Settings) -> Result<(Self, Report), Error> {
        if settings.by == Means::Best {
            match Programs::start(settings) {
                Ok((programs, report)) => {
                    return Ok((Self(By::Programs(Box::new(programs))), report));
                }
                Err(error) if error.is_of_the_kernel() => {
                    let why = model::error::chain(&error);
                    return Self::fall_back(settings, &why).ok_or(error);
                }
                Err(error) => return Err(error),
            }
        }
        Self::fall_back(settings, "switched off").ok_or(Error::Privilege)
    }

    fn fall_back(settings: &Settings, why: &str) -> Option<(Self, Report)> {
        let options = Options {
            has_files: settings.classes.contains(&Class::File) && settings.opens != Opens::None,
            ..Options::default()
        };
        let fallback = Fallback::start(&options);
        if !fallback.is_of_use() {
            return None;
        }
        let mut features = vec![Feature {
            name: "programs",
            state: if settings.by == Means::Best {
                State::Absent
            } else {
                State::Off
            },
            detail: why.to_owned(),
            lost: "most of what is below".to_owned(),
        }];
        features.extend(fallback.report());
        Some((Self(By::Fallback(Box::new(fallback))), Report { features }))
    }

    /// Waits until there is something, at most so long, and hands it out in
    /// the order of time. Says how many records there were.
    pub fn poll(
        &mut self,
        wait: Duration,
        take: &mut dyn FnMut(&Record<'_>),
    ) -> Result<usize, Error> {
        match &mut self.0 {
            By::Programs(it) => it.poll(wait, take),
            By::Fallback(it) => it.poll(wait, take).map_err(Error::Wait),
        }
    }

    /// What became of the records of each class.
    pub fn counters(&self) -> Vec<ClassCounters> {
        match &self.0 {
            By::Programs(it) => it.counters(),
            By::Fallback(it) => Class::ALL
                .iter()
                .map(|&class| {
                    let Counts {
                        seen,
                        sent,
                        dropped,
                    } = match class {
                        Class::Process => it.process,
                        Class::File => it.file,
                        Class::Privilege => it.privilege,
                        Class::Verdict => it.verdict,
                        _ => Counts::default(),
                    };
                    ClassCounters {
                        class,
                        seen,
                        filtered: 0,
                        suppressed: 0,
                        sent,
                        dropped,
                        delivered: sent,
                    }
                })
                .collect(),
        }
    }

    /// Records that could not be read, which is a mistake of ours.
    pub fn unreadable(&self) -> u64 {
        match &self.0 {
            By::Programs(it) => it.unreadable(),
            By::Fallback(_) => 0,
        }
    }

    /// Which classes are looked at from here on. Processes and control
    /// groups always are: nothing could be told without.
    pub fn set_classes(&mut self, classes: &[Class]) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.set_classes(classes),
            By::Fallback(it) => {
                it.set_files(classes.contains(&Class::File));
                Ok(())
            }
        }
    }

    /// From outside, files are told or they are not.
    pub fn set_opens(&mut self, opens: Opens) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.set_opens(opens),
            By::Fallback(it) => {
                it.set_files(opens != Opens::None);
                Ok(())
            }
        }
    }

    /// Names of files, and of folders, whose opening for reading is told.
    /// From outside it is a list of usual places.
    pub fn set_sensitive(&mut self, files: &[String], folders: &[String]) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.set_sensitive(files, folders),
            By::Fallback(_) => Ok(()),
        }
    }

    /// Processes whose being signalled is told.
    pub fn set_protected(&mut self, pids: &[u32]) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.set_protected(pids),
            By::Fallback(_) => Ok(()),
        }
    }

    /// What is to be stopped in a container.
    pub fn order(&mut self, order: &Order) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.order(order),
            By::Fallback(it) => {
                let action = match order.drift {
                    _ if order.is_gone => None,
                    Mark::Report => None,
                    Mark::Try => Some(Action::Try),
                    Mark::Stop => Some(Action::Stop),
                };
                it.set_drift(order.cgroup, action);
                Ok(())
            }
        }
    }

    /// What was found out about a file; it holds until the file changes.
    pub fn judge(&mut self, file: &File, judgement: Judgement) -> Result<(), Error> {
        match &mut self.0 {
            By::Programs(it) => it.judge(file, judgement),
            By::Fallback(it) => {
                it.judge(file, judgement);
                Ok(())
            }
        }
    }

    /// What writes records that mean nothing, from another thread, to
    /// measure by; `None` where there are no programs.
    pub fn synthetic(&self) -> Option<Synthetic> {
        match &self.0 {
            By::Programs(it) => Some(it.synthetic()),
            By::Fallback(_) => None,
        }
    }
}

/// By which means a kernel is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// By programs, where the kernel takes them.
    #[default]
    Best,
    /// From outside, as if it took none.
    Outside,
}

impl Error {
    /// Whether it is the kernel, or what this process may, that is in the
    /// way, and no mistake of the settings.
    fn is_of_the_kernel(&self) -> bool {
        matches!(
            self,
            Self::Privilege | Self::NoTypes(_) | Self::Load(_) | Self::NoProcesses(_)
        )
    }
}
