//! TLS handshakes by rustls, which does no I/O of its own.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::Deadline;
use super::socket::connect_tcp;
use super::stream::{Exchange, Stream};
use crate::health::{Failure, FilePath, Healthy, Outcome, ProbePath, Stage, TlsCheck};

/// What a handshake needs, prepared once.
#[derive(Debug)]
pub(super) struct Client {
    config: Result<Arc<ClientConfig>, String>,
    name: Option<ServerName<'static>>,
}

impl Client {
    /// Reads the roots; that they cannot be read is the outcome of every probe.
    pub(super) fn new(check: &TlsCheck) -> Self {
        let name = check.sni.as_ref();
        Self {
            config: config(check),
            name: name.and_then(|name| ServerName::try_from(name.to_string()).ok()),
        }
    }

    pub(super) fn probe(&self, path: &ProbePath, deadline: &Deadline) -> Outcome {
        self.connect(path, deadline).map(|_| Healthy::default())
    }

    /// Connects, and completes the handshake.
    pub(super) fn connect<'a>(
        &self,
        path: &ProbePath,
        deadline: &'a Deadline,
    ) -> Result<TlsStream<'a>, Failure> {
        let config = self.config.clone().map_err(Failure::NotProbed)?;
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| nameless(path.destination.ip()));
        let session = ClientConnection::new(config, name)
            .map_err(|error| Failure::NotProbed(error.to_string()))?;
        let mut stream = TlsStream {
            session,
            stream: Stream::new(connect_tcp(path, deadline)?, deadline),
        };
        stream.handshake()?;
        Ok(stream)
    }
}

/// An address is never sent as SNI (RFC 6066).
fn nameless(address: IpAddr) -> ServerName<'static> {
    ServerName::IpAddress(address.into())
}

fn config(check: &TlsCheck) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = match &check.ca {
        _ if check.unverified => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            .with_no_client_auth(),
        Some(ca) => builder
            .with_root_certificates(own_roots(ca)?)
            .with_no_client_auth(),
        None => builder
            .with_root_certificates(system_roots()?)
            .with_no_client_auth(),
    };
    // A resumed session would not show its certificate again.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn own_roots(ca: &FilePath) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca.as_str())
        .map_err(|error| format!("read {ca}: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("read {ca}: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("{ca}: {error}"))?;
    }
    match roots.is_empty() {
        true => Err(format!("{ca} has no certificate")),
        false => Ok(roots),
    }
}

/// Returns the roots of the system, which are read once for all probes.
fn system_roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    match roots.is_empty() {
        true => Err(
            "the system has no CA certificates; install ca-certificates, or name a ca".to_owned(),
        ),
        false => Ok(Arc::clone(roots)),
    }
}

/// TLS in a connection.
#[derive(Debug)]
pub(super) struct TlsStream<'a> {
    session: ClientConnection,
    stream: Stream<'a>,
}

impl TlsStream<'_> {
    fn handshake(&mut self) -> Result<(), Failure> {
        while self.session.is_handshaking() {
            self.flush(Stage::Handshake)?;
            if self.session.is_handshaking() && !self.fill(Stage::Handshake)? {
                return Err(Failure::Closed(Stage::Handshake));
            }
        }
        self.flush(Stage::Handshake)
    }

    /// Sends what the session has to send.
    fn flush(&mut self, before: Stage) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        while self.session.wants_write() {
            // Writing to memory cannot fail.
            let _ = self.session.write_tls(&mut bytes);
        }
        self.stream.write(&bytes, before)
    }

    /// Receives one part of a record; false at the end of the connection.
    fn fill(&mut self, before: Stage) -> Result<bool, Failure> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer, before)?;
        let mut bytes = buffer.get(..count).unwrap_or_default();
        while !bytes.is_empty() {
            self.session
                .read_tls(&mut bytes)
                .map_err(|error| Failure::Tls(error.to_string()))?;
            if let Err(error) = self.session.process_new_packets() {
                // The alert, which tells the server why.
                let _ = self.flush(before);
                return Err(Failure::Tls(error.to_string()));
            }
        }
        Ok(count > 0)
    }
}

impl Exchange for TlsStream<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        // Into memory, whose limit of 64 KiB no request reaches.
        self.session
            .writer()
            .write_all(bytes)
            .map_err(|error| Failure::NotProbed(error.to_string()))?;
        self.flush(Stage::Request)
    }

    fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        let mut buffer = vec![0; 4096];
        loop {
            match self.session.reader().read(&mut buffer) {
                Ok(count) => {
                    buffer.truncate(count);
                    return Ok(buffer);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if !self.fill(Stage::Answer)? {
                        return Ok(Vec::new());
                    }
                    self.flush(Stage::Answer)?;
                }
                Err(_) => return Ok(Vec::new()),
            }
        }
    }
}

/// Accepts every certificate, but not every signature: the server must have the certificate's key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Feeds a client with what a server might send.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(mut bytes: &[u8]) {
    let check = TlsCheck {
        unverified: true,
        ..TlsCheck::default()
    };
    let client = Client::new(&check);
    let Ok(Ok(mut session)) = client
        .config
        .map(|config| ClientConnection::new(config, nameless([192, 0, 2, 1].into())))
    else {
        return;
    };
    while !bytes.is_empty() {
        if session.read_tls(&mut bytes).is_err() || session.process_new_packets().is_err() {
            break;
        }
    }
    assert!(session.is_handshaking());
}
