//! PostgreSQL over an encrypted connection: with whoever answers, or only with whom a root of one's own vouches for.
//! A server of the test's own certificate stands in front of the tests' PostgreSQL and speaks plainly behind it.

use crate::place::{On, Place};
use imp_engine::Store;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a client says that wants encryption: the length of the message, and a number that is no version.
const WANTS_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

fn openssl(folder: &Path, words: &[&str]) {
    let out = Command::new("openssl").args(words).current_dir(folder).output();
    let out = out.expect("openssl is needed for this test: install it (Debian: apt-get install openssl)");
    assert!(
        out.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// `root.pem`, which vouches for `server.pem` as `localhost`, and `other.pem`, which vouches for nobody.
fn certificates(folder: &Path) {
    const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    for (name, subject) in [("root", "/CN=A root"), ("other", "/CN=Another root")] {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let words = [
            "req", "-x509", "-days", "2", "-subj", subject, "-keyout", &key, "-out", &pem,
        ];
        openssl(folder, &[&words[..], &KEY].concat());
    }
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").expect("a file");
    let request = [
        "req",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ];
    openssl(folder, &[&request[..], &KEY].concat());
    let signed = [
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ];
    openssl(folder, &signed);
}

/// Speaks TLS with whoever comes and plainly with the server behind; whoever wants no encryption is hung up on.
async fn stand_in_front(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr, met: Arc<AtomicUsize>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (acceptor, met) = (acceptor.clone(), met.clone());
        tokio::spawn(async move {
            let mut first = [0; 8];
            if client.read_exact(&mut first).await.is_err() || first != WANTS_TLS {
                return;
            }
            let _ = client.write_all(b"S").await;
            if let (Ok(mut client), Ok(mut server)) = (acceptor.accept(client).await, TcpStream::connect(behind).await)
            {
                met.fetch_add(1, Ordering::SeqCst);
                // Either side may hang up at any time.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// Starts it on a thread of its own, since the store's connections block; its port, and how many it has spoken with.
fn encrypted(folder: &Path, behind: SocketAddr) -> (u16, Arc<AtomicUsize>) {
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).expect("a certificate");
    let chain: Vec<_> = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a server's certificate");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    listener.set_nonblocking(true).expect("ready");
    let met = Arc::new(AtomicUsize::new(0));
    let counted = met.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            stand_in_front(listener, TlsAcceptor::from(Arc::new(config)), behind, counted).await;
        });
    });
    (port, met)
}

#[test]
fn postgresql_is_spoken_to_encrypted_and_only_with_whom_the_root_vouches_for() {
    let place = Place::new(On::Postgres);
    let rest = place
        .url
        .strip_prefix("postgres://imp@")
        .expect("an address of the tests");
    let (server, database) = rest.split_once('/').expect("an address of the tests");
    let behind = server.parse().expect("an address and a port");
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let (port, met) = encrypted(folder.path(), behind);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (root, other) = (file("root.pem"), file("other.pem"));
    let opens = |host: &str, mode: &str| {
        let url = format!("postgres://imp@{host}:{port}/{database}?sslmode={mode}");
        Store::open(&url).map(drop).map_err(|e| e.to_string())
    };
    for good in [
        "require".to_owned(),
        "prefer".to_owned(),
        format!("verify-full&sslrootcert={root}"),
        format!("require&sslrootcert={root}"),
    ] {
        let before = met.load(Ordering::SeqCst);
        opens("localhost", &good).unwrap_or_else(|why| panic!("{good}: {why}"));
        assert!(met.load(Ordering::SeqCst) > before, "{good}: it was encrypted");
    }
    let before = met.load(Ordering::SeqCst);
    for (host, bad, words) in [
        ("localhost", format!("verify-full&sslrootcert={other}"), "UnknownIssuer"),
        ("localhost", format!("require&sslrootcert={other}"), "UnknownIssuer"),
        ("localhost", "verify-full".to_owned(), "UnknownIssuer"),
        (
            "127.0.0.1",
            format!("verify-full&sslrootcert={root}"),
            "not valid for name",
        ),
        (
            "localhost",
            "verify-full&sslrootcert=/no/such/file".to_owned(),
            "/no/such/file",
        ),
        ("localhost", "disable".to_owned(), "cannot be used"),
    ] {
        let why = opens(host, &bad).expect_err(&bad);
        assert!(why.contains(words), "{bad}: {why}");
    }
    assert_eq!(
        met.load(Ordering::SeqCst),
        before,
        "nothing was said to whom nobody vouches for"
    );
    // And where the server itself does not encrypt.
    let plain = format!("{}?sslmode=require", place.url);
    let why = Store::open(&plain)
        .map(drop)
        .map_err(|e| e.to_string())
        .expect_err("refused");
    assert!(why.contains("TLS"), "{why}");
}
