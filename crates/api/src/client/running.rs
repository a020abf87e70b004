//! Questions about what runs, and what to do first.

use super::{Answer, Client, Parameters, Transport, encoded};
use crate::{
    Page, RunningImage, WorkList,
    running::{RunningImageDetail, VulnerabilityWorkloads},
};

impl<T: Transport> Client<T> {
    pub fn running(&self, parameters: &Parameters<'_>) -> Answer<Page<RunningImage>, T> {
        self.get("/running", parameters)
    }

    /// One running image: by its id, its digest or its name.
    pub fn running_image(&self, image: &str) -> Answer<RunningImageDetail, T> {
        self.get(&format!("/running/{}", encoded(image)), &[])
    }

    /// Who runs a vulnerability.
    pub fn vulnerability_workloads(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<VulnerabilityWorkloads, T> {
        let path = format!("/vulnerabilities/{}/workloads", encoded(id));
        self.get(&path, parameters)
    }

    pub fn work_list(&self, parameters: &Parameters<'_>) -> Answer<WorkList, T> {
        self.get("/work-list", parameters)
    }
}
