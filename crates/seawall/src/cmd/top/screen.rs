//! What the screen is in the middle of: which list is steered, how it is
//! ordered and narrowed, what is open; and what each key does to that.

use api::{Finding, FindingDetail, sensor::Sensor};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::look::{
    Look, Running, SensorSort, fits_alert, fits_container, fits_sensor, order, order_sensors,
};
use crate::args::top::Sort;

/// One of the three lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum List {
    Sensors,
    #[default]
    Containers,
    Alerts,
}

impl List {
    pub(super) const ALL: [Self; 3] = [Self::Sensors, Self::Containers, Self::Alerts];

    fn stepped(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|each| *each == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// Over the lists.
#[derive(Debug)]
pub(super) enum Over {
    Help,
    Sensor(String),
    Container(String),
    Alert {
        id: String,
        /// Absent while it is fetched.
        detail: Option<Box<FindingDetail>>,
        problem: Option<String>,
    },
}

/// What the loop is to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Stay,
    Leave,
    /// Look now, not when it is time.
    LookNow,
    /// Ask for all that is known of an alert.
    Fetch(String),
}

/// The state of the screen. It knows no terminal and no server.
#[derive(Debug, Default)]
pub(super) struct Screen {
    pub(super) server: String,
    look: Look,
    pub(super) sensors: Vec<Sensor>,
    pub(super) containers: Vec<Running>,
    pub(super) alerts: Vec<Finding>,
    pub(super) list: List,
    /// The chosen row of each list, by what it is: rows move.
    chosen: [Option<String>; 3],
    pub(super) sort: Sort,
    pub(super) sensor_sort: SensorSort,
    reversed: [bool; 3],
    pub(super) filter: String,
    /// Letters go to the filter.
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    pub(super) over: Option<Over>,
    /// How far what is open is scrolled.
    pub(super) scroll: u16,
    /// Why the last look failed.
    pub(super) problem: Option<String>,
}

const SORTS: [Sort; 5] = [
    Sort::Events,
    Sort::Cpu,
    Sort::Alerts,
    Sort::Processes,
    Sort::Name,
];
const SENSOR_SORTS: [SensorSort; 5] = [
    SensorSort::State,
    SensorSort::Node,
    SensorSort::Events,
    SensorSort::Cpu,
    SensorSort::Dropped,
];

fn after<T: Copy + PartialEq>(all: &[T], now: T) -> T {
    let at = all.iter().position(|each| *each == now).unwrap_or(0);
    all[(at + 1) % all.len()]
}

impl Screen {
    pub(super) fn new(server: String, look: Look, sort: Sort, filter: String) -> Self {
        let mut screen = Self {
            server,
            sort,
            filter,
            ..Self::default()
        };
        screen.take(look);
        screen
    }

    /// What was seen; the order, the choice and the filter stay.
    pub(super) fn take(&mut self, look: Look) {
        self.problem = None;
        self.look = look;
        self.arrange();
    }

    pub(super) fn look(&self) -> &Look {
        &self.look
    }

    /// All that is known of an alert has come, or why not.
    pub(super) fn take_alert(&mut self, wanted: &str, answer: Result<Box<FindingDetail>, String>) {
        if let Some(Over::Alert {
            id,
            detail,
            problem,
        }) = &mut self.over
            && id == wanted
        {
            match answer {
                Ok(found) => *detail = Some(found),
                Err(why) => *problem = Some(why),
            }
        }
    }

    fn arrange(&mut self) {
        let [sensors, containers, alerts] = self.reversed;
        let look = &self.look;
        self.sensors = look
            .sensors
            .iter()
            .filter(|sensor| fits_sensor(sensor, &self.filter))
            .cloned()
            .collect();
        self.containers = look
            .containers
            .iter()
            .filter(|each| fits_container(each, &self.filter))
            .cloned()
            .collect();
        self.alerts = look
            .alerts
            .iter()
            .filter(|alert| fits_alert(alert, &self.filter))
            .cloned()
            .collect();
        order_sensors(&mut self.sensors, self.sensor_sort, sensors);
        order(&mut self.containers, self.sort, containers);
        if alerts {
            self.alerts.reverse();
        }
    }

    pub(super) fn is_reversed(&self, list: List) -> bool {
        self.reversed[list as usize]
    }

