//! A certificate that nobody vouches for but the invitations, which carry its fingerprint.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use super::{CERTIFICATE, TlsError, read};
use crate::unix;

/// Certificate and key stand in one file, so that neither is ever there without the other.
pub(crate) const FILE: &str = "self-signed.pem";
/// What RFC 5280 writes for “without an end”: devices go by the fingerprint, and a certificate that ends on some day in ten
/// years shuts everybody out on that day.
const LAST_YEAR: i32 = 9999;
const FIRST_YEAR: i32 = 2000;

pub(super) fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// The file's content; where there is none, it is made. Of two processes that make it at once, one's is kept for both.
pub(super) fn read_or_make(data: &Path, names: &[String]) -> Result<Vec<u8>, TlsError> {
    let path = path(data);
    match read(CERTIFICATE, &path) {
        Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let failed = |source| TlsError::Write { path: path.clone(), source };
    unix::make_private_folder(data).map_err(failed)?;
    let unfinished = unfinished(data);
    let written = write(&unfinished, &make(names)?).and_then(|()| std::fs::hard_link(&unfinished, &path));
    let removed = std::fs::remove_file(&unfinished);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => removed.map_err(failed)?,
    }
    read(CERTIFICATE, &path)
}

/// A name that no other process and no other thread uses at the same time.
fn unfinished(data: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    data.join(format!("{FILE}.{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn make(names: &[String]) -> Result<String, TlsError> {
    let failed = |error: rcgen::Error| TlsError::NotMade(error.to_string());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Regard relay");
    params.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 12, 31);
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

fn write(path: &Path, pem: &str) -> io::Result<()> {
    // A process of the same number may have died in the middle of this.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = unix::make_private_file(path)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Tls;

    #[test]
    fn a_certificate_is_made_once() {
        let data = tempfile::tempdir().expect("a folder");
        assert_eq!(Tls::self_signed_fingerprint(data.path()).expect("an answer"), None);
        let names = ["localhost".to_owned(), "192.0.2.7".to_owned()];
        let made = Tls::self_signed(data.path(), &names).expect("a certificate");
        let again = Tls::self_signed(data.path(), &["elsewhere".to_owned()]).expect("the same certificate");
        assert_eq!(made.fingerprint(), again.fingerprint());
        assert_eq!(Tls::self_signed_fingerprint(data.path()).expect("an answer"), Some(made.fingerprint()));
        assert_eq!(std::fs::read_dir(data.path()).expect("a folder").count(), 1, "nothing else is left behind");
    }

    #[test]
    fn many_that_make_it_at_once_have_one() {
        let data = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            let makers = [(); 8].map(|()| scope.spawn(|| Tls::self_signed(data.path(), &[])));
            let made = makers.map(|maker| maker.join().expect("no panic"));
            let fingerprints = made.map(|tls| tls.expect("a certificate").fingerprint());
            assert!(fingerprints.iter().all(|one| *one == fingerprints[0]), "{fingerprints:?}");
        });
    }

    #[test]
    fn a_damaged_file_is_told_and_not_replaced() {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(path(data.path()), "-----BEGIN CERTIFICATE-----\nAAAA").expect("a file");
        let error = Tls::self_signed(data.path(), &[]).expect_err("damage");
        assert!(error.to_string().ends_with("holds no certificate that can be read: its end is missing"), "{error}");
    }
}
