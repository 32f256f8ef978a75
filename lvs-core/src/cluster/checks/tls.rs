//! TLS handshakes.

use std::net::IpAddr;

use super::program::FilePath;
use super::text::{checked_text, is_domain, refused};
use crate::error::InvalidValue;

checked_text! {
    /// Holds the name that a certificate must be valid for, and that SNI sends: a DNS name or an IP address.
    ServerName, "server name", |text| {
        let is_numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = is_domain(text)
            && text.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'))
            && !text.split('.').next_back().is_some_and(is_numeric);
        (!is_name && text.parse::<IpAddr>().is_err())
            .then_some("is neither a DNS name nor an IP address")
    }
}

/// Describes a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsCheck {
    /// The name that SNI sends and that the certificate must be valid for. With HTTPS the host unless given.
    pub sni: Option<ServerName>,
    /// Accepts every certificate, whichever authority signed it and with any name and dates.
    pub unverified: bool,
    /// A file of PEM certificates whose signatures are accepted in place of the system's.
    pub ca: Option<FilePath>,
}

impl TlsCheck {
    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// Verification without a name, or a CA without verification.
    pub fn check(&self) -> Result<(), InvalidValue> {
        if !self.unverified && self.sni.is_none() {
            let problem = "is missing; write sni = \"www.example.org\", or verify = false";
            return Err(refused("server name", "", problem));
        }
        if self.unverified && self.ca.is_some() {
            let ca = self.ca.as_ref().map(FilePath::as_str).unwrap_or_default();
            return Err(refused("ca", ca, "has no effect with verify = false"));
        }
        Ok(())
    }
}