    /// The rows of a list, by what each is.
    fn ids(&self, list: List) -> Vec<String> {
        match list {
            List::Sensors => self.sensors.iter().map(sensor_id).collect(),
            List::Containers => self.containers.iter().map(container_id).collect(),
            List::Alerts => self.alerts.iter().map(|alert| alert.id.clone()).collect(),
        }
    }

    /// Which row of a list is chosen.
    pub(super) fn at(&self, list: List) -> Option<usize> {
        let chosen = self.chosen[list as usize].as_ref()?;
        self.ids(list).iter().position(|id| id == chosen)
    }

    fn choose(&mut self, wanted: usize) {
        let ids = self.ids(self.list);
        let at = wanted.min(ids.len().saturating_sub(1));
        self.chosen[self.list as usize] = ids.get(at).cloned();
    }

    fn step(&mut self, by: isize) {
        let next = match self.at(self.list) {
            Some(at) => at.saturating_add_signed(by),
            // Nothing is chosen yet: the first step is onto the list.
            None => 0,
        };
        self.choose(next);
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Turn {
        if key.kind == KeyEventKind::Release {
            return Turn::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Turn::Leave,
                KeyCode::Char('l') => Turn::LookNow,
                _ => Turn::Stay,
            };
        }
        if self.is_typing {
            self.typed(key.code);
            return Turn::Stay;
        }
        if self.over.is_some() {
            return self.key_over(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Turn::Leave,
            KeyCode::Esc if self.filter.is_empty() => return Turn::Leave,
            KeyCode::Esc => self.narrow(String::new()),
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.open(Over::Help),
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char(' ') => return Turn::LookNow,
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.list = self.list.stepped(1),
            KeyCode::BackTab | KeyCode::Left => self.list = self.list.stepped(2),
            KeyCode::Char(digit @ '1'..='3') => {
                self.list = List::ALL[digit as usize - '1' as usize];
            }
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown => self.step(10),
            KeyCode::PageUp => self.step(-10),
            KeyCode::Home | KeyCode::Char('g') => self.choose(0),
            KeyCode::End | KeyCode::Char('G') => self.choose(usize::MAX),
            KeyCode::Char('s') => {
                match self.list {
                    List::Sensors => self.sensor_sort = after(&SENSOR_SORTS, self.sensor_sort),
                    List::Containers => self.sort = after(&SORTS, self.sort),
                    List::Alerts => {}
                }
                self.arrange();
            }
            KeyCode::Char('r') => {
                self.reversed[self.list as usize] ^= true;
                self.arrange();
            }
            KeyCode::Enter => return self.details(),
            _ => {}
        }
        Turn::Stay
    }

    fn key_over(&mut self, code: KeyCode) -> Turn {
        match code {
            KeyCode::Char('q' | '?') | KeyCode::Esc | KeyCode::Enter | KeyCode::Left => {
                self.over = None;
            }
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = self.scroll.saturating_add(10),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.scroll = 0,
            _ => {}
        }
        Turn::Stay
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter | KeyCode::Down => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.narrow(String::new());
            }
            KeyCode::Backspace => {
                let mut text = std::mem::take(&mut self.filter);
                text.pop();
                self.narrow(text);
            }
            // A name is short; who pastes a book is not looking for one.
            KeyCode::Char(letter) if self.filter.chars().count() < 100 => {
                let mut text = std::mem::take(&mut self.filter);
                text.push(letter);
                self.narrow(text);
            }
            _ => {}
        }
    }

    fn narrow(&mut self, filter: String) {
        self.filter = filter;
        self.arrange();
    }

    fn open(&mut self, over: Over) {
        self.scroll = 0;
        self.over = Some(over);
    }

    fn details(&mut self) -> Turn {
        if self.at(self.list).is_none() {
            self.choose(0);
        }
        let Some(at) = self.at(self.list) else {
            return Turn::Stay;
        };
        match self.list {
            List::Sensors => self.open(Over::Sensor(sensor_id(&self.sensors[at]))),
            List::Containers => self.open(Over::Container(container_id(&self.containers[at]))),
            List::Alerts => {
                let id = self.alerts[at].id.clone();
                self.open(Over::Alert {
                    id: id.clone(),
                    detail: None,
                    problem: None,
                });
                return Turn::Fetch(id);
            }
        }
        Turn::Stay
    }
}

/// A node's name is its own within an environment only.
pub(super) fn sensor_id(sensor: &Sensor) -> String {
    format!("{}/{}", sensor.environment, sensor.node)
}

pub(super) fn container_id(each: &Running) -> String {
    format!("{}/{}", each.node, each.container.id)
}
