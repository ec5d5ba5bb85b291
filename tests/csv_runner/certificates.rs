//! TLS: certificates that are refused.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use crate::cli::{csv_runner, run_with, tasks};

#[test]
fn an_expired_certificate_fails_each_row_once_for_one_cause() {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 11);
    let certificate = params
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();

    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let handshakes = Arc::new(AtomicUsize::new(0));
    let begun = Arc::clone(&handshakes);
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            begun.fetch_add(1, Ordering::Relaxed);
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            // The client breaks it off.
            let _ = tls.complete_io(&mut connection);
        }
    });

    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authorities.pem");
    fs::write(&authorities, authority_certificate.pem()).unwrap();
    let mut command = csv_runner(&["--delay=0s", "--url", &url]);
    command.env("SSL_CERT_FILE", &authorities);
    let done = run_with(command, tasks(0..20).as_bytes());
    assert_eq!(done.code(), Some(0), "{done:?}");
    let cause =
        "fetch_data: cannot connect: the certificate expired at Sat, 11 Jan 2020 00:00:00 GMT";
    assert_eq!(done.rows()[0], format!("0,Failed,\"{cause} (1 attempt)\""));
    let one_reason = format!("all 20 rows failed for one reason: {cause}\n");
    assert!(done.stderr.ends_with(&one_reason), "{done:?}");
    assert_eq!(handshakes.load(Ordering::Relaxed), 20);
}
