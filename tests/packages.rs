//! The archive and the Debian package, each installed into an empty directory, do the main job from there.
//!
//! Making them takes a while: only with `GIT_WT_TEST_PACKAGES=1`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::make;
use crate::readme::{has_python, visits};
use crate::terminal::find;
use crate::world::{Seen, World};

/// Makes a package of the binary under test, without its debug symbols; returns its file. `None` where that is not
/// asked for, or a tool is missing.
fn package(world: &World, target: &str, ending: &str) -> Option<PathBuf> {
    if std::env::var_os("GIT_WT_TEST_PACKAGES").is_none() {
        eprintln!("skipped: set GIT_WT_TEST_PACKAGES=1 to make packages");
        return None;
    }
    let tools =
        if target == "deb" { &["dpkg-deb", "objdump", "strip"][..] } else { &["tar", "gzip", "strip"] };
    if !tools.iter().all(|tool| find(tool).is_some()) {
        return None;
    }
    let binary = world.path("built/git-wt");
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    let mut strip = world.command("strip", &world.root());
    world.see(strip.arg("-o").arg(&binary).arg(env!("CARGO_BIN_EXE_git-wt"))).ok();
    let packages = world.path("packages");
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    make(world, &[target, "compression=gzip", &set("binary", &binary), &set("packages", &packages)])?.ok();
    let made: Vec<PathBuf> = fs::read_dir(&packages).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &made[..] else { panic!("{made:#?}") };
    assert!(file.to_str().unwrap().ends_with(ending), "{made:#?}");
    Some(file.clone())
}

/// Returns a command that finds git-wt in this prefix, and nowhere else.
fn command(world: &World, prefix: &Path, program: impl AsRef<Path>, dir: &Path) -> Command {
    let mut command = world.command(program.as_ref(), dir);
    let mut path = OsString::from(prefix.join("bin"));
    path.push(":");
    path.push(World::gits_dir());
    path.push(":/usr/local/bin:/usr/bin:/bin");
    command.env("PATH", path);
    command
}

/// Does the main job with what is in a prefix: the demo, the shell's half, the manual, completion.
fn works(world: &World, prefix: &Path) {
    let run = |program: &Path, dir: &Path, args: &[&str]| -> Seen {
        world.see(command(world, prefix, program, dir).env("TMPDIR", world.path("tmp")).args(args)).ok()
    };
    fs::create_dir_all(world.path("tmp")).unwrap();
    let which = run(Path::new("sh"), &world.root(), &["-c", "command -v git-wt"]).stdout;
    let prefix_told = world.told(prefix.as_os_str().as_encoded_bytes());
    assert_eq!(which, format!("{prefix_told}/bin/git-wt\n"));
    if has_python() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo");
        let seen = run(&demo, &world.root(), &[]);
        let [first, second, other] = &visits(&seen)[..] else { panic!("{seen:#?}") };
        assert!(first.contains(", 1 visit(s)") && second.contains(", 2 visit(s)"), "{seen:#?}");
        assert!(other.contains(", 1 visit(s), own venv: True"), "{seen:#?}");
    }
    if find("man").is_some() {
        for args in [&["wt", "--help"][..], &["help", "git-wt-security"]] {
            let mut help = command(world, prefix, "git", &world.root());
            help.env("MANPATH", prefix.join("share/man")).env("MANPAGER", "cat");
            let page = world.see(help.args(args)).ok().stdout;
            assert!(page.contains("GIT-WT"), "{args:?}: {page}");
        }
    }
}

/// Loads the shell's half from a prefix, and lets it move the shell.
fn moves(world: &World, prefix: &Path) {
    let repo = world.repo("myproject");
    for shell in ["bash", "zsh"] {
        let Some(program) = find(shell) else { continue };
        let file = prefix.join(format!("share/git-wt/git-wt.{shell}"));
        let script = format!("source '{}' && wt add in-{shell} >/dev/null 2>&1 && pwd", file.display());
        let mut command = command(world, prefix, program, &repo);
        let seen = world.see(command.args(["-c", &script])).ok();
        assert_eq!(seen.stdout, format!("[ROOT]/myproject-in-{shell}\n"), "{seen:#?}");
    }
}

#[test]
fn an_archive_works_below_any_prefix() {
    let world = World::new();
    let Some(archive) = package(&world, "dist", ".tar.gz") else { return };
    let prefix = world.path("a prefix");
    fs::create_dir(&prefix).unwrap();
    let mut tar = world.command("tar", &prefix);
    world.see(tar.args(["--strip-components=1", "-xzf"]).arg(&archive)).ok();
    works(&world, &prefix);
    moves(&world, &prefix);
    for file in [
        "share/bash-completion/completions/git-wt",
        "share/zsh/site-functions/_git-wt",
        "share/fish/vendor_completions.d/git-wt.fish",
        "share/doc/git-wt/LICENSE-MIT",
        "share/doc/git-wt/examples/wt.toml",
    ] {
        assert!(prefix.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_debian_package_works_and_leaves_nothing() {
    let world = World::new();
    let Some(package) = package(&world, "deb", ".deb") else { return };
    let root = world.path("root");
    let mut unpack = world.command("dpkg-deb", &world.root());
    world.see(unpack.arg("-x").arg(&package).arg(&root)).ok();
    works(&world, &root.join("usr"));
    for file in [
        "bash-completion/completions/git-wt",
        "zsh/vendor-completions/_git-wt",
        "fish/vendor_completions.d/git-wt.fish",
        "man/man1/git-wt-add.1.gz",
        "doc/git-wt/changelog.gz",
        "doc/git-wt/copyright",
    ] {
        assert!(root.join("usr/share").join(file).is_file(), "{file}");
    }
    let mut info = world.command("dpkg-deb", &world.root());
    let control = world.see(info.arg("--field").arg(&package)).ok().stdout;
    let version = format!("Version: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(control.starts_with("Package: git-wt\n") && control.contains(&version), "{control}");
    assert!(control.contains("\nDepends: git (>= 1:2.39), libgcc-s1, libc6 (>= 2."), "{control}");
    installs_and_goes(&world, &package);
}

/// Has dpkg itself install the package into an empty root, and remove it again.
fn installs_and_goes(world: &World, package: &Path) {
    if !rustix::process::geteuid().is_root() || find("dpkg").is_none() {
        eprintln!("skipped: only root can have dpkg install something");
        return;
    }
    let root = world.path("system");
    fs::create_dir_all(root.join("var/lib/dpkg/updates")).unwrap();
    fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let dpkg = |args: &[&str]| {
        let mut command = world.command("dpkg", &world.root());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        // git and libc are not in that root
        world.see(command.arg("--root").arg(&root).arg("--force-depends").args(args)).ok()
    };
    dpkg(&["--install", package.to_str().unwrap()]);
    let mut version = Command::new(root.join("usr/bin/git-wt"));
    let seen = world.see(version.env_clear().env("PATH", "/usr/bin:/bin").arg("--version")).ok();
    assert!(seen.stdout.contains(env!("CARGO_PKG_VERSION")), "{seen:#?}");
    dpkg(&["--purge", "git-wt"]);
    let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["var"]);
}
