//! Where `shell-init --install` and `make install` put things, that help is found there, and that all of it is removed
//! again.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::terminal::{SHELLS, Terminal, find};
use crate::world::{Seen, World};

const LINE: &str = "eval \"$(git-wt shell-init bash)\" # added by git-wt shell-init --install\n";
const PAGE: &str = "home/.cargo/share/man/man1/git-wt.1";

/// Makes a world whose user has git-wt where cargo installs it.
fn cargos() -> World {
    let world = World::with_repo();
    fs::create_dir_all(world.path("home/.cargo/bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_git-wt"), world.path("home/.cargo/bin/git-wt")).unwrap();
    world
}

/// Returns a command run by such a user, with no MANPATH and no pager.
fn command(world: &World, program: &str, args: &[&str]) -> Command {
    let mut command = world.command(program, &world.path("myproject"));
    let bin = world.path("home/.cargo/bin");
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
    command.env("SHELL", "/bin/bash").env("MANPAGER", "cat").args(args);
    command
}

fn init(world: &World, args: &[&str]) -> Seen {
    world.see(command(world, "git", &["wt", "shell-init"]).args(args))
}

/// Returns the names of all files in the home, with the content of the start files.
fn home(world: &World) -> String {
    let script = "find home | LC_ALL=C sort; find home -type f -path '*rc*' -o -name '*.fish' | xargs cat";
    world.see(world.command("sh", &world.root()).args(["-c", script])).ok().stdout
}

/// Runs the Makefile with the binary under test.
pub fn make(world: &World, args: &[&str]) -> Option<Seen> {
    let make = find("make")?;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = concat!("binary=", env!("CARGO_BIN_EXE_git-wt"));
    Some(world.see(world.command(make, dir).args(["--silent", "CARGO=true", binary]).args(args)))
}

#[test]
fn one_command_installs_and_one_takes_it_back() {
    for (shell, file) in SHELLS.into_iter().zip([".bashrc", ".zshrc", ".config/fish/config.fish"]) {
        let Some(program) = find(shell) else { continue };
        let world = cargos();
        world.write(format!("home/{file}"), "# mine\n");
        let before = home(&world);
        let wt = |args: &[&str]| {
            let mut command = command(&world, "git", &["wt", "shell-init"]);
            world.see(command.env("SHELL", &program).args(args)).ok().prints("")
        };
        let seen = wt(&["--install", "--yes"]).says(&[
            "write manual pages into '[ROOT]/home/.cargo/share/man/man1': git-wt.1 git-wt-add.1 ",
            "write manual pages into '[ROOT]/home/.cargo/share/man/man7': git-wt-security.7\n",
            &format!("add to '[ROOT]/home/{file}': "),
            &format!("keep it as it is now in '[ROOT]/home/{file}.git-wt-backup'"),
            "installed: a new shell has it",
        ]);
        assert!(!seen.stderr.contains("left as it is"), "{seen:#?}");
        assert_eq!(world.read(format!("home/{file}.git-wt-backup")), "# mine\n");
        let mut loaded = command(&world, program.to_str().unwrap(), &["-i", "-c", "wt list --no-status"]);
        // fish keeps its history and other files here
        loaded.env("XDG_DATA_HOME", world.path("data")).env("XDG_CACHE_HOME", world.path("data"));
        assert!(world.see(&mut loaded).stdout.contains("* myproject main"), "{shell}");
        assert_eq!(wt(&["--install", "-y"]).stderr, "nothing to do\n");
        assert_eq!(wt(&["--install"]).stderr, "nothing to do\n");
        wt(&["--uninstall", "--yes"]).says(&[&format!("take out of '[ROOT]/home/{file}': ")]);
        assert_eq!(home(&world), before, "{shell}");
        assert_eq!(wt(&["--uninstall"]).stderr, "nothing to do\n");
    }
}

