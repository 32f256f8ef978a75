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

use crate::health::{Failure, FilePath, TlsCheck};

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

    /// Prepares a session with a destination.
    pub(super) fn session(&self, destination: IpAddr) -> Result<Session, Failure> {
        let config = self.config.clone().map_err(Failure::NotProbed)?;
        let name = self.name.clone().unwrap_or_else(|| nameless(destination));
        ClientConnection::new(config, name)
            .map(|session| Session(Box::new(session)))
            .map_err(|error| Failure::NotProbed(error.to_string()))
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

/// TLS between a probe and its connection.
#[derive(Debug)]
pub(super) struct Session(Box<ClientConnection>);

impl Session {
    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Encrypts what is to be sent once the handshake is complete: into memory, whose limit of 64 KiB no request
    /// reaches.
    pub(super) fn encrypt(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0
            .writer()
            .write_all(bytes)
            .map_err(|error| Failure::NotProbed(error.to_string()))
    }

    /// Adds what the session has to send.
    pub(super) fn take_unsent(&mut self, unsent: &mut Vec<u8>) {
        while self.0.wants_write() {
            // Writing to memory cannot fail.
            let _ = self.0.write_tls(unsent);
        }
    }

    /// Takes what was received, and returns its content.
    pub(super) fn decrypt(&mut self, mut bytes: &[u8]) -> Result<Content, Failure> {
        let mut content = Content::default();
        while !bytes.is_empty() {
            self.0
                .read_tls(&mut bytes)
                .map_err(|error| Failure::Tls(error.to_string()))?;
            self.0
                .process_new_packets()
                .map_err(|error| Failure::Tls(error.to_string()))?;
            // It would block where more may come.
            content.is_last = self.0.reader().read_to_end(&mut content.bytes).is_ok();
        }
        Ok(content)
    }
}

/// What a server sent by TLS.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// Whether the server has ended the session.
    pub(super) is_last: bool,
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
