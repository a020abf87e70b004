//! Docker Hub and GitHub: no catalogue, but an interface that lists what
//! one owner has.
//!
//! References: docs.docker.com, Docker Hub's API (`/v2/auth/token`,
//! `/v2/namespaces/…/repositories`); docs.github.com, "REST API endpoints
//! for packages".

use fetch::Url;
use serde::Deserialize;
use serde_json::json;

use crate::{
    AskError, Kind, Listing, Registry,
    listing::{Page, next_link},
};

const HUB: &str = "https://hub.docker.com/";
const GITHUB: &str = "https://api.github.com/";

#[derive(Deserialize)]
struct HubPage {
    #[serde(default)]
    results: Vec<Named>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct HubToken {
    access_token: String,
}

/// The owners whose repositories the patterns name: those of `team/*`.
pub(crate) fn owners(patterns: &[String]) -> Vec<String> {
    let mut owners: Vec<String> = patterns
        .iter()
        .filter(|pattern| pattern.ends_with('*'))
        .filter_map(|pattern| Some(pattern.split_once('/')?.0.to_owned()))
        .collect();
    owners.sort();
    owners.dedup();
    owners
}

impl Registry {
    /// What the owners have, and the repositories that are named whole.
    pub(crate) fn repositories_of_owners(&self, what: String) -> Listing<'_> {
        let patterns = &self.account().repositories;
        let whole = patterns.iter().filter(|pattern| !pattern.ends_with('*'));
        let mut whole: Option<Vec<String>> = Some(whole.cloned().collect());
        let mut waiting = owners(patterns);
        let mut current: Option<(String, Url)> = None;
        let mut number = 0_usize;
        let mut token = None;
        Listing::new(what, move |_| {
            number += 1;
            let mut names = whole.take().unwrap_or_default();
            let asked = match current.take() {
                Some(asked) => Some(asked),
                None => match waiting.pop() {
                    Some(owner) => Some((owner.clone(), self.first_page("orgs", &owner)?)),
                    None => None,
                },
            };
            if let Some((owner, url)) = asked {
                if token.is_none() {
                    token = Some(self.hub_token()?);
                }
                let bearer = token.as_deref().filter(|token| !token.is_empty());
                let (found, next) = match self.of_owner(&url, bearer) {
                    // At GitHub people have packages as organisations do.
                    Err(AskError::Status { status: 404, .. }) if url.path().contains("/orgs/") => {
                        self.of_owner(&self.first_page("users", &owner)?, bearer)?
                    }
                    answer => answer?,
                };
                names.extend(found.into_iter().map(|name| format!("{owner}/{name}")));
                current = next.map(|next| (owner, next));
            }
            let is_over = current.is_none() && waiting.is_empty();
            Ok(Page {
                names,
                next: (!is_over).then(|| number.to_string()),
            })
        })
        .patient()
    }

    fn interface(&self) -> Result<Url, AskError> {
        let own = if self.account.kind == Kind::DockerHub {
            HUB
        } else {
            GITHUB
        };
        let base = self.account.endpoint.as_deref().unwrap_or(own);
        Url::parse(base).map_err(|error| AskError::Account {
            field: "endpoint",
            reason: error.to_string(),
        })
    }

    fn first_page(&self, sort: &str, owner: &str) -> Result<Url, AskError> {
        let mut url = self.interface()?;
        let path: &[&str] = if self.account.kind == Kind::DockerHub {
            &["v2", "namespaces", owner, "repositories"]
        } else {
            &[sort, owner, "packages"]
        };
        url.path_segments_mut()
            .map_err(|()| AskError::Account {
                field: "endpoint",
                reason: "it is no address".to_owned(),
            })?
            .pop_if_empty()
            .extend(path);
        url.set_query(Some(if self.account.kind == Kind::DockerHub {
            "page_size=100"
        } else {
            "package_type=container&per_page=100"
        }));
        Ok(url)
    }

    /// What the interface is asked with; empty for nobody.
    fn hub_token(&self) -> Result<String, AskError> {
        let Some(credentials) = self.login()?.credentials else {
            return Ok(String::new());
        };
        if self.account.kind == Kind::Ghcr {
            return Ok(credentials.password);
        }
        let mut url = self.interface()?;
        url.set_path("/v2/auth/token");
        let body = json!({"identifier": credentials.username, "secret": credentials.password});
        let response = self
            .client
            .post(&url)
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .cancel(&self.cancel)
            .send()
            .map_err(|source| self.not_fetched(source))?;
        let bytes = self.succeeded("get a token", response)?;
        let token: HubToken =
            serde_json::from_slice(&bytes).map_err(|_secret| AskError::LogIn {
                registry: self.account.address.clone(),
                reason: "Docker Hub's answer makes no sense".to_owned(),
            })?;
        Ok(token.access_token)
    }

    fn of_owner(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<(Vec<String>, Option<Url>), AskError> {
        let mut request = self
            .client
            .get(url)
            .header("Accept", "application/json")
            .cancel(&self.cancel);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = request.send().map_err(|source| self.not_fetched(source))?;
        let by_header = response.header("link").and_then(next_link);
        let by_header = by_header.map(str::to_owned);
        let bytes = self.succeeded("list its repositories", response)?;
        let (found, next) = if self.account.kind == Kind::DockerHub {
            let page: HubPage = self.parsed("Docker Hub's list of repositories", &bytes)?;
            (page.results, page.next)
        } else {
            (self.parsed("GitHub's list of packages", &bytes)?, by_header)
        };
        // It is told who we are: no address but its own.
        let next = next
            .and_then(|next| url.join(&next).ok())
            .filter(|next| next.origin() == url.origin());
        Ok((
            found.into_iter().map(|named: Named| named.name).collect(),
            next,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_those_of_open_patterns() {
        let patterns = ["team/*", "team/web*", "other/app", "acme/x/*"].map(str::to_owned);
        assert_eq!(owners(&patterns), ["acme", "team"]);
    }
}
