//! Questions about what admission does.

use super::{Answer, Client, Parameters, Transport};
use crate::{
    Page,
    decision::{Admission, Decision},
};

impl<T: Transport> Client<T> {
    /// What admission decided, newest first.
    pub fn decisions(&self, parameters: &Parameters<'_>) -> Answer<Page<Decision>, T> {
        self.get("/decisions", parameters)
    }

    /// How each replica of admission is.
    pub fn admissions(&self, parameters: &Parameters<'_>) -> Answer<Vec<Admission>, T> {
        self.get("/admissions", parameters)
    }
}
