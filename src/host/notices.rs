//! Notices of claimed ports, for other users of this host: who may not read each other's claims still see that a port is
//! taken.
//!
//! They are in a directory where everybody may write and nobody may remove what is another's. A notice says no more than
//! its port and its owner; whatever a stranger puts there costs us a port and nothing else.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::host::exec::variable;

/// Where they are, for all users alike; it outlives a restart, as claims do.
const DIR: &str = "/var/tmp/git-wt-ports";
/// The variable that names another directory.
const ELSEWHERE: &str = "GIT_WT_PORT_NOTICES";
const IN_DIR: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
/// The longest path of a claim that is read.
const LONGEST: u64 = 4096;

/// The notices of this host. Where there can be none, other users are not seen.
#[derive(Debug)]
pub struct Notices {
    dir: PathBuf,
}

impl Notices {
    /// Finds the directory; creates nothing.
    pub fn of_host() -> Self {
        Self { dir: variable(ELSEWHERE).map_or_else(|| DIR.into(), PathBuf::from) }
    }

    /// Puts up a notice for a claim of ours; returns false if the port is another user's.
    pub fn put_up(&self, port: u16, claim: &Path) -> bool {
        let Ok(dir) = self.open().or_else(|_| self.make()) else { return true };
        let name = port.to_string();
        loop {
            let flags = IN_DIR.union(OFlags::WRONLY).union(OFlags::CREATE).union(OFlags::EXCL);
            match rustix::fs::openat(&dir, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => {
                    let _ = File::from(file).write_all(claim.as_os_str().as_bytes());
                    return true;
                }
                Err(Errno::EXIST) => match Self::look(&dir, &name) {
                    Found::Gone => {}
                    Found::Ours(of) if of == claim => return true,
                    Found::Ours(of) if !of.exists() => {
                        if rustix::fs::unlinkat(&dir, &name, AtFlags::empty()).is_err() {
                            return true;
                        }
                    }
                    // under another home: that is one user's own affair
                    Found::Ours(_) => return true,
                    Found::Anothers => return false,
                },
                Err(_) => return true,
            }
        }
    }

    /// Takes down the notice for a claim of ours.
    pub fn take_down(&self, port: u16, claim: &Path) {
        let Ok(dir) = self.open() else { return };
        let name = port.to_string();
        if matches!(Self::look(&dir, &name), Found::Ours(of) if of == claim) {
            let _ = rustix::fs::unlinkat(&dir, &name, AtFlags::empty());
        }
    }

    /// Returns the ports that have a notice of another user, and takes down those of ours whose claim has gone.
    pub fn of_others(&self) -> BTreeSet<u16> {
        let Ok(dir) = self.open() else { return BTreeSet::new() };
        let entries = Dir::read_from(&dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
        let ports = names.filter_map(|name| Some((name.parse::<u16>().ok()?, name)));
        let of_another = |name: &str| match Self::look(&dir, name) {
            Found::Anothers => true,
            Found::Ours(of) if !of.exists() => {
                let _ = rustix::fs::unlinkat(&dir, name, AtFlags::empty()); // it gives way anyhow
                false
            }
            Found::Ours(_) | Found::Gone => false,
        };
        ports.filter(|(_, name)| of_another(name)).map(|(port, _)| port).collect()
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(CWD, &self.dir, IN_DIR.union(OFlags::RDONLY | OFlags::DIRECTORY), Mode::empty())
    }

    /// Makes the directory, whatever the umask.
    fn make(&self) -> Result<OwnedFd, Errno> {
        match rustix::fs::mkdirat(CWD, &self.dir, Mode::RWXU) {
            Ok(()) => {
                let dir = self.open()?;
                rustix::fs::fchmod(&dir, Mode::RWXU | Mode::RWXG | Mode::RWXO | Mode::SVTX)?;
                Ok(dir)
            }
            Err(Errno::EXIST) => self.open(),
            Err(cause) => Err(cause),
        }
    }

    fn look(dir: &OwnedFd, name: &str) -> Found {
        let Ok(found) = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) else { return Found::Gone };
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        if found.st_uid != rustix::process::geteuid().as_raw() || !is_file {
            return Found::Anothers;
        }
        let read = || -> io::Result<Vec<u8>> {
            let file = rustix::fs::openat(dir, name, IN_DIR.union(OFlags::RDONLY), Mode::empty())?;
            let mut content = Vec::new();
            File::from(file).take(LONGEST).read_to_end(&mut content)?;
            Ok(content)
        };
        read().map_or(Found::Gone, |path| Found::Ours(std::ffi::OsString::from_vec(path).into()))
    }
}

/// What a notice says.
enum Found {
    Gone,
    /// One of this user's, for the claim in this file.
    Ours(PathBuf),
    Anothers,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_port_has_one_notice_and_what_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let notices = Notices { dir: dir.path().join("notices") };
        let claims = ["a", "b"].map(|state| dir.path().join(state).join("8001"));
        for claim in &claims {
            fs::create_dir(claim.parent().unwrap()).unwrap();
            fs::write(claim, "").unwrap();
        }
        let [ours, other] = &claims;
        let says = || fs::read_to_string(notices.dir.join("8001")).ok().map(PathBuf::from);
        assert!(notices.put_up(8001, ours) && notices.put_up(8001, other));
        assert_eq!(says().as_ref(), Some(ours));
        notices.take_down(8001, other);
        assert_eq!(says().as_ref(), Some(ours));
        // one whose claim has gone gives way
        fs::remove_file(ours).unwrap();
        assert!(notices.put_up(8001, other));
        assert_eq!(says().as_ref(), Some(other));
        notices.take_down(8001, other);
        assert_eq!(says(), None);
        assert!(notices.put_up(8003, ours) && notices.of_others().is_empty());
        assert!(!notices.dir.join("8003").exists());
        // a link is no notice of ours
        symlink(other, notices.dir.join("8002")).unwrap();
        assert!(!notices.put_up(8002, ours));
        assert_eq!(notices.of_others().into_iter().collect::<Vec<_>>(), [8002]);
        assert_eq!(fs::metadata(&notices.dir).unwrap().permissions().mode() & 0o7777, 0o1777);
    }

    #[test]
    fn where_there_can_be_none_nothing_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let notices = Notices { dir: dir.path().join("file/notices") };
        assert!(notices.put_up(8001, Path::new("/claim")) && notices.of_others().is_empty());
    }
}
