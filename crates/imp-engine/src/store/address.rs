//! Where a store is: `sqlite://PATH` or `postgres://…`, as libpq writes it, with rustls where it is encrypted.

use postgres::config::SslMode;
use postgres::{Client, Config, NoTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take to come about: longer than any healthy network needs.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may leave bytes unacknowledged before the connection counts as broken.
const UNANSWERED: Duration = Duration::from_secs(10);
/// How soon an idle connection is asked whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A PostgreSQL server's address, read.
#[derive(Clone)]
pub struct Address {
    /// For people: without the password.
    pub shown: String,
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Reads `postgres://user:password@host:port/db?sslmode=…`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence's end.
    pub fn parse(url: &str) -> Result<Address, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut mode = "prefer";
        let mut roots = None;
        let mut rest: Vec<&str> = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", m)) => mode = m,
                Some(("sslrootcert", file)) => roots = Some(file.replace("%2F", "/").replace("%2f", "/")),
                _ => rest.push(pair),
            }
        }
        let plain = match rest.is_empty() {
            true => base.to_owned(),
            false => format!("{base}?{}", rest.join("&")),
        };
        let mut config: Config = plain.parse().map_err(|e: postgres::Error| {
            let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            format!("it cannot be read: {why}")
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host; for a socket write ?host=/run/postgresql".to_owned());
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let (ssl, verify) = match mode {
            "disable" => (SslMode::Disable, false),
            "prefer" | "allow" => (SslMode::Prefer, roots.is_some()),
            "require" => (SslMode::Require, roots.is_some()),
            "verify-full" => (SslMode::Require, true),
            other => {
                return Err(format!(
                    "sslmode={other} is not known; write disable, prefer, require or verify-full"
                ));
            }
        };
        config
            .ssl_mode(ssl)
            .connect_timeout(CONNECT)
            .keepalives_idle(KEEPALIVE)
            .tcp_user_timeout(UNANSWERED);
        if config.get_application_name().is_none() {
            config.application_name("imp");
        }
        let tls = match ssl {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls(verify, roots.as_deref())?)),
        };
        Ok(Address {
            shown: shown(url),
            config,
            tls,
        })
    }

    /// A session. Blocks, and must not be called where other tasks run.
    ///
    /// # Errors
    /// What the driver says.
    pub fn dial(&self) -> Result<Client, postgres::Error> {
        match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }
    }
}

/// An address without the password that it may hold.
pub fn shown(url: &str) -> String {
    let Some(start) = url.find("://").map(|n| n + 3) else {
        return url.to_owned();
    };
    let (base, query) = url.split_once('?').map_or((url, None), |(b, q)| (b, Some(q)));
    let base = match base.rfind('@') {
        Some(at) if at > start => {
            let user = base[start..at].split(':').next().unwrap_or_default();
            format!("{}{user}{}", &base[..start], &base[at..])
        }
        _ => base.to_owned(),
    };
    let open: Vec<&str> = query
        .into_iter()
        .flat_map(|q| q.split('&'))
        .filter(|p| !p.starts_with("password="))
        .collect();
    match open.is_empty() {
        true => base,
        false => format!("{base}?{}", open.join("&")),
    }
}

fn tls(verify: bool, roots: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    if !verify {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            .with_no_client_auth());
    }
    let mut store = RootCertStore::empty();
    match roots {
        Some(file) => {
            let failed = |e: &dyn std::fmt::Display| format!("sslrootcert={file} cannot be used: {e}");
            for cert in CertificateDer::pem_file_iter(file).map_err(|e| failed(&e))? {
                store.add(cert.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
            }
        }
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if store.is_empty() {
        return Err("no certificate authority is known here; name a file with sslrootcert=".to_owned());
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// Encrypted, and nobody asks who the other side is: what `sslmode=require` means in libpq.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(shown("postgres://imp:s3cret@db:5432/imp"), "postgres://imp@db:5432/imp");
        assert_eq!(
            shown("postgres://imp@db/imp?password=s3cret&x=1"),
            "postgres://imp@db/imp?x=1"
        );
    }

    #[test]
    fn addresses_are_read_as_libpq_writes_them() {
        for good in [
            "postgres://imp@db/imp",
            "postgresql://imp:pw@db:5433/imp?sslmode=disable",
            "postgres://imp@/imp?host=/run/postgresql",
            "postgres://imp@db/imp?sslmode=require",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        let wrong = Address::parse("postgres://imp@db/imp?sslmode=maybe")
            .err()
            .unwrap_or_default();
        assert!(wrong.contains("verify-full"), "{wrong}");
    }
}
