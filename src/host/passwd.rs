//! The user's home according to passwd(5), for programs that are started without HOME, as by a service manager.

use std::path::PathBuf;

use crate::host::file;

/// Returns the home of the user we run as, if the file has it and it exists.
pub fn home() -> Option<PathBuf> {
    let text = file::read_small("/etc/passwd".as_ref()).ok()?;
    let uid = rustix::process::geteuid().as_raw();
    home_in(&String::from_utf8_lossy(&text), uid).filter(|home| home.is_dir())
}

fn home_in(text: &str, uid: u32) -> Option<PathBuf> {
    let mut entries = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let ours = entries.find(|fields| fields.get(2).and_then(|field| field.parse().ok()) == Some(uid))?;
    ours.get(5).map(PathBuf::from).filter(|home| home.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_a_user_is_the_sixth_field() {
        let text = "root:x:0:0:root:/root:/bin/sh\n# note\n\nbroken:x\nme:x:1000:1000:Me,,,:/home/me:/bin/bash\nnone:x:7:7:::\n";
        for (uid, want) in [(0, Some("/root")), (1000, Some("/home/me")), (7, None), (8, None)] {
            assert_eq!(home_in(text, uid), want.map(PathBuf::from), "{uid}");
        }
    }
}
