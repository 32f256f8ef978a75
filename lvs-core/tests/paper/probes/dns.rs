//! DNS.

use std::io::{Read, Write};

use lvs_core::health::{Failure, Healthy};

use crate::probes::peer::{probe, tcp, udp};

/// An answer to a question: its bytes with other flags, an answer count, and records behind it.
fn answer(question: &[u8], code: u8, records: usize) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = (answer[3] & 0xF0) | code;
    answer[7] = records as u8;
    for _ in 0..records {
        // The name of the question, A, IN, 60 s, 4 bytes.
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    }
    answer
}

const UDP: &str = r#"{"type": "dns", "name": "www.example.org"}"#;

#[test]
fn a_question_is_answered_with_a_record() {
    assert_eq!(
        probe(UDP, udp(|question| Some(answer(question, 0, 1)))),
        Ok(Healthy::default())
    );
    for (code, records, name) in [
        (0, 0, "NOERROR without a record"),
        (2, 0, "Server Failure"),
        (3, 0, "Non-Existent Domain"),
        (5, 1, "Query Refused"),
    ] {
        let outcome = probe(
            UDP,
            udp(move |question| Some(answer(question, code, records))),
        );
        assert_eq!(outcome, Err(Failure::Dns(name.to_owned())));
    }
}

#[test]
fn an_answer_to_another_question_is_none() {
    let malformed = |change: fn(&mut Vec<u8>)| {
        let outcome = probe(
            UDP,
            udp(move |question| {
                let mut answer = answer(question, 0, 1);
                change(&mut answer);
                Some(answer)
            }),
        );
        assert!(matches!(outcome, Err(Failure::Malformed(_))), "{outcome:?}");
    };
    malformed(|answer| answer[0] ^= 1);
    malformed(|answer| answer[2] &= 0x7F);
    malformed(|answer| answer[14] ^= 2);
    malformed(|answer| answer.truncate(20));
    malformed(|answer| answer.truncate(3));
    malformed(|answer| answer[6..12].fill(0xFF));
}

#[test]
fn a_question_by_tcp_has_a_length_before_it() {
    let serve = |cut: usize| {
        tcp(move |mut connection| {
            let mut length = [0; 2];
            connection.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            connection.read_exact(&mut question).unwrap();
            let answer = answer(&question, 0, 2);
            let framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
            for byte in &framed[..framed.len() - cut] {
                let _ = connection.write_all(&[*byte]);
            }
        })
    };
    let check = r#"{"type": "dns", "name": "www.example.org", "transport": "tcp"}"#;
    assert_eq!(probe(check, serve(0)), Ok(Healthy::default()));
    assert!(matches!(probe(check, serve(1)), Err(Failure::Closed(_))));
}
