//! Evidence over HTTP, from an endpoint that the caller names: drand's API, or the JSON-RPC of an
//! Ethereum or a Bitcoin node. What comes back is checked as if it came from a stranger.

use crate::{EvidenceError, Finding, JsonError, establish, json};
use nascent_verifier::{BeaconSource, BeaconValue};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// How long to wait, how often to try, how much to read.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For one request, answer included.
    pub request: Duration,
    /// Requests in all before giving up on an answer.
    pub attempts: u32,
    /// Before the second attempt; twice as long before each further one.
    pub pause: Duration,
    /// Bytes of one answer.
    pub answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            attempts: 3,
            pause: Duration::from_millis(500),
            // A block lists its transactions' hashes.
            answer: 4 << 20,
        }
    }
}

/// An endpoint.
pub struct Client {
    agent: Agent,
    endpoint: String,
    /// Value of the header `Authorization`.
    authorization: Option<String>,
    limits: Limits,
}

impl Client {
    /// For an endpoint such as `https://api.drand.sh` or `http://127.0.0.1:8545`. Redirections are
    /// not followed.
    ///
    /// # Errors
    ///
    /// If the endpoint is not a URL of HTTP, or carries a password.
    pub fn new(endpoint: &str, limits: Limits) -> Result<Self, FetchError> {
        let rest = ["http://", "https://"]
            .iter()
            .find_map(|scheme| endpoint.strip_prefix(scheme));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
            return Err(FetchError::Endpoint);
        }
        let agent = Agent::config_builder()
            .timeout_connect(Some(limits.connect))
            .timeout_global(Some(limits.request))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent("nascent")
            .build();
        Ok(Self {
            agent: agent.into(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            authorization: None,
            limits,
        })
    }

    /// Adds `user:password`, as a Bitcoin node's cookie file holds it.
    #[must_use]
    pub fn with_password(mut self, credentials: &str) -> Self {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        self.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// Fetches the evidence of a source, and checks it.
    ///
    /// # Errors
    ///
    /// If the endpoint does not answer, or what it answers is not evidence of this source.
    pub fn fetch(&self, source: &BeaconSource) -> Result<(BeaconValue, Finding), FetchError> {
        let evidence = match source {
            BeaconSource::Drand { chain, round } => {
                let path = format!("/{}/public/{round}", hex::encode(chain));
                let answer = self.send(&path, None)?;
                if answer.status != 200 {
                    return Err(FetchError::Status {
                        status: answer.status,
                    });
                }
                json::drand(&parse(&answer.body)?)?
            }
            BeaconSource::Ethereum { number, .. } => {
                let params = json!([format!("{number:#x}"), false]);
                json::ethereum(&self.call("eth_getBlockByNumber", &params)?)?
            }
            BeaconSource::Bitcoin { anchor_height, .. } => {
                let end = anchor_height.saturating_add(source.headers());
                let mut evidence = Vec::new();
                for height in anchor_height.saturating_add(1)..=end {
                    evidence.extend(self.header(height)?);
                }
                evidence
            }
            BeaconSource::Vrf { .. } | BeaconSource::Words(_) => return Err(FetchError::Source),
        };
        Ok(establish(source.clone(), evidence)?)
    }

    /// A Bitcoin header by its height on the node's chain.
    fn header(&self, height: u64) -> Result<Vec<u8>, FetchError> {
        let hash = self.call("getblockhash", &json!([height]))?;
        let header = self.call("getblockheader", &json!([hash, false]))?;
        let digits = header.as_str().filter(|digits| digits.len() == 160);
        let decoded = digits.and_then(|digits| hex::decode(digits).ok());
        Ok(decoded.ok_or(JsonError::Field { name: "header" })?)
    }

    /// One JSON-RPC call; gives the `result`.
    fn call(&self, method: &'static str, params: &Value) -> Result<Value, FetchError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.send("", Some(&request.to_string()))?;
        // Nodes give an error with a status of its own or without: what counts is the body.
        let body = parse(&answer.body);
        let error = body.as_ref().ok().and_then(|body| body.get("error"));
        if let Some(error) = error.filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str);
            let message = message.unwrap_or("without a message");
            return Err(FetchError::Call {
                method,
                message: message.chars().take(200).collect(),
            });
        }
        if answer.status != 200 {
            return Err(FetchError::Status {
                status: answer.status,
            });
        }
        let mut body = body?;
        let result = body.get_mut("result").map(Value::take);
        let result = result.filter(|result| !result.is_null());
        result.ok_or(FetchError::Call {
            method,
            message: "no such block there yet".to_owned(),
        })
    }

    /// Sends a request; again if there is no answer, or one that says to come back later.
    fn send(&self, path: &str, body: Option<&str>) -> Result<Answer, FetchError> {
        let mut pause = self.limits.pause;
        let mut attempt = 1;
        loop {
            let answer = self.send_once(path, body);
            let again = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 502..=504),
                Err(error) => matches!(error, FetchError::Transport { .. }),
            };
            if !again || attempt >= self.limits.attempts {
                return answer;
            }
            thread::sleep(pause);
            pause = pause.saturating_mul(2);
            attempt = attempt.saturating_add(1);
        }
    }

    fn send_once(&self, path: &str, body: Option<&str>) -> Result<Answer, FetchError> {
        let url = format!("{}{path}", self.endpoint);
        let answer = match body {
            None => self.agent.get(url).call(),
            Some(body) => {
                let mut request = self
                    .agent
                    .post(url)
                    .header("content-type", "application/json");
                if let Some(authorization) = &self.authorization {
                    request = request.header("authorization", authorization);
                }
                request.send(body)
            }
        };
        self.read(answer.map_err(|error| transport(&error))?)
    }

    fn read(&self, mut answer: Response<ureq::Body>) -> Result<Answer, FetchError> {
        let status = answer.status().as_u16();
        let limit = self.limits.answer;
        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
        let body = body.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge { limit },
            error => transport(&error),
        })?;
        Ok(Answer { status, body })
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

fn transport(error: &ureq::Error) -> FetchError {
    FetchError::Transport {
        message: error.to_string(),
    }
}

fn parse(body: &[u8]) -> Result<Value, JsonError> {
    serde_json::from_slice(body).map_err(|error| JsonError::Json(error.to_string()))
}

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not a URL to use.
    #[error("the endpoint must begin with http:// or https://, and have no user or password in it")]
    Endpoint,
    /// Sources without an interface.
    #[error("a value of this source cannot be fetched: its publisher gives the proof or the value")]
    Source,
    /// No connection, or one that broke or took too long.
    #[error("no answer: {message}")]
    Transport {
        /// What the client says.
        message: String,
    },
    /// An answer without content.
    #[error("the endpoint answers with status {status}")]
    Status {
        /// HTTP status.
        status: u16,
    },
    /// A JSON-RPC error.
    #[error("{method}: {message}")]
    Call {
        /// Method.
        method: &'static str,
        /// What the endpoint says.
        message: String,
    },
    /// More than is ever needed.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
    /// Not the answer of such an interface.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An answer that is not evidence of the source.
    #[error("what the endpoint gave is refused: {0}")]
    Evidence(#[from] EvidenceError),
}
