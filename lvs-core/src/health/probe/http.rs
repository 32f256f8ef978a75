//! An HTTP/1.1 request is answered as expected.

use std::net::SocketAddr;

use crate::health::{Failure, Healthy, HostName, HttpCheck, HttpMethod, Outcome, Percent, Stage};

/// Every part is checked when it is made, so that none can hold a line's end.
pub(super) fn request(check: &HttpCheck, destination: SocketAddr, default_port: u16) -> String {
    let host = match &check.host {
        Some(host) => HostName::as_str(host).to_owned(),
        None if destination.port() == default_port => match destination {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        },
        None => destination.to_string(),
    };
    format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: lvs-core\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        check.method, check.path
    )
}

/// The most bytes before the body, and of the body.
const LARGEST_HEAD: usize = 16 * 1024;
const LARGEST_BODY: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// An answer while it arrives. Pure: bytes in, an outcome out.
#[derive(Debug)]
pub(super) struct Answer {
    check: HttpCheck,
    bytes: Vec<u8>,
    /// The length of interim heads.
    skipped: usize,
    body: Option<Body>,
}

/// What is known of an answer once its head is complete.
#[derive(Debug)]
struct Body {
    healthy: Healthy,
    length: Length,
    content: Vec<u8>,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// After so many bytes.
    Bytes(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// A head that is complete.
struct Head {
    status: u16,
    length: Length,
    share: Option<Percent>,
    size: usize,
}

impl Answer {
    pub(super) fn new(check: &HttpCheck) -> Self {
        Self {
            check: check.clone(),
            bytes: Vec::new(),
            skipped: 0,
            body: None,
        }
    }

    /// Takes some bytes; returns the outcome as soon as it is certain.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Outcome> {
        self.bytes.extend_from_slice(bytes);
        if self.body.is_none() {
            match self.head() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(failure) => return Some(Err(failure)),
            }
        }
        if let Some(outcome) = self.without_body() {
            return Some(outcome);
        }
        match self.read_body() {
            Ok(is_whole) => self.judge(is_whole),
            // What arrived before it may have it, as it would have had if it had arrived alone.
            Err(failure) => self.judge(false).or(Some(Err(failure))),
        }
    }

    /// Takes the end of the connection.
    pub(super) fn end(&self) -> Outcome {
        let is_whole = matches!(&self.body, Some(body) if body.length == Length::Close);
        match self.judge(is_whole) {
            Some(outcome) => outcome,
            None => Err(Failure::Closed(Stage::Answer)),
        }
    }

    /// Reads the head, and removes it from the bytes; false if it is not complete. Interim answers (1xx) are
    /// skipped, and count towards its length: there may be any number of them.
    fn head(&mut self) -> Result<bool, Failure> {
        loop {
            let head = parse_head(&self.bytes)?;
            let size = head.as_ref().map_or(self.bytes.len(), |head| head.size);
            if self.skipped + size > LARGEST_HEAD {
                return Err(malformed("the head is longer than 16 KiB"));
            }
            let Some(head) = head else {
                return Ok(false);
            };
            self.bytes.drain(..size.min(self.bytes.len()));
            if (100..200).contains(&head.status) && head.status != 101 {
                self.skipped += size;
                continue;
            }
            if !self.check.status.contains(head.status) {
                return Err(Failure::Status(head.status));
            }
            self.body = Some(Body {
                healthy: Healthy { share: head.share },
                length: head.length,
                content: Vec::new(),
            });
            return Ok(true);
        }
    }

    /// Nothing more is read if no content is expected.
    fn without_body(&self) -> Option<Outcome> {
        let body = self.body.as_ref()?;
        let is_read = self.check.contains.is_some() && self.check.method != HttpMethod::Head;
        (!is_read).then_some(Ok(body.healthy))
    }

    /// Moves what has arrived into the body; true if that was all of it.
    fn read_body(&mut self) -> Result<bool, Failure> {
        let Some(body) = &mut self.body else {
            return Ok(false);
        };
        match &mut body.length {
            Length::Close => {
                body.content.append(&mut self.bytes);
                Ok(false)
            }
            Length::Bytes(remaining) => {
                let count = usize::try_from(*remaining)
                    .unwrap_or(usize::MAX)
                    .min(self.bytes.len());
                body.content.extend(self.bytes.drain(..count));
                *remaining -= count as u64;
                Ok(*remaining == 0)
            }
            Length::Chunked => unchunk(&mut self.bytes, &mut body.content),
        }
    }

    fn judge(&self, is_whole: bool) -> Option<Outcome> {
        let (body, needle) = (self.body.as_ref()?, self.check.contains.as_ref()?);
        if needle.is_in(body.content.get(..LARGEST_BODY).unwrap_or(&body.content)) {
            return Some(Ok(body.healthy));
        }
        let is_read = is_whole || body.content.len() >= LARGEST_BODY;
        is_read.then(|| Err(Failure::Lacks(needle.to_string())))
    }
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::Malformed(error.to_string())
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let size = match response.parse(bytes).map_err(malformed)? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(size) => size,
    };
    let status = response.code.ok_or_else(|| malformed("no status"))?;
    let (mut length, mut share) = (Length::Close, None);
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if value.to_ascii_lowercase().ends_with("chunked") {
                length = Length::Chunked;
            }
        } else if header.name.eq_ignore_ascii_case("content-length") {
            let count = value
                .parse()
                .map_err(|_| malformed("content-length is not a number"))?;
            // RFC 9112: with both, the transfer encoding counts.
            if length != Length::Chunked {
                length = Length::Bytes(count);
            }
        } else if header.name.eq_ignore_ascii_case("lvs-weight") {
            let number = value
                .parse()
                .ok()
                .and_then(|number| Percent::new(number).ok());
            share =
                Some(number.ok_or_else(|| malformed("LVS-Weight is not a number from 0 to 100"))?);
        }
    }
    Ok(Some(Head {
        status,
        length,
        share,
        size,
    }))
}

/// Moves the content of complete chunks, and of the last one as far as it has arrived; true after the last.
fn unchunk(bytes: &mut Vec<u8>, content: &mut Vec<u8>) -> Result<bool, Failure> {
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            // A size is never so long; otherwise a server could fill the memory with digits.
            Ok(httparse::Status::Partial) if bytes.len() > LARGEST_HEAD => {
                return Err(malformed("a chunk's size is longer than 16 KiB"));
            }
            Ok(httparse::Status::Partial) => return Ok(false),
            Err(error) => return Err(malformed(error)),
        };
        if size == 0 {
            return Ok(true);
        }
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| start.checked_add(size))
            .unwrap_or(usize::MAX);
        // With the line's end behind the chunk.
        match end.checked_add(2).filter(|next| *next <= bytes.len()) {
            Some(next) => {
                content.extend_from_slice(bytes.get(start..end).unwrap_or_default());
                bytes.drain(..next);
            }
            // What cannot fit any more into what is read need not be waited for.
            None if content.len() + bytes.len().saturating_sub(start) >= LARGEST_BODY => {
                content
                    .extend_from_slice(bytes.get(start..end.min(bytes.len())).unwrap_or_default());
                return Ok(true);
            }
            None => return Ok(false),
        }
        if content.len() >= LARGEST_BODY {
            return Ok(true);
        }
    }
}