#[test]
fn nothing_is_touched_before_an_answer() {
    let world = cargos();
    let before = home(&world);
    init(&world, &["--install"]).code(128).prints("").says(&[
        "add to '[ROOT]/home/.bashrc': eval \"$(git-wt shell-init bash)\"",
        "error: nothing was done: there is no terminal to ask on",
        "hint: git wt shell-init --install --yes",
    ]);
    let shown = init(&world, &["--install", "--dry-run"]).ok().stdout;
    assert!(shown.ends_with(&format!("\nadd to '[ROOT]/home/.bashrc': {LINE}")), "{shown}");
    assert_eq!(home(&world), before);
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    terminal.type_in("SHELL=/bin/zsh ~/.cargo/bin/git-wt shell-init --install\r");
    terminal.until(|shown| shown.ends_with("do this? [y/N] "));
    assert!(terminal.line("n").0.contains("error: nothing was done"));
    assert!(!world.path("home/.zshrc").exists() && !world.path("home/.cargo/share").exists());
}

#[test]
fn a_start_file_keeps_its_links_its_mode_and_its_bytes() {
    let world = cargos();
    for before in ["a\n", "a", "", "a\r\nb\r\n", "\n\n"] {
        world.write("home/dotfiles/bashrc", before);
        let file = world.path("home/dotfiles/bashrc");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let link = world.path("home/.bashrc");
        let _ = fs::remove_file(&link);
        symlink("dotfiles/bashrc", &link).unwrap();
        init(&world, &["--install", "-y"]).ok();
        assert!(link.is_symlink() && world.read("home/.bashrc").trim_end().ends_with(LINE.trim_end()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        init(&world, &["--uninstall", "-y"]).ok();
        assert!(link.is_symlink());
        assert_eq!(world.read("home/dotfiles/bashrc"), before);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!world.path("home/.bashrc.git-wt-backup").exists());
}

#[test]
fn a_start_file_that_is_missing_is_made_where_the_shell_looks_and_goes_again() {
    let world = cargos();
    let wt = |args: &[&str]| {
        let mut command = command(&world, "git", &["wt", "shell-init", "--yes"]);
        command.env("ZDOTDIR", world.path("home/z")).env("XDG_CONFIG_HOME", world.path("home/config"));
        world.see(command.args(args)).ok().stderr
    };
    for (shell, file, line) in [
        ("bash", "home/.bashrc", "eval \"$(git-wt shell-init bash --no-cmd)\""),
        ("zsh", "home/z/.zshrc", "eval \"$(git-wt shell-init zsh --no-cmd)\""),
        ("fish", "home/config/fish/config.fish", "git-wt shell-init fish --no-cmd | source"),
    ] {
        assert!(!wt(&["--install", "--no-cmd", shell]).contains("keep it"), "{shell}");
        assert_eq!(world.read(file), format!("{line} # added by git-wt shell-init --install\n"));
    }
    // one command removes the lines from all shells
    wt(&["--uninstall"]);
    for file in ["home/.bashrc", "home/z/.zshrc", "home/config/fish/config.fish"] {
        assert!(!world.path(file).exists(), "{file}");
    }
}

#[test]
fn what_was_written_since_stays() {
    let world = cargos();
    world.write("home/.bashrc", "a");
    init(&world, &["bash", "--install", "-y", "--cmd", "tree"]).ok();
    let line = LINE.replace("bash)", "bash --cmd tree)");
    assert_eq!(world.read("home/.bashrc"), format!("a\n{line}"));
    world.write("home/.bashrc", &format!("a\n{line}b\n"));
    init(&world, &["--uninstall", "-y"]).ok();
    assert_eq!(world.read("home/.bashrc"), "a\nb\n");
}

#[test]
fn a_line_of_the_user_is_left_alone_and_named() {
    let world = cargos();
    let own = "command -v git-wt && eval \"$(git-wt shell-init bash)\"\n";
    world.write("home/.bashrc", own);
    let told = "left as it is in '[ROOT]/home/.bashrc': command -v git-wt && ";
    init(&world, &["--install", "-y"]).ok().says(&["write manual pages", told]);
    init(&world, &["--uninstall", "-y"]).ok().says(&[told]);
    assert_eq!(world.read("home/.bashrc"), own);
}

#[test]
fn a_read_only_start_file_is_refused_with_the_line() {
    let world = cargos();
    world.write("home/.bashrc", "a\n");
    fs::set_permissions(world.path("home/.bashrc"), fs::Permissions::from_mode(0o444)).unwrap();
    init(&world, &["--install", "-y"]).code(128).says(&[
        "error: '[ROOT]/home/.bashrc' is read-only",
        "; the line to add to it is: eval \"$(git-wt shell-init bash)\"\n",
    ]);
    assert!(!world.path(PAGE).exists());
    assert_eq!(world.read("home/.bashrc"), "a\n");
    fs::remove_file(world.path("home/.bashrc")).unwrap();
    symlink("gone/bashrc", world.path("home/.bashrc")).unwrap();
    init(&world, &["--install", "-y"]).code(128).says(&["error: cannot read '[ROOT]/home/.bashrc'"]);
}

#[test]
fn a_page_of_another_git_wt_is_left_alone() {
    let world = cargos();
    world.write(PAGE, ".TH GIT-WT 1 \"\" \"v0.22\" \"Another\"\n");
    let told = format!("warning: '[ROOT]/{PAGE}' is another program's, and is left as it is");
    init(&world, &["--install", "-y"]).ok().says(&[&told]);
    init(&world, &["--uninstall", "-y"]).ok();
    assert_eq!(fs::read_dir(world.path(PAGE).parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_login_shell_that_reads_another_file_is_told_of() {
    let world = cargos();
    world.write("home/.bash_profile", "PATH=$PATH\n");
    init(&world, &["--install", "-y"]).ok().says(&[
        "a login shell reads '[ROOT]/home/.bash_profile', which does not read '.bashrc'",
        "hint: echo '. ~/.bashrc' >> [ROOT]/home/.bash_profile",
    ]);
    world.write("home/.bash_profile", ". ~/.bashrc\n");
    assert_eq!(init(&world, &["--install", "-y"]).ok().stderr, "nothing to do\n");
}

#[test]
fn help_is_found_once_it_is_installed_and_never_needs_to_be() {
    if find("man").is_none() {
        return;
    }
    let world = cargos();
    let git = |args: &[&str]| world.see(&mut command(&world, "git", args));
    git(&["wt", "--help"]).code(16).says(&["No manual entry for git-wt"]);
    for args in [&["wt", "-h"][..], &["wt", "help"], &["wt", "help", "add"], &["wt", "add", "--help"]] {
        assert!(git(args).ok().stdout.contains("Usage: git wt "), "{args:?}");
    }
    assert!(git(&["wt", "-h"]).stdout.contains("the man page: git wt shell-init --install"));
    init(&world, &["--install", "-y"]).ok();
    for args in [&["wt", "--help"][..], &["help", "wt"], &["help", "git-wt"]] {
        assert!(git(args).ok().stdout.contains("GIT-WT(1)"), "{args:?}");
    }
    assert!(git(&["help", "git-wt-add"]).ok().stdout.contains("GIT-WT-ADD(1)"));
    assert!(git(&["help", "git-wt-security"]).ok().stdout.contains("GIT-WT-SECURITY(7)"));
    // a machine without man
    let bare = world.path("bare");
    fs::create_dir(&bare).unwrap();
    for (name, at) in [("git", find("git")), ("git-wt", Some(PathBuf::from(env!("CARGO_BIN_EXE_git-wt"))))] {
        symlink(at.unwrap(), bare.join(name)).unwrap();
    }
    let git = |args: &[&str]| world.see(command(&world, "git", args).env("PATH", &bare));
    git(&["wt", "--help"]).code(128).says(&["no man viewer handled the request"]);
    assert!(git(&["wt", "help", "add"]).ok().stdout.contains("Usage: git wt add "));
    let page = git(&["wt", "help", "security"]).ok().stdout;
    assert!(page.starts_with("NAME\n    git-wt-security - "), "{page}");
    let is_markup = |line: &str| line.starts_with('.') || line.contains('\\');
    let fits = |line: &str| line.contains("::") || line.chars().count() <= 80;
    assert!(!page.lines().any(is_markup) && page.lines().all(fits), "{page}");
}

#[test]
fn help_on_a_terminal_is_the_page() {
    let world = World::with_repo();
    let (Some(_), Some(mut terminal)) = (find("man"), Terminal::open(&world, "bash")) else { return };
    terminal.shows("export MANPAGER=cat");
    let page = terminal.shows("git wt help ls");
    assert!(page.contains("GIT-WT-LIST(1)") && page.contains("git wt list --json"), "{page}");
    assert!(terminal.shows("git wt help security").contains("GIT-WT-SECURITY(7)"));
    world.program("man", "#!/bin/sh\nexit 1\n");
    assert!(terminal.shows("git wt help ls").contains("Usage: git wt list "));
}

#[test]
fn a_package_is_made_and_unmade() {
    let world = World::with_repo();
    let package = format!("DESTDIR={}", world.path("a package").display());
    let Some(made) = make(&world, &["install", &package, "prefix=/usr"]) else { return };
    made.ok();
    let list = || world.see(world.command("find", &world.path("a package")).args([".", "-type", "f"])).stdout;
    let files = list();
    for file in [
        "bin/git-wt",
        "share/man/man1/git-wt.1",
        "share/man/man1/git-wt-add.1",
        "share/man/man7/git-wt-security.7",
        "share/bash-completion/completions/git-wt",
        "share/zsh/site-functions/_git-wt",
        "share/fish/vendor_completions.d/git-wt.fish",
    ] {
        assert!(files.lines().any(|line| line == format!("./usr/{file}")), "{file}: {files}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = world.read(format!("a package/usr/share/git-wt/git-wt.{shell}"));
        let program = script.lines().next().unwrap();
        assert!(program.ends_with("/usr/bin/git-wt") && !program.contains("package"), "{shell}: {program}");
        let printed = world.see(world.command("git-wt", &world.root()).args(["shell-init", shell])).stdout;
        assert_eq!(script.split_once('\n').unwrap().1, printed.split_once('\n').unwrap().1, "{shell}");
    }
    let binary = world.path("a package/usr/bin/git-wt");
    assert_eq!(fs::metadata(binary).unwrap().permissions().mode() & 0o777, 0o755);
    make(&world, &["uninstall", &package, "prefix=/usr"]).unwrap().ok();
    assert_eq!(list(), "");
}

#[test]
fn what_was_there_before_an_installation_is_there_after_it() {
    for there in ["share/man/man1", "share/man", "share", ""] {
        let world = cargos();
        fs::create_dir_all(world.path("home/.cargo").join(there)).unwrap();
        // an empty directory of a shell too
        fs::create_dir_all(world.path("home/.config")).unwrap();
        let before = world.everything_in(&["home"], &|_| true);
        init(&world, &["--install", "-y"]).ok();
        init(&world, &["fish", "--install", "-y"]).ok();
        assert!(world.path("home/.config/fish/config.fish").exists() && world.path(PAGE).exists());
        init(&world, &["--uninstall", "-y"]).ok();
        before.is_still(&world.everything_in(&["home"], &|_| true), there);
    }
}

#[test]
fn pages_that_a_package_has_brought_stay() {
    let world = cargos();
    init(&world, &["--install", "-y"]).ok();
    fs::remove_file(world.path("state/git-wt/install/made.json")).unwrap();
    // as if a package had written all but one of them
    fs::remove_file(world.path(PAGE)).unwrap();
    fs::remove_file(world.path("home/.bashrc")).unwrap();
    let before = world.everything_in(&["home"], &|_| true);
    init(&world, &["--install", "-y"]).ok();
    init(&world, &["--uninstall", "-y"]).ok();
    before.is_still(&world.everything_in(&["home"], &|_| true), "after the uninstallation");
}
