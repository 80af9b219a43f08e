//! Fetching from servers on this machine: honest ones, lying ones, slow ones, broken ones.

use nascent_beacons::fetch::{Client, FetchError, Limits};
use nascent_beacons::{EthereumError, EvidenceError, parse_source};
use nascent_verifier::BeaconSource;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SIGNATURE: &str = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92";
const BLOCK: &str = include_str!("../files/ethereum-19449567.json");
const HEADERS: [&str; 2] = [
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
    "010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61",
];
const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

struct Request {
    line: String,
    headers: Vec<String>,
    body: Value,
}

struct Server {
    endpoint: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request, the first having number 0, with what `answer` writes.
    fn new(
        answer: impl Fn(usize, &Request, &mut TcpStream) -> std::io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else {
                    continue;
                };
                let number = counter.fetch_add(1, Ordering::SeqCst);
                // The client may be gone.
                let _ = answer(number, &request, &mut stream);
            }
        });
        Self { endpoint, requests }
    }

    /// A server that always answers the same.
    fn constant(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::new(move |_, _, stream| respond(stream, status, &body))
    }

    fn client(&self) -> Client {
        Client::new(&self.endpoint, limits()).unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(10),
        attempts: 3,
        pause: Duration::from_millis(5),
        answer: 64 << 10,
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push(header);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request {
        line,
        headers,
        body,
    })
}

