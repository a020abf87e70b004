//! `sensor`: sensors on nodes, and the one beside this server.

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, Interval};

/// `sensor`: when sensors are missed, and whether one runs here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// A sensor beside this server: `auto` starts one where that is
    /// possible and says how to where it is not, `off` does neither.
    pub beside: Beside,
    /// A sensor not heard of for as long is silent, which is an alert.
    pub silent_after: Interval,
}

/// Whether a sensor is started beside the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    Auto,
    #[default]
    Off,
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            beside: Beside::Off,
            silent_after: Interval(std::time::Duration::from_mins(3)),
        }
    }
}

impl Config {
    pub(super) fn check_sensor(&self) -> Result<(), ConfigError> {
        let silent = self.sensor.silent_after;
        if silent.0 < std::time::Duration::from_secs(15) {
            return Err(ConfigError::Refused {
                key: "sensor.silent_after",
                why: format!("{silent} is too little: expected 15s or more"),
            });
        }
        Ok(())
    }
}
