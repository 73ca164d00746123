//! The persistent DTLS certificate. Its SHA-256 is part of the relay's address, so it must
//! survive restarts.
//!
//! Attack stopped: a man in the middle. Who dials by address accepts this certificate only, and
//! both ends put the fingerprints really used into the handshake above.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::rtc::peer_connection::certificate::CertificateParams;
use sha2::{Digest, Sha256};
use webrtc::peer_connection::RTCCertificate;
use webrtc::peer_connection::crypto::{self, RTCCryptoProvider, SignatureScheme};

use super::errors::CertificateError;

/// Longest PEM text read; ours has about 900 bytes.
const PEM_BYTES_MAX: usize = 16 * 1024;

/// The stack keeps an expiry of its own in front of the PEM (8 bytes, little-endian seconds). It
/// says nothing about the certificate and is wrong on 32-bit ARM, so ours is written without it.
const EXPIRES_BLOCK: &str = "-----BEGIN EXPIRES-----\r\nAAAAfwAAAAA=\r\n-----END EXPIRES-----\r\n\n";

/// Renewed for each peer connection, which is all the stack's expiry is asked for.
const EXPIRES_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A DTLS certificate and its private key.
#[derive(Clone)]
pub struct Certificate {
    inner: RTCCertificate,
    fingerprint: [u8; 32],
}

impl Certificate {
    /// Makes a new key and certificate and returns its PEM text, **private key included**: store
    /// it readable for the owner only.
    pub fn generate() -> Result<String, CertificateError> {
        let provider = provider()?;
        let params = CertificateParams::new(vec!["relay".to_owned()]).map_err(crypto_error)?;
        let scheme = SignatureScheme::EcdsaP256Sha256;
        let made = RTCCertificate::generate(provider.crypto(), scheme, params).map_err(crypto_error)?;
        let text = made.serialize_pem().map_err(crypto_error)?;
        let key = pem_block(&text, "PRIVATE_KEY").ok_or(CertificateError::Pem)?;
        let certificate = pem_block(&text, "CERTIFICATE").ok_or(CertificateError::Pem)?;
        Ok(format!("{}{}", pem("PRIVATE KEY", key), pem("CERTIFICATE", certificate)))
    }

    /// Reads the PEM text of [`Self::generate`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        if text.len() > PEM_BYTES_MAX {
            return Err(CertificateError::Pem);
        }
        let key = pem_block(text, "PRIVATE KEY").ok_or(CertificateError::Pem)?;
        let certificate = pem_block(text, "CERTIFICATE").ok_or(CertificateError::Pem)?;
        let text = format!("{EXPIRES_BLOCK}{}{}", pem("PRIVATE_KEY", key), pem("CERTIFICATE", certificate));
        let inner = RTCCertificate::from_pem(&text, provider()?.crypto())
            .map_err(|error| CertificateError::Key(error.to_string()))?;
        let der = inner.dtls_certificate.certificate.first().ok_or(CertificateError::Pem)?;
        let fingerprint = Sha256::digest(der).into();
        Ok(Self { inner, fingerprint })
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What the stack wants for one peer connection.
    pub(super) fn for_connection(&self) -> RTCCertificate {
        let expires = SystemTime::now() + EXPIRES_AFTER;
        RTCCertificate { expires, ..self.inner.clone() }
    }
}

impl fmt::Debug for Certificate {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.fingerprint;
        write!(f, "Certificate({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

fn provider() -> Result<Arc<dyn RTCCryptoProvider>, CertificateError> {
    crypto::default_provider().map_err(crypto_error)
}

fn crypto_error(error: impl fmt::Display) -> CertificateError {
    CertificateError::Crypto(error.to_string())
}

/// The base64 lines of the first block of this kind.
fn pem_block<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {kind}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {kind}-----"))?;
    Some(body.trim())
}

fn pem(kind: &str, body: &str) -> String {
    format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_keeps_its_fingerprint_over_a_restart() {
        let text = Certificate::generate().unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let (first, second) = (Certificate::from_pem(&text), Certificate::from_pem(&text));
        assert_eq!(first.unwrap().fingerprint(), second.unwrap().fingerprint());
        let other = Certificate::from_pem(&Certificate::generate().unwrap()).unwrap();
        assert_ne!(other.fingerprint(), Certificate::from_pem(&text).unwrap().fingerprint());
    }

    #[test]
    fn the_order_of_the_blocks_and_line_ends_do_not_matter() {
        let text = Certificate::generate().unwrap();
        let (key, certificate) = text.split_at(text.find("-----BEGIN CERTIFICATE").unwrap());
        let turned = format!("{certificate}{key}").replace('\n', "\r\n");
        let read = Certificate::from_pem(&turned).unwrap();
        assert_eq!(read.fingerprint(), Certificate::from_pem(&text).unwrap().fingerprint());
    }

    #[test]
    fn damaged_text_is_an_error() {
        let text = Certificate::generate().unwrap();
        let cases = [
            String::new(),
            "x".repeat(PEM_BYTES_MAX + 1),
            text.replace("PRIVATE KEY", "EC KEY"),
            text.replace("CERTIFICATE", "CERT"),
            text[..text.len() / 2].to_owned(),
            pem("PRIVATE KEY", "AAAA") + &pem("CERTIFICATE", "AAAA"),
            pem("PRIVATE KEY", "\u{e9}") + &pem("CERTIFICATE", ""),
        ];
        for case in cases {
            assert!(Certificate::from_pem(&case).is_err(), "{case:.40}");
        }
    }
}
