//! A client of the contract: typed questions and answers.
//!
//! How bytes travel is not its business: whoever uses it hands in a
//! [`Transport`]. An answer that is no success becomes the [`Problem`]
//! it says.

mod admission;
mod policy;
mod registry;
mod running;
mod trust;

use std::{
    fmt::Write as _,
    io::{self, Read},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ApiToken, Compliance, Exemption, Finding, FindingDetail, Host, HostCheck, HostDetail, Image,
    ImageDetail, Me, NewHost, Page, Problem, Recommendation, User,
    compliance::StandardDetail,
    exemption::{ExemptionChange, ExemptionPreview, NewExemption},
    finding::{ActionDone, NewAction},
    node::{NewNodeAssessment, NodeReceipt},
    recommendation::RecommendationDetail,
    sbom::{Holder, ImageComparison, SbomImported},
    sensor::{Sensor, SensorDetail},
    token::{ApiTokenMade, NewApiToken},
    user::{NewUser, UserChange, UserMade},
    vex::{NewVexSource, VexDocument, VexSource, VexStatement},
};

/// The most bytes of an answer that is read into memory.
const MAX_ANSWER: u64 = 64 << 20;
const PREFIX: &str = "/api/v1";

/// Carries a call to the server and brings the answer.
pub trait Transport {
    type Error: std::error::Error + 'static;

    fn send(&self, call: &Call) -> Result<Reply, Self::Error>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    /// Path and query, percent-encoded.
    pub path: String,
    /// JSON.
    pub body: Option<Vec<u8>>,
}

/// One answer, its body not yet read.
pub struct Reply {
    pub status: u16,
    pub body: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError<E> {
    /// The server was not reached, or the answer did not arrive.
    Transport(E),
    Read(io::Error),
    /// The server says no.
    Refused(Box<Problem>),
    /// The answer is not of this contract.
    Foreign {
        path: String,
        status: u16,
        reason: String,
    },
}

/// A page of a list that is asked for, or every page.
pub type Parameters<'a> = [(&'a str, Option<String>)];

/// Asks a server.
#[derive(Clone, Debug)]
pub struct Client<T> {
    transport: T,
}

type Answer<A, T> = Result<A, ClientError<<T as Transport>::Error>>;

impl<T: Transport> Client<T> {
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    /// Who asks.
    pub fn me(&self) -> Answer<Me, T> {
        self.get("/me", &[])
    }

    pub fn findings(&self, parameters: &Parameters<'_>) -> Answer<Page<Finding>, T> {
        self.get("/findings", parameters)
    }

    pub fn finding(&self, id: &str) -> Answer<FindingDetail, T> {
        self.get(&format!("/findings/{}", encoded(id)), &[])
    }

    /// Acts on many findings at once.
    pub fn act(&self, action: &NewAction) -> Answer<ActionDone, T> {
        self.post("/findings/actions", action)
    }

    /// Takes an action back.
    pub fn undo(&self, id: &str) -> Answer<ActionDone, T> {
        self.post(&format!("/actions/{}/undo", encoded(id)), &())
    }

    pub fn images(&self, parameters: &Parameters<'_>) -> Answer<Page<Image>, T> {
        self.get("/images", parameters)
    }

    pub fn image(&self, id: &str) -> Answer<ImageDetail, T> {
        self.get(&format!("/images/{}", encoded(id)), &[])
    }