fn respond(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn drand() -> BeaconSource {
    parse_source("drand:network=quicknet,round=123").unwrap()
}

fn ethereum() -> BeaconSource {
    parse_source("ethereum:number=19449567").unwrap()
}

fn bitcoin() -> BeaconSource {
    let text = format!("bitcoin:anchor=0/{GENESIS},height=1,confirmations=2,bits=1d00ffff");
    parse_source(&text).unwrap()
}

fn round(signature: &str) -> String {
    json!({ "round": 123, "randomness": "00", "signature": signature }).to_string()
}

#[test]
fn a_drand_round() {
    let server = Server::new(|_, request, stream| {
        let path =
            "GET /52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/public/123 ";
        let status = if request.line.starts_with(path) {
            200
        } else {
            404
        };
        respond(stream, status, &round(SIGNATURE))
    });
    let (value, finding) = server.client().fetch(&drand()).unwrap();
    assert_eq!(value.evidence, hex::decode(SIGNATURE).unwrap());
    assert!(finding.is_established());
    let trailing = Client::new(&format!("{}/", server.endpoint), limits()).unwrap();
    assert_eq!(trailing.fetch(&drand()).unwrap().0, value);
}

/// What a node answers to a call.
fn node(request: &Request) -> Value {
    let parameter = &request.body["params"][0];
    let result = match request.body["method"].as_str().unwrap() {
        "eth_getBlockByNumber" => {
            assert_eq!(parameter, "0x128c6df");
            serde_json::from_str(BLOCK).unwrap()
        }
        // A name for each height, so that the answers belong together.
        "getblockhash" => json!(format!("hash of {parameter}")),
        "getblockheader" => {
            assert_eq!(request.body["params"][1], false);
            match parameter.as_str().unwrap() {
                "hash of 1" => json!(HEADERS[0]),
                "hash of 2" => json!(HEADERS[1]),
                other => panic!("{other}"),
            }
        }
        other => panic!("{other}"),
    };
    json!({ "id": 1, "result": result, "error": null })
}

#[test]
fn blocks_of_ethereum_and_bitcoin() {
    let server = Server::new(|_, request, stream| respond(stream, 200, &node(request).to_string()));
    let (value, _) = server.client().fetch(&ethereum()).unwrap();
    assert_eq!(value.value.len(), 32);
    let (value, _) = server.client().fetch(&bitcoin()).unwrap();
    assert_eq!(hex::encode(&value.evidence), HEADERS.concat());
    assert_eq!(server.requests(), 5);
}

#[test]
fn a_password_is_sent_and_not_in_the_address() {
    let server = Server::new(|_, request, stream| {
        // `user:secret`.
        let expected = "authorization: basic dxnlcjpzzwnyzxq=";
        let known = request.headers.iter().any(|header| header == expected);
        match known {
            true => respond(stream, 200, &node(request).to_string()),
            false => respond(stream, 401, ""),
        }
    });
    let error = server.client().fetch(&bitcoin()).unwrap_err();
    assert_eq!(error, FetchError::Status { status: 401 });
    let client = server.client().with_password("user:secret");
    client.fetch(&bitcoin()).unwrap();
    for endpoint in [
        "http://user:secret@127.0.0.1:8332",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://",
        "",
    ] {
        let refused = Client::new(endpoint, limits());
        assert!(matches!(refused, Err(FetchError::Endpoint)), "{endpoint}");
    }
}

/// What comes back is checked as if it came from a stranger.
#[test]
fn lies() {
    let mut forged = SIGNATURE.to_owned();
    forged.replace_range(0..1, "a");
    for signature in [forged.as_str(), "", "00"] {
        let server = Server::constant(200, round(signature));
        let error = server.client().fetch(&drand()).unwrap_err();
        assert!(matches!(error, FetchError::Evidence(_)), "{error}");
        assert_eq!(server.requests(), 1, "a lie is not asked for again");
    }
    // Another block than the one asked for.
    let other = BLOCK.replace("0x128c6df", "0x128c6de");
    let server = Server::constant(200, format!("{{\"result\":{other}}}"));
    let error = server.client().fetch(&ethereum()).unwrap_err();
    let expected = EthereumError::Number {
        expected: 19_449_567,
        got: 19_449_566,
    };
    assert_eq!(
        error,
        FetchError::Evidence(EvidenceError::Ethereum(expected))
    );
    // The second header twice.
    let server = Server::new(|_, request, stream| {
        let result = match request.body["method"].as_str() {
            Some("getblockhash") => "x",
            _ => HEADERS[1],
        };
        respond(stream, 200, &json!({ "result": result }).to_string())
    });
    let error = server.client().fetch(&bitcoin()).unwrap_err();
    assert!(matches!(error, FetchError::Evidence(_)), "{error}");
}

#[test]
fn answers_that_are_none() {
    let json = [
        "",
        "null",
        "[]",
        "{}",
        "{\"result\":null}",
        "{\"result\":7}",
        "{\"result\":{\"number\":7}}",
        "<html>",
        "{\"result\":\"zz\"}",
    ];
    for body in json {
        for source in [drand(), ethereum(), bitcoin()] {
            let error = Server::constant(200, body).client().fetch(&source);
            let error = error.unwrap_err();
            let expected = matches!(
                error,
                FetchError::Json(_) | FetchError::Call { .. } | FetchError::Evidence(_)
            );
            assert!(expected, "{body}: {error}");
        }
    }
    let body = json!({ "result": null, "error": { "code": -8, "message": "out of range" } });
    let server = Server::constant(500, body.to_string());
    let error = server.client().fetch(&bitcoin()).unwrap_err();
    assert!(error.to_string().contains("out of range"), "{error}");
    assert_eq!(server.requests(), 1);
    let error = Server::constant(404, "").client().fetch(&drand());
    assert_eq!(error.unwrap_err(), FetchError::Status { status: 404 });
    // Not followed.
    let server = Server::new(|_, _, stream| {
        write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    });
    let error = server.client().fetch(&drand()).unwrap_err();
    assert_eq!(error, FetchError::Status { status: 302 });
    let source = parse_source("words:w").unwrap();
    let error = Server::constant(200, "").client().fetch(&source);
    assert_eq!(error.unwrap_err(), FetchError::Source);
}

#[test]
fn busy_servers_are_asked_again() {
    for status in [429, 502, 503, 504] {
        let server = Server::new(move |number, _, stream| match number {
            0 | 1 => respond(stream, status, "later"),
            _ => respond(stream, 200, &round(SIGNATURE)),
        });
        assert!(server.client().fetch(&drand()).is_ok());
        assert_eq!(server.requests(), 3);
        let server = Server::constant(status, "later");
        let error = server.client().fetch(&drand()).unwrap_err();
        assert_eq!(error, FetchError::Status { status });
        assert_eq!(server.requests(), 3, "and no oftener");
    }
    // A connection that breaks in the middle of an answer.
    let server = Server::new(|number, _, stream| match number {
        0 => write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"ro"
        ),
        _ => respond(stream, 200, &round(SIGNATURE)),
    });
    assert!(server.client().fetch(&drand()).is_ok());
}

#[test]
fn long_answers_are_cut() {
    let server = Server::new(|_, _, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        // Without an end, until the client has had enough.
        loop {
            stream.write_all(&[b' '; 4096])?;
        }
    });
    let error = server.client().fetch(&drand()).unwrap_err();
    assert_eq!(error, FetchError::TooLarge { limit: 64 << 10 });
}

#[test]
fn slow_servers_and_no_servers() {
    let server = Server::new(|_, _, _| {
        thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    let slow = Limits {
        request: Duration::from_millis(200),
        attempts: 2,
        ..limits()
    };
    let started = Instant::now();
    let client = Client::new(&server.endpoint, slow).unwrap();
    let error = client.fetch(&drand()).unwrap_err();
    assert!(matches!(error, FetchError::Transport { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
    // A port that was just given back.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&endpoint, limits()).unwrap();
    let error = client.fetch(&drand()).unwrap_err();
    assert!(matches!(error, FetchError::Transport { .. }), "{error}");
}
