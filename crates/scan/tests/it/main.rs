//! The room from outside: targets in, bills of materials out.

mod distributions;
mod forms;
mod hostile;
mod registry;
mod subject;
