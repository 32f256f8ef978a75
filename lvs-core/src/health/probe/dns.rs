//! A DNS question is answered.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use crate::health::{DnsCheck, Failure, Healthy, Outcome, ProbePath};

/// Returns an identifier that an answer of another exchange does not have by chance. Forgery is no threat
/// to a probe: who can forge an answer can answer.
pub(super) fn identifier(path: &ProbePath) -> u16 {
    use std::hash::{BuildHasher, RandomState};
    // The lower half of a hash with random keys.
    (RandomState::new().hash_one(path) & 0xFFFF) as u16
}

pub(super) fn question(check: &DnsCheck, id: u16) -> Result<Message, Failure> {
    let mut name = Name::from_ascii(check.name.as_str())
        .map_err(|error| Failure::NotProbed(error.to_string()))?;
    // A name in a message is always absolute, and is compared with this one.
    name.set_fqdn(true);
    let mut query = Query::query(name, RecordType::from(check.record.number()));
    query.set_query_class(DNSClass::IN);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(query);
    message.metadata.recursion_desired = true;
    Ok(message)
}

/// Returns the bytes of a message, by TCP behind their length.
pub(super) fn encoded(question: &Message, is_framed: bool) -> Result<Vec<u8>, Failure> {
    let bytes = question
        .to_vec()
        .map_err(|error| Failure::NotProbed(error.to_string()))?;
    // At most 271 bytes: a header, a name of 255 and two numbers.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    Ok(match is_framed {
        true => [&length.to_be_bytes(), bytes.as_slice()].concat(),
        false => bytes,
    })
}

/// Returns the message behind its length, once it is complete: at most 65,535 bytes.
pub(super) fn framed(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// Judges the bytes of an answer.
pub(super) fn judge(question: &Message, bytes: &[u8]) -> Outcome {
    if !counts_fit(bytes) {
        return Err(Failure::Malformed(
            "it claims more records than it has bytes".to_owned(),
        ));
    }
    let answer = Message::from_vec(bytes).map_err(|error| Failure::Malformed(error.to_string()))?;
    let is_for_us = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    if !is_for_us {
        return Err(Failure::Malformed(
            "it answers a different question".to_owned(),
        ));
    }
    match answer.metadata.response_code {
        // What did not fit into a datagram is there all the same.
        ResponseCode::NoError if answer.metadata.truncation || !answer.answers.is_empty() => {
            Ok(Healthy::default())
        }
        ResponseCode::NoError => Err(Failure::Dns("NOERROR without a record".to_owned())),
        code => Err(Failure::Dns(code.to_str().to_owned())),
    }
}

/// Returns whether a message can hold as many questions and records as its header says, so that none are made room
/// for that do not exist. A question has at least 5 bytes, a record 11.
fn counts_fit(bytes: &[u8]) -> bool {
    let count = |at: usize| match bytes.get(at..at + 2) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    let records = count(6) + count(8) + count(10);
    bytes.len() >= 12 && 12 + 5 * count(4) + 11 * records <= bytes.len()
}