    /// An image's whole report, as it comes.
    pub fn image_report(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Box<dyn Read + Send>, T> {
        let path = format!("/images/{}/report{}", encoded(id), query(parameters));
        Ok(self.open(Method::Get, &path, None)?.body)
    }

    /// What tells one image from another, by id.
    pub fn compare_images(&self, before: &str, after: &str) -> Answer<ImageComparison, T> {
        let path = format!("/images/{}/comparison", encoded(before));
        self.get(&path, &[("with", Some(after.to_owned()))])
    }

    /// Who has a package.
    pub fn search_sboms(&self, parameters: &Parameters<'_>) -> Answer<Page<Holder>, T> {
        self.get("/sboms/search", parameters)
    }

    /// Brings an SBOM in, as it is.
    pub fn import_sbom(
        &self,
        parameters: &Parameters<'_>,
        document: Vec<u8>,
    ) -> Answer<SbomImported, T> {
        let path = format!("/sboms{}", query(parameters));
        self.ask(Method::Post, &path, Some(document))
    }

    pub fn vex_documents(&self, parameters: &Parameters<'_>) -> Answer<Vec<VexDocument>, T> {
        self.get("/vex", parameters)
    }

    /// Has a VEX document hold, as it is.
    pub fn add_vex(
        &self,
        parameters: &Parameters<'_>,
        document: Vec<u8>,
    ) -> Answer<VexDocument, T> {
        let path = format!("/vex{}", query(parameters));
        self.ask(Method::Post, &path, Some(document))
    }

    pub fn remove_vex(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/vex/{}", encoded(id)))
    }

    pub fn vex_statements(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Page<VexStatement>, T> {
        self.get(&format!("/vex/{}/statements", encoded(id)), parameters)
    }

    pub fn vex_sources(&self, parameters: &Parameters<'_>) -> Answer<Vec<VexSource>, T> {
        self.get("/vex/sources", parameters)
    }

    pub fn add_vex_source(&self, source: &NewVexSource) -> Answer<VexSource, T> {
        self.post("/vex/sources", source)
    }

    /// Has a VEX source fetched now.
    pub fn fetch_vex_source(&self, id: &str) -> Answer<VexSource, T> {
        self.post(&format!("/vex/sources/{}/fetch", encoded(id)), &())
    }

    pub fn remove_vex_source(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/vex/sources/{}", encoded(id)))
    }

    /// Our own decisions, as they come.
    pub fn export_vex(&self, parameters: &Parameters<'_>) -> Answer<Box<dyn Read + Send>, T> {
        let path = format!("/vex/export{}", query(parameters));
        Ok(self.open(Method::Get, &path, None)?.body)
    }

    pub fn sensors(&self, parameters: &Parameters<'_>) -> Answer<Vec<Sensor>, T> {
        self.get("/sensors", parameters)
    }

    /// All that is known of the sensor of a node.
    pub fn sensor(&self, node: &str, parameters: &Parameters<'_>) -> Answer<SensorDetail, T> {
        self.get(&format!("/sensors/{}", encoded(node)), parameters)
    }

    pub fn recommendations(&self, parameters: &Parameters<'_>) -> Answer<Vec<Recommendation>, T> {
        self.get("/recommendations", parameters)
    }

    pub fn recommendation(&self, id: &str) -> Answer<RecommendationDetail, T> {
        self.get(&format!("/recommendations/{}", encoded(id)), &[])
    }

    /// How the controls of every standard stand.
    pub fn compliance(&self, parameters: &Parameters<'_>) -> Answer<Compliance, T> {
        self.get("/compliance", parameters)
    }

    /// One standard, and what answers its controls.
    pub fn standard(&self, id: &str, parameters: &Parameters<'_>) -> Answer<StandardDetail, T> {
        self.get(&format!("/compliance/{}", encoded(id)), parameters)
    }

    /// A report on one standard, as it comes.
    pub fn compliance_report(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Box<dyn Read + Send>, T> {
        let path = format!("/compliance/{}/report{}", encoded(id), query(parameters));
        Ok(self.open(Method::Get, &path, None)?.body)
    }

    /// Hands in what checks said of a machine of a cluster.
    pub fn send_node(
        &self,
        (cluster, node): (&str, &str),
        parameters: &Parameters<'_>,
        assessment: &NewNodeAssessment,
    ) -> Answer<NodeReceipt, T> {
        let (cluster, node) = (encoded(cluster), encoded(node));
        let path = format!(
            "/clusters/{cluster}/nodes/{node}/assessment{}",
            query(parameters)
        );
        self.post(&path, assessment)
    }

    pub fn exemptions(&self, parameters: &Parameters<'_>) -> Answer<Page<Exemption>, T> {
        self.get("/exemptions", parameters)
    }

    pub fn exemption(&self, id: &str) -> Answer<Exemption, T> {
        self.get(&format!("/exemptions/{}", encoded(id)), &[])
    }

    pub fn preview_exemption(&self, exemption: &NewExemption) -> Answer<ExemptionPreview, T> {
        self.post("/exemptions/preview", exemption)
    }

    pub fn create_exemption(&self, exemption: &NewExemption) -> Answer<Exemption, T> {
        self.post("/exemptions", exemption)
    }

    pub fn change_exemption(&self, id: &str, change: &ExemptionChange) -> Answer<Exemption, T> {
        let path = format!("/exemptions/{}", encoded(id));
        self.ask(Method::Patch, &path, Some(json(change)))
    }

    pub fn end_exemption(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/exemptions/{}", encoded(id)))
    }

    pub fn hosts(&self, parameters: &Parameters<'_>) -> Answer<Vec<Host>, T> {
        self.get("/hosts", parameters)
    }

    pub fn host(&self, id: &str) -> Answer<HostDetail, T> {
        self.get(&format!("/hosts/{}", encoded(id)), &[])
    }

    pub fn add_host(&self, host: &NewHost) -> Answer<Host, T> {
        self.post("/hosts", host)
    }

    /// Tries to reach a host now.
    pub fn check_host(&self, id: &str) -> Answer<HostCheck, T> {
        self.post(&format!("/hosts/{}/check", encoded(id)), &())
    }

    pub fn remove_host(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/hosts/{}", encoded(id)))
    }

    pub fn tokens(&self, parameters: &Parameters<'_>) -> Answer<Vec<ApiToken>, T> {
        self.get("/tokens", parameters)
    }

    pub fn create_token(&self, token: &NewApiToken) -> Answer<ApiTokenMade, T> {
        self.post("/tokens", token)
    }

    pub fn revoke_token(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/tokens/{}", encoded(id)))
    }

    pub fn users(&self, parameters: &Parameters<'_>) -> Answer<Vec<User>, T> {
        self.get("/users", parameters)
    }

    pub fn create_user(&self, user: &NewUser) -> Answer<UserMade, T> {
        self.post("/users", user)
    }

    pub fn change_user(&self, id: &str, change: &UserChange) -> Answer<User, T> {
        let path = format!("/users/{}", encoded(id));
        self.ask(Method::Patch, &path, Some(json(change)))
    }

    pub fn remove_user(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/users/{}", encoded(id)))
    }

    /// A new link with which the person chooses a password.
    pub fn reset_user(&self, id: &str) -> Answer<UserMade, T> {
        self.post(&format!("/users/{}/reset", encoded(id)), &())
    }

    /// A file of findings, as it comes.
    pub fn export_findings(&self, parameters: &Parameters<'_>) -> Answer<Box<dyn Read + Send>, T> {
        let path = format!("/export/findings{}", query(parameters));
        Ok(self.open(Method::Get, &path, None)?.body)
    }

    /// Hands in audit events of a cluster.
    pub fn send_audit(
        &self,
        cluster: &str,
        parameters: &Parameters<'_>,
        body: Vec<u8>,
    ) -> Answer<(), T> {
        let path = format!("/clusters/{}/audit{}", encoded(cluster), query(parameters));
        self.open(Method::Post, &path, Some(body)).map(drop)
    }

    /// Every row of a paged list, up to `most`, page by page.
    pub fn all<A>(
        &self,
        parameters: &Parameters<'_>,
        most: usize,
        page: impl Fn(&Self, &Parameters<'_>) -> Answer<Page<A>, T>,
    ) -> Answer<(Vec<A>, Page<A>), T> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let left = most.saturating_sub(rows.len());
            let mut asked = parameters.to_vec();
            let limit = left.min(crate::page::MAX_LIMIT as usize).max(1);
            asked.push(("limit", Some(limit.to_string())));
            asked.push(("cursor", cursor.take()));
            let mut answer = page(self, &asked)?;
            rows.append(&mut answer.items);
            cursor.clone_from(&answer.next_cursor);
            if cursor.is_none() || rows.len() >= most {
                return Ok((rows, answer));
            }
        }
    }

    fn get<A: DeserializeOwned>(&self, path: &str, parameters: &Parameters<'_>) -> Answer<A, T> {
        self.ask(Method::Get, &format!("{path}{}", query(parameters)), None)
    }

    fn post<A: DeserializeOwned, B: Serialize>(&self, path: &str, body: &B) -> Answer<A, T> {
        self.ask(Method::Post, path, Some(json(body)))
    }

    fn end(&self, path: &str) -> Answer<(), T> {
        self.open(Method::Delete, path, None).map(drop)
    }

    fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Answer<A, T> {
        let reply = self.open(method, path, body)?;
        let status = reply.status;
        let bytes = read(reply)?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Foreign {
            path: path.to_owned(),
            status,
            reason: error.to_string(),
        })
    }

    /// The answer, if it is a success.
    fn open(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer<Reply, T> {
        let call = Call {
            method,
            path: format!("{PREFIX}{path}"),
            body,
        };
        let reply = self.transport.send(&call).map_err(ClientError::Transport)?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let status = reply.status;
        let bytes = read(reply)?;
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => ClientError::Foreign {
                path: path.to_owned(),
                status,
                reason: format!("status {status} without an explanation"),
            },
        })
    }
}

