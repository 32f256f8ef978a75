//! TLS and HTTPS, with certificates made here.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lvs_core::health::{Failure, Healthy, Stage};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::probes::peer::{closed, probe, request, tcp};

/// A CA, as a file, and a certificate of www.example.org.
struct Own {
    directory: tempfile::TempDir,
    config: Arc<ServerConfig>,
}

impl Own {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["www.example.org".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            directory,
            config: Arc::new(config),
        }
    }

    fn ca(&self) -> String {
        self.directory.path().join("ca.pem").display().to_string()
    }

    /// A server for one connection that answers a request.
    fn serve(&self, answer: &'static str) -> SocketAddr {
        let config = Arc::clone(&self.config);
        tcp(move |connection| {
            let session = ServerConnection::new(config).unwrap();
            let mut stream = rustls::StreamOwned::new(session, connection);
            if answer.is_empty() {
                let _ = stream.read(&mut [0]);
            } else {
                request(&mut stream);
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.flush();
            }
        })
    }
}

#[test]
fn a_certificate_is_verified() {
    let own = Own::new();
    let check =
        |sni: &str, ca: &str| format!(r#"{{"type": "tls", "timeout": "10s", "sni": "{sni}"{ca}}}"#);
    let ca = format!(r#", "ca": "{}""#, own.ca());
    assert_eq!(
        probe(&check("www.example.org", &ca), own.serve("")),
        Ok(Healthy::default())
    );
    let outcome = probe(&check("other.example.org", &ca), own.serve(""));
    assert!(
        matches!(&outcome, Err(Failure::Tls(why)) if why.contains("not valid for name")),
        "{outcome:?}"
    );
    let unverified = r#"{"type": "tls", "timeout": "10s", "verify": false}"#;
    assert_eq!(probe(unverified, own.serve("")), Ok(Healthy::default()));
}

/// Skipped where the system has no roots: then nothing is probed, which is said.
#[test]
fn a_ca_that_the_system_does_not_know_is_refused() {
    let own = Own::new();
    let check = r#"{"type": "tls", "timeout": "10s", "sni": "www.example.org"}"#;
    let outcome = probe(check, own.serve(""));
    match &outcome {
        Err(Failure::Tls(why)) => assert!(why.contains("UnknownIssuer"), "{why}"),
        Err(Failure::NotProbed(why)) => assert!(why.contains("no CA certificates"), "{why}"),
        _ => panic!("{outcome:?}"),
    }
}

#[test]
fn a_ca_that_cannot_be_read_says_nothing_of_the_server() {
    let check = |ca: &Path| {
        format!(
            r#"{{"type": "tls", "sni": "a.example", "ca": "{}"}}"#,
            ca.display()
        )
    };
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for ca in [directory.path().join("missing.pem"), empty] {
        let failure = probe(&check(&ca), closed()).unwrap_err();
        assert!(failure.is_inconclusive(), "{failure}");
    }
}

#[test]
fn https_is_http_in_tls() {
    let own = Own::new();
    let check = format!(
        r#"{{"type": "https", "timeout": "10s", "host": "www.example.org", "contains": "ok", "ca": "{}"}}"#,
        own.ca()
    );
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(probe(&check, own.serve(answer)), Ok(Healthy::default()));
    let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(probe(&check, own.serve(answer)), Err(Failure::Status(503)));
}

#[test]
fn a_server_without_tls_fails_and_does_not_hang() {
    let check = r#"{"type": "tls", "timeout": "200ms", "verify": false}"#;
    let plain = tcp(|mut connection| {
        let _ = connection.write_all(b"220 mail.example.org ESMTP\r\n");
        let _ = connection.read(&mut [0; 4096]);
    });
    assert!(matches!(probe(check, plain), Err(Failure::Tls(_))));
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let silent = tcp(move |_connection| {
        let _ = hold.recv();
    });
    assert_eq!(
        probe(check, silent),
        Err(Failure::TimedOut(Stage::Handshake))
    );
    drop(held);
    assert_eq!(probe(check, closed()), Err(Failure::Refused));
}
