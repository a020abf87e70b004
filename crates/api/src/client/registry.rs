//! Questions about registries, the queue of scans, and why images were
//! looked at.

use super::{Answer, Client, Method, Parameters, Transport, encoded, json, query};
use crate::{
    NewRegistry, Page, Registry, Scan,
    queue::{NewReport, ReportReceipt, Revived, ScanQueue, TimelineEntry},
    referrer::ImageReferrers,
    registry::{RegistryChange, RegistryCheck, RegistryMade, RegistryTag, Repository},
};

impl<T: Transport> Client<T> {
    pub fn registries(&self, parameters: &Parameters<'_>) -> Answer<Vec<Registry>, T> {
        self.get("/registries", parameters)
    }

    pub fn add_registry(&self, registry: &NewRegistry) -> Answer<RegistryMade, T> {
        self.post("/registries", registry)
    }

    pub fn change_registry(&self, id: &str, change: &RegistryChange) -> Answer<Registry, T> {
        let path = format!("/registries/{}", encoded(id));
        self.ask(Method::Patch, &path, Some(json(change)))
    }

    /// Asks a registry now whether it is there.
    pub fn check_registry(&self, id: &str) -> Answer<RegistryCheck, T> {
        self.post(&format!("/registries/{}/check", encoded(id)), &())
    }

    /// Has a registry looked at now.
    pub fn sync_registry(&self, id: &str) -> Answer<Registry, T> {
        self.post(&format!("/registries/{}/sync", encoded(id)), &())
    }

    /// A new secret for a registry's webhooks.
    pub fn rotate_registry(&self, id: &str) -> Answer<RegistryMade, T> {
        self.post(&format!("/registries/{}/secret", encoded(id)), &())
    }

    pub fn remove_registry(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/registries/{}", encoded(id)))
    }

    pub fn repositories(
        &self,
        registry: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Page<Repository>, T> {
        let path = format!("/registries/{}/repositories", encoded(registry));
        self.get(&path, parameters)
    }

    /// What is attached to an image at its registry.
    pub fn image_referrers(&self, id: &str) -> Answer<ImageReferrers, T> {
        self.get(&format!("/images/{}/referrers", encoded(id)), &[])
    }

    /// Tags of a repository, by its id.
    pub fn registry_tags(
        &self,
        repository: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Page<RegistryTag>, T> {
        let path = format!("/repositories/{}/tags", encoded(repository));
        self.get(&path, parameters)
    }

    pub fn scans(&self, parameters: &Parameters<'_>) -> Answer<Page<Scan>, T> {
        self.get("/scans", parameters)
    }

    /// What waits to be scanned.
    pub fn queue(&self, parameters: &Parameters<'_>) -> Answer<ScanQueue, T> {
        self.get("/queue", parameters)
    }

    /// Queues a scan anew that failed.
    pub fn retry_scan(&self, id: &str) -> Answer<Scan, T> {
        self.post(&format!("/scans/{}/retry", encoded(id)), &())
    }

    /// Queues everything anew that was given up.
    pub fn retry_scans(&self, parameters: &Parameters<'_>) -> Answer<Revived, T> {
        self.post(&format!("/queue/retry{}", query(parameters)), &())
    }

    /// Hands in what a pipeline read.
    pub fn send_report(&self, report: &NewReport) -> Answer<ReportReceipt, T> {
        self.post("/reports", report)
    }

    /// What happened to an image, newest first.
    pub fn image_timeline(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Vec<TimelineEntry>, T> {
        let path = format!("/images/{}/timeline", encoded(id));
        self.get(&path, parameters)
    }
}