fn read<E>(reply: Reply) -> Result<Vec<u8>, ClientError<E>> {
    let mut bytes = Vec::new();
    reply
        .body
        .take(MAX_ANSWER)
        .read_to_end(&mut bytes)
        .map_err(ClientError::Read)?;
    Ok(bytes)
}

fn json<B: Serialize>(body: &B) -> Vec<u8> {
    serde_json::to_vec(body).expect("invariant: bodies are plain data")
}

/// `?a=1&b=2` of those that are given.
fn query(parameters: &Parameters<'_>) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// Percent-encoded, but for unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("invariant: writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use super::*;

    /// Answers from a list, and remembers what was asked.
    struct Script {
        answers: RefCell<Vec<(u16, &'static str)>>,
        asked: RefCell<Vec<String>>,
    }

    impl Transport for &Script {
        type Error = Infallible;

        fn send(&self, call: &Call) -> Result<Reply, Infallible> {
            self.asked.borrow_mut().push(call.path.clone());
            let (status, body) = self.answers.borrow_mut().remove(0);
            Ok(Reply {
                status,
                body: Box::new(body.as_bytes()),
            })
        }
    }

    fn script(answers: &[(u16, &'static str)]) -> Script {
        Script {
            answers: RefCell::new(answers.to_vec()),
            asked: RefCell::default(),
        }
    }

    #[test]
    fn a_list_is_walked_to_its_end_and_no_further_than_asked() {
        let more = r#"{"items": [], "next_cursor": "c/1", "total": 3, "total_capped": false}"#;
        let last = r#"{"items": [], "total": 3, "total_capped": false}"#;
        let server = script(&[(200, more), (200, last)]);
        let client = Client::new(&server);
        let asked = [("q", Some("ns:shop \"é\"".to_owned())), ("sort", None)];
        client.all(&asked, 1200, Client::findings).unwrap();
        assert_eq!(
            server.asked.into_inner(),
            [
                "/api/v1/findings?q=ns%3Ashop%20%22%C3%A9%22&limit=1000",
                "/api/v1/findings?q=ns%3Ashop%20%22%C3%A9%22&limit=1000&cursor=c%2F1",
            ]
        );
    }

    #[test]
    fn a_refusal_is_told_as_the_problem_it_is() {
        let problem = r#"{"type": "about:blank", "title": "Not Found", "status": 404,
            "code": "not_found", "detail": "no such finding", "instance": "/", "request_id": "r"}"#;
        let server = script(&[(404, problem), (502, "<html>")]);
        let client = Client::new(&server);
        let Err(ClientError::Refused(problem)) = client.finding("../7") else {
            panic!("not refused");
        };
        assert_eq!(problem.code, "not_found");
        let answer = client.end_exemption("x");
        assert!(matches!(
            answer,
            Err(ClientError::Foreign { status: 502, .. })
        ));
        assert_eq!(server.asked.borrow()[0], "/api/v1/findings/..%2F7");
    }
}
