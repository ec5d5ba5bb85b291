//! Certificates that are refused: [`refused_certificate`].

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// Returns why the server's certificate was refused, if `error` is about that.
///
/// The text is the same for each request: rustls' own one contains the time of the request.
pub(super) fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let error = std::iter::successors(Some(error), |error| cause(*error))
        .find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let rustls::Error::InvalidCertificate(why) = error else {
        return None;
    };
    Some(match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired at {}", date(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", date(*not_before))
        }
        CertificateError::ExpiredRevocationListContext { next_update, .. } => {
            format!("the revocation list expired at {}", date(*next_update))
        }
        _ => error.to_string(),
    })
}

/// The error below this one. An I/O error names as its source that of the error in it, not that error.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn date(time: UnixTime) -> String {
    // Certificates have no later year, and `httpdate` panics at one.
    const YEAR_9999: u64 = 253_402_300_799;
    let since_epoch = Duration::from_secs(time.as_secs().min(YEAR_9999));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(why: CertificateError) -> Option<String> {
        let error = rustls::Error::InvalidCertificate(why);
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        refused_certificate(&io::Error::other(error))
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn the_text_does_not_depend_on_the_time_of_the_request() {
        for second in [2_000_000_000, 2_000_000_001] {
            let expired = CertificateError::ExpiredContext {
                time: at(second),
                not_after: at(784_111_777),
            };
            assert_eq!(
                refused(expired).unwrap(),
                "the certificate expired at Sun, 06 Nov 1994 08:49:37 GMT"
            );
            let not_yet = CertificateError::NotValidYetContext {
                time: at(second),
                not_before: at(u64::MAX),
            };
            assert_eq!(
                refused(not_yet).unwrap(),
                "the certificate is not valid before Fri, 31 Dec 9999 23:59:59 GMT"
            );
        }
    }

    #[test]
    fn other_certificates_are_described_by_rustls() {
        let text = refused(CertificateError::UnknownIssuer).unwrap();
        assert_eq!(text, "invalid peer certificate: UnknownIssuer");
    }

    #[test]
    fn other_errors_are_not_about_a_certificate() {
        let alert = rustls::Error::HandshakeNotComplete;
        assert_eq!(refused_certificate(&io::Error::other(alert)), None);
        assert_eq!(refused_certificate(&io::Error::other("closed")), None);
    }
}
