//! File systems that a journal is not safe on.

use std::path::Path;

use super::error::Error;

/// Refuses a path on a network file system, if the system says that it is one.
#[cfg(target_os = "linux")]
pub(super) fn refuse(path: &Path) -> Result<(), Error> {
    let name = path
        .parent()
        .and_then(|directory| rustix::fs::statfs(directory).ok())
        .and_then(|found| name_of(i128::from(found.f_type)));
    match name {
        Some(name) => Err(Error::new(
            path,
            super::error::Kind::NetworkFileSystem(name),
        )),
        // Other problems show when the journal is written.
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn refuse(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// The network file system that has this number in `statfs(2)`.
#[cfg(target_os = "linux")]
fn name_of(number: i128) -> Option<&'static str> {
    // The field is signed here and unsigned there, and of 32 or 64 bits.
    match number & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x5346_414f => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_whatever_their_sign() {
        assert_eq!(name_of(0x6969), Some("NFS"));
        assert_eq!(name_of(0xff53_4d42), Some("SMB"));
        assert_eq!(
            name_of(i128::from(0xff53_4d42_u32.cast_signed())),
            Some("SMB")
        );
        assert_eq!(name_of(0xef53), None, "ext4");
    }

    #[test]
    fn a_local_disk_is_not_refused() {
        refuse(&std::env::temp_dir().join("run.db")).unwrap();
    }
}
