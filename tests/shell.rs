//! Real interactive shells in a pseudo-terminal: where they stand, what they show, what TAB gives.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use crate::world::World;

/// The shells whose half exists.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
/// What the shells of these tests end their prompt with.
const PROMPT: &str = "@@ ";
/// Nobody waits longer for a shell.
const DEADLINE: Duration = Duration::from_secs(20);
/// git's own completion for bash.
const GIT_COMPLETION: &str = "/usr/share/bash-completion/completions/git";

/// An interactive shell at a terminal.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    root: String,
    /// What came last, with its escape sequences.
    raw: String,
}

/// How a shell is started.
#[derive(Default)]
struct Setup<'a> {
    /// Lines of the start file before git-wt is loaded, and after.
    before: &'a str,
    after: &'a str,
    /// Variables of the terminal's own environment.
    variables: &'a [(&'a str, &'a str)],
}

impl Setup<'_> {
    /// Puts the start file into the world; returns the arguments that have the shell read it.
    fn install(&self, world: &World, shell: &str) -> &'static [&'static str] {
        let (file, load, args): (_, _, &[&str]) = match shell {
            "bash" => {
                ("home/.bashrc", "PS1='@@ '\neval \"$(git-wt shell-init bash)\"", &["--noprofile", "-i"])
            }
            "zsh" => (
                "home/.zshrc",
                "unsetopt zle prompt_cr prompt_sp\nPROMPT='@@ '\neval \"$(git-wt shell-init zsh)\"",
                &["-i"],
            ),
            _ => (
                "home/.config/fish/config.fish",
                "function fish_prompt; printf '@@ '; end\nset -g fish_greeting\n\
                 set -g fish_autosuggestion_enabled 0\ngit-wt shell-init fish | source",
                &["-i"],
            ),
        };
        world.write(file, &format!("{}\n{load}\n{}\n", self.before, self.after));
        world.write(
            "home/.inputrc",
            "set enable-bracketed-paste off\nset bell-style none\nset show-all-if-ambiguous on\n\
             set page-completions off\nset completion-query-items 0\n",
        );
        args
    }
}

/// Finds a shell; where it is not installed its tests are skipped, but not in CI.
fn find(shell: &str) -> Option<PathBuf> {
    let places = ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    let found = places.iter().map(|dir| Path::new(dir).join(shell)).find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{shell} is not installed");
        eprintln!("skipped: {shell} is not installed");
    }
    found
}

impl Terminal {
    /// Starts a shell in `myproject` with git-wt loaded.
    fn open(world: &World, shell: &str) -> Option<Self> {
        Self::open_with(world, shell, &Setup::default())
    }

    fn open_with(world: &World, shell: &str, setup: &Setup) -> Option<Self> {
        let program = find(shell)?;
        let mut command = CommandBuilder::new(&program);
        command.args(setup.install(world, shell));
        command.cwd(world.path("myproject"));
        command.env_clear();
        for (name, value) in world.command(&program, &world.path("myproject")).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("TERM", "dumb");
        command.env("INPUTRC", world.path("home/.inputrc"));
        command.env("SHELL", &program);
        for (name, value) in setup.variables {
            command.env(name, value);
        }
        let size = PtySize { rows: 50, cols: 250, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let child = pty.slave.spawn_command(command).unwrap();
        let input = pty.master.take_writer().unwrap();
        let output = read_aside(pty.master.try_clone_reader().unwrap());
        let root = world.root().to_string_lossy().into_owned();
        let mut terminal = Self { child, input, output, root, raw: String::new() };
        terminal.until(|shown| shown.ends_with(PROMPT));
        Some(terminal)
    }

    fn type_in(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Reads what is shown until it is what the test waits for.
    #[track_caller]
    fn until(&mut self, done: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut bytes = Vec::new();
        loop {
            self.raw = String::from_utf8_lossy(&bytes).into_owned();
            let shown = plain(&self.raw).replace(&self.root, "[ROOT]");
            if done(&shown) {
                return shown;
            }
            match self.output.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(more) => bytes.extend(more),
                Err(cause) => panic!("waited in vain ({cause}): {shown:?}"),
            }
        }
    }

    /// Runs a command line; returns what it showed, and the prompt that followed, without the end of all prompts.
    #[track_caller]
    fn line(&mut self, line: &str) -> (String, String) {
        self.type_in(&format!("{line}\r"));
        let shown = self.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
        let shown = shown.split_once('\n').map_or("", |(_echo, rest)| rest).to_owned();
        let (text, prompt) = shown.rsplit_once('\n').unwrap_or(("", &shown));
        // fish marks the end of output that has no line break
        let prompt = prompt.rsplit('⏎').next().unwrap_or(prompt);
        (text.to_owned(), prompt.trim_end_matches(PROMPT).trim().to_owned())
    }

    /// Runs a command line and returns what it showed.
    #[track_caller]
    fn shows(&mut self, line: &str) -> String {
        self.line(line).0
    }

    /// Runs a command line and returns the prompt that followed.
    #[track_caller]
    fn prompts(&mut self, line: &str) -> String {
        self.line(line).1
    }

    /// Asks the shell where it stands.
    #[track_caller]
    fn stands(&mut self) -> String {
        self.shows("pwd")
    }

    /// Types, and waits for what the line becomes.
    #[track_caller]
    fn completes(&mut self, typed: &str, want: &str) {
        self.type_in(typed);
        self.until(|shown| shown.ends_with(want));
        // away with the line
        self.type_in("\x15\r");
        self.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a terminal to its end without making its shell wait.
fn read_aside(mut reader: Box<dyn Read + Send>) -> Receiver<Vec<u8>> {
    let (sender, output) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    output
}

/// What a terminal shows, without its escape sequences.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => match rest.next() {
                Some('[') => while rest.next().is_some_and(|c| !c.is_ascii_alphabetic() && c != '~') {},
                Some(']') => while rest.next().is_some_and(|c| c != '\x07') {},
                // the choice of a character set
                Some('(') => drop(rest.next()),
                _ => {}
            },
            '\r' | '\x07' | '\x0f' => {}
            c => out.push(c),
        }
    }
    out
}

/// How a shell names the status of the last command.
fn status_of(shell: &str) -> &'static str {
    if shell == "fish" { "$status" } else { "$?" }
}

/// How a shell sets a variable for its children.
fn export(shell: &str, name: &str, value: &str) -> String {
    if shell == "fish" { format!("set -gx {name} {value}") } else { format!("export {name}={value}") }
}

/// Makes a worktree that git-wt knows.
fn adopt(world: &World, name: &str, place: &str) {
    let place = world.path(place);
    world.git(
        &world.path("myproject"),
        &["worktree", "add", "--quiet", "-b", name, "--", place.to_str().unwrap()],
    );
    world.wt(&["setup", name]).ok();
}

/// A repository with two worktrees, `staging` and `other`.
fn world() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    adopt(&world, "staging", "staging");
    adopt(&world, "other", "other");
    world
}

/// A stand-in for git-wt that moves the shell to `$TO`, bytes as they are.
fn mover(world: &World) {
    world.program(
        "mover",
        "#!/bin/sh\n[ \"$1\" = hook ] && exec git-wt \"$@\"\nprintf '%s\\0' \"$TO\" >\"$GIT_WT_CD_FILE\"\n",
    );
}

#[test]
fn the_function_moves_the_shell_at_once() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal.shows("wt cd staging && pwd");
        assert_eq!(shown.lines().last(), Some("[ROOT]/staging"), "{shell}: {shown:?}");
        assert_eq!(terminal.shows("cd - >/dev/null; pwd"), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn add_and_remove_move_the_shell_too() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal.shows(&format!("wt add -q {shell} && pwd"));
        assert_eq!(shown.lines().last(), Some(&*format!("[ROOT]/myproject-{shell}")), "{shell}: {shown:?}");
        // the directory one stands in goes: the shell stands in the main worktree
        terminal.shows("wt remove -y .");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn a_failure_keeps_its_status_and_the_shell_its_place() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let status = status_of(shell);
        assert_eq!(terminal.shows(&format!("wt cd nowhere 2>/dev/null; echo {status}")), "128", "{shell}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
        // across a prompt too
        terminal.shows("wt cd nowhere");
        assert_eq!(terminal.shows(&format!("echo {status}")), "128", "{shell}");
        terminal.shows("git wt cd nowhere");
        assert_eq!(terminal.shows(&format!("echo {status}")), "128", "{shell}");
        assert_eq!(terminal.shows(&format!("wt cd staging >/dev/null; echo {status}")), "0", "{shell}");
    }
}

#[test]
fn a_directory_that_has_gone_is_a_failure() {
    let world = world();
    mover(&world);
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe mover" } else { "__git_wt_exe=mover" };
        let setup = Setup { after, variables: &[("TO", "/nowhere at all")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt");
        assert_eq!(terminal.shows(&format!("echo {}", status_of(shell))), "1", "{shell}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn one_who_brings_along_anothers_venv_is_told_once() {
    let world = world();
    std::fs::create_dir(world.path("staging/deep")).unwrap();
    let told = "warning: the environment of 'staging' leads into another worktree: VIRTUAL_ENV of the shell is in 'other'\n\
                hint: deactivate";
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let venv = world.path("other/.venv");
        terminal.shows(&export(shell, "VIRTUAL_ENV", venv.to_str().unwrap()));
        assert_eq!(terminal.shows("cd ../staging"), told, "{shell}");
        for line in ["cd deep", "wt list >/dev/null", "cd ..", "true"] {
            assert_eq!(terminal.shows(line), "", "{shell}: {line}");
        }
        assert_eq!(terminal.shows("cd ../other"), "", "{shell}");
        assert_eq!(terminal.shows("cd ../staging"), told, "{shell}");
    }
    world.git(&world.path("myproject"), &["config", "wt.guard", "off"]);
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows(&export(shell, "VIRTUAL_ENV", world.path("other/.venv").to_str().unwrap()));
        assert_eq!(terminal.shows("cd ../staging"), "", "{shell}");
    }
}

#[test]
fn plain_git_moves_the_shell_at_the_next_prompt() {
    let world = world();
    world.git(&world.path("myproject"), &["config", "alias.w", "wt"]);
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in [
            "git wt cd staging",
            "git -C ../myproject wt cd staging",
            "git w cd staging",
            "git-wt cd staging",
            "env A=1 git-wt cd staging",
            "git wt cd staging | cat",
        ] {
            terminal.shows("cd ../myproject");
            assert_eq!(terminal.shows(line), "[ROOT]/staging", "{shell}: {line}");
            assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}: {line}");
        }
    }
}

#[test]
fn scripts_and_subshells_move_nothing_and_are_told_the_command() {
    let world = world();
    world.program("script", "#!/bin/sh\ngit wt cd staging\nexit 0\n");
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let substitution =
            if shell == "fish" { "echo (git wt cd staging)" } else { "echo $(git wt cd staging)" };
        for line in ["sh -c 'git wt cd staging; :'", "script", "true | git wt cd staging", substitution] {
            let shown = terminal.shows(line);
            assert!(shown.contains("hint: cd -- [ROOT]/staging"), "{shell}: {line}: {shown:?}");
            assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}: {line}");
        }
    }
}

#[test]
fn the_background_moves_nothing() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in ["git wt cd staging 2>said &", "wt cd staging >/dev/null 2>said &"] {
            // fish runs functions in the foreground whatever stands behind them
            if shell == "fish" && line.starts_with("wt") {
                continue;
            }
            terminal.shows(line);
            // the end of a job may draw a prompt of its own
            terminal.type_in("wait; echo waited; pwd\r");
            let shown =
                terminal.until(|shown| shown.contains("\nwaited\n[ROOT]/") && shown.ends_with(PROMPT));
            assert!(shown.contains("\nwaited\n[ROOT]/myproject\n"), "{shell}: {line}: {shown:?}");
            terminal.type_in("echo again; pwd\r");
            let shown = terminal.until(|shown| shown.contains("\nagain\n[ROOT]/") && shown.ends_with(PROMPT));
            assert!(shown.contains("\nagain\n[ROOT]/myproject\n"), "{shell}: {line}: {shown:?}");
        }
        let said = world.read("myproject/said");
        assert!(said.is_empty() || said.contains("hint: cd -- "), "{shell}: {said:?}");
    }
}

#[test]
fn a_substitution_of_the_function_moves_nothing() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let line = if shell == "fish" { "echo (wt cd staging)" } else { "echo $(wt cd staging)" };
        let shown = terminal.shows(line);
        assert!(shown.contains("[ROOT]/staging"), "{shell}: {shown:?}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn odd_directories_are_reached_and_nothing_in_them_runs() {
    let world = world();
    let odd = [
        "a b",
        "it's",
        "say \"x\"",
        "$(touch pwned)",
        "`touch pwned`",
        "%F{red}",
        "%d %n",
        "-dash",
        "semi;colon",
        "back\\slash",
        "[\\e[31m]",
    ];
    for (at, name) in odd.iter().enumerate() {
        adopt(&world, &format!("b{at}"), &format!("odd/{name}"));
    }
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for (at, name) in odd.iter().enumerate() {
            let mover = if at % 2 == 0 { "wt" } else { "git wt" };
            terminal.shows(&format!("{mover} cd b{at}"));
            let (shown, prompt) = terminal.line("pwd");
            assert_eq!(shown, format!("[ROOT]/odd/{name}"), "{shell}");
            assert_eq!(prompt, format!("({name} b{at})"), "{shell}");
        }
        let somewhere = odd.iter().map(|name| world.path("odd").join(name));
        let pwned = somewhere.chain([world.path("myproject")]).any(|dir| dir.join("pwned").exists());
        assert!(!pwned, "{shell}");
    }
}

#[test]
fn line_breaks_and_escapes_in_a_directory_are_data() {
    let world = world();
    mover(&world);
    let odd = ["new\nline", "trailing\n", "esc\x1b[31m", "\t"];
    for (at, name) in odd.iter().enumerate() {
        let place = world.path(format!("odd/{name}"));
        std::fs::create_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&place, world.path(format!("link{at}"))).unwrap();
        for shell in SHELLS {
            let after = if shell == "fish" { "set -g __git_wt_exe mover" } else { "__git_wt_exe=mover" };
            let to = place.to_str().unwrap();
            let setup = Setup { after, variables: &[("TO", to)], ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            terminal.shows("wt");
            let asked = format!("test . -ef ../../link{at} -o . -ef ../link{at}; and echo there");
            let asked = if shell == "fish" { asked } else { asked.replace("; and", " &&") };
            assert_eq!(terminal.shows(&asked), "there", "{shell}: {name:?}");
        }
    }
}

#[test]
fn a_name_cannot_draw_on_the_prompt() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let hostile = if shell == "fish" {
            r"set -gx GIT_WT_NAME x\e\[31m\nb"
        } else {
            "export GIT_WT_NAME=$'x\\e[31m\\nb'"
        };
        assert_eq!(terminal.prompts(hostile), "(x?[31m?b)", "{shell}");
    }
}

#[test]
fn the_prompt_says_the_worktree_and_its_branch() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        assert_eq!(terminal.prompts("wt cd staging"), "(staging)", "{shell}");
        assert_eq!(
            terminal.prompts(&format!("git switch -q -c {shell}/x")),
            format!("(staging {shell}/x)"),
            "{shell}"
        );
        let head = world.git(&world.path("staging"), &["rev-parse", "--short=7", "HEAD"]);
        assert_eq!(terminal.prompts("git switch -q --detach"), format!("(staging {head})"), "{shell}");
        assert_eq!(terminal.prompts("git switch -q staging"), "(staging)", "{shell}");
        assert_eq!(terminal.prompts("cd .."), "", "{shell}");
    }
}

#[test]
fn references_in_reftables_show_no_branch() {
    let world = world();
    world.write("head", "ref: refs/heads/.invalid\n");
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows(&export(shell, "GIT_WT_HEAD", &world.path("head").to_string_lossy()));
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_NAME", "staging")), "(staging)", "{shell}");
    }
}

#[test]
fn the_prompt_is_left_alone_when_asked() {
    let world = world();
    for shell in SHELLS {
        let setup = Setup { variables: &[("GIT_WT_PROMPT", "off")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        assert_eq!(terminal.prompts("wt cd staging"), "", "{shell}");
    }
    let setup = Setup { after: "PS1='[$__git_wt_ps1] @@ '", ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { return };
    assert_eq!(terminal.prompts("wt cd staging"), "[staging]");
}

#[test]
fn a_protected_worktree_is_red() {
    let world = world();
    for shell in ["bash", "zsh", "fish"] {
        let setup = Setup { variables: &[("TERM", "xterm")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt cd staging");
        assert!(!terminal.raw.contains("31m"), "{shell}: {:?}", terminal.raw);
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_PROTECTED", "1")), "(staging)", "{shell}");
        let red = terminal.raw.rfind("31m").unwrap_or_else(|| panic!("{shell}: {:?}", terminal.raw));
        assert!(terminal.raw[red..].contains("(staging)"), "{shell}: {:?}", terminal.raw);
    }
}

#[test]
fn the_environment_comes_and_goes_with_the_worktree() {
    let world = world();
    let port = |name: &str| {
        let file = world.read(format!("{name}/.env"));
        file.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().to_owned()
    };
    for shell in SHELLS {
        let before = export(shell, "PORT", "1");
        let setup = Setup { before: &before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let shown = terminal.shows("wt cd staging >/dev/null; echo $PORT");
        assert_eq!(shown, port("staging"), "{shell}");
        let mut port_after = |line: &str| {
            terminal.shows(line);
            terminal.shows("echo $PORT")
        };
        assert_eq!(port_after("cd ../other"), port("other"), "{shell}");
        assert_eq!(port_after("cd .."), "1", "{shell}");
        // what the user changes meanwhile is kept, also when git-wt looks again
        port_after("cd staging");
        assert_eq!(port_after(&export(shell, "PORT", "7")), "7", "{shell}");
        assert_eq!(port_after("wt cd staging"), "7", "{shell}");
        assert_eq!(port_after("cd .."), "7", "{shell}");
    }
}

#[test]
fn a_shell_that_inherits_an_environment_gives_it_back() {
    let world = world();
    for shell in SHELLS {
        let Some(program) = find(shell) else { continue };
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows("wt cd staging");
        terminal.shows("cd staging 2>/dev/null; mkdir -p sub");
        // leaves the worktree and becomes a new shell in one command, without a prompt between
        let leave = format!("env --chdir={} {} -i", world.root().display(), program.display());
        terminal.shows(&leave);
        assert_eq!(terminal.shows("echo \"[$PORT$GIT_WT_NAME]\""), "[]", "{shell}");
    }
}

#[test]
fn records_that_are_cut_short_change_nothing() {
    let world = world();
    let records = [
        "set\\0PORT\\0006\\0",
        "set\\0PORT\\0end\\0",
        "set\\0PORT\\06\\0set\\0X",
        "set\\0PORT\\06\\0what\\0X\\0end\\0",
        "set\\0PORT\\06\\0set\\0A B\\0x\\0end\\0",
        "",
    ];
    for (at, record) in records.iter().enumerate() {
        world.program(&format!("cut{at}"), &format!("#!/bin/sh\nprintf '{record}'\n"));
    }
    for shell in SHELLS {
        for at in 0..records.len() {
            let after = if shell == "fish" { "set -g __git_wt_exe cut" } else { "set -u; __git_wt_exe=cut" };
            let after = format!("{after}{at}");
            let setup = Setup { after: &after, variables: &[("PORT", "1")], ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            assert_eq!(terminal.shows("cd ../staging"), "", "{shell}: {at}");
            assert_eq!(terminal.shows("echo $PORT"), "1", "{shell}: {at}");
        }
    }
}

#[test]
fn strict_and_crowded_shells_are_no_hindrance() {
    let world = world();
    for before in [
        "set -eu -o pipefail -o noclobber",
        "alias cd='echo no' rm='echo no' wt='echo no'; shopt -s expand_aliases",
        "cd() { echo no; }; rm() { echo no; }; read() { echo no; }; export() { echo no; }",
        "unset PROMPT_COMMAND",
        "PROMPT_COMMAND='true;true'",
        "PROMPT_COMMAND=(true 'true x')",
        "declare -a PROMPT_COMMAND=('true x')",
        "PROMPT_COMMAND=(); IFS=:",
        "CDPATH=/tmp:..; IFS=:",
        "shopt -s failglob nullglob",
        "set -o posix",
        "set -P",
    ] {
        let setup = Setup { before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { continue };
        assert_eq!(terminal.shows("wt cd staging"), "[ROOT]/staging", "{before}");
        assert_eq!(terminal.line("pwd"), ("[ROOT]/staging".into(), "(staging)".into()), "{before}");
        terminal.shows("git wt cd other");
        assert_eq!(terminal.stands(), "[ROOT]/other", "{before}");
        // the shell outlives a status that errexit does not mind, and keeps it
        terminal.shows("false && true");
        assert_eq!(terminal.shows("echo $?"), "1", "{before}");
    }
}

#[test]
fn other_hooks_of_the_prompt_run_and_see_the_status() {
    let world = world();
    for before in ["PROMPT_COMMAND='seen=$?'", "PROMPT_COMMAND=('seen=$?' 'also=1')"] {
        let after = "eval \"$(git-wt shell-init bash)\"";
        let setup = Setup { before, after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { continue };
        terminal.shows("(exit 7)");
        assert_eq!(terminal.shows("echo $seen"), "7", "{before}");
        // loaded twice, hooked once
        let hooked = terminal.shows("declare -p PROMPT_COMMAND");
        assert_eq!(hooked.matches("__git_wt_prompt").count(), 1, "{before}: {hooked}");
    }
}

#[test]
fn strict_zsh_is_no_hindrance() {
    let world = world();
    for before in [
        "setopt no_unset pipe_fail no_clobber warn_create_global",
        "setopt ksh_arrays sh_word_split",
        "setopt auto_pushd auto_cd cdable_vars chase_links",
        "setopt prompt_subst extended_glob null_glob",
        "alias cd='echo no' rm='echo no' wt='echo no'; alias -g staging=other",
        "cd() { echo no }; rm() { echo no }",
        "psvar=(a b); autoload -Uz compinit && compinit -u",
    ] {
        let setup = Setup { before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "zsh", &setup) else { continue };
        assert_eq!(terminal.shows("wt cd 'staging'"), "[ROOT]/staging", "{before}");
        assert_eq!(terminal.line("pwd"), ("[ROOT]/staging".into(), "(staging)".into()), "{before}");
        assert_eq!(terminal.shows("false; echo $?"), "1", "{before}");
    }
}

#[test]
fn an_unchanged_directory_costs_no_process() {
    let world = world();
    world.program("counted", "#!/bin/sh\necho started >>\"$HOME/count\"\nexec git-wt \"$@\"\n");
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe counted" } else { "__git_wt_exe=counted" };
        world.write("home/count", "");
        let setup = Setup { after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let started = || world.read("home/count").lines().count();
        terminal.shows(":");
        let before = started();
        terminal.shows("cd ../staging");
        terminal.shows(":");
        assert_eq!(started(), before + 1, "{shell}: entering");
        terminal.shows(":");
        terminal.shows("mkdir -p sub && cd sub");
        terminal.shows("git switch -q -C staging");
        assert_eq!(started(), before + 1, "{shell}: staying");
        terminal.shows("cd ../..");
        terminal.shows(":");
        assert_eq!(started(), before + 2, "{shell}: leaving");
    }
}

#[test]
fn nothing_is_left_behind_in_the_runtime_directory() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in ["wt cd staging", "git wt cd other", "wt cd nowhere", "git wt cd nowhere", ":"] {
            terminal.shows(line);
        }
        let left: Vec<_> =
            std::fs::read_dir(world.path("run")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("git-wt")), "{shell}: {left:?}");
    }
}

#[test]
fn a_runtime_directory_that_is_missing_is_no_hindrance() {
    let world = world();
    for shell in SHELLS {
        let setup = Setup {
            variables: &[("XDG_RUNTIME_DIR", "/nowhere"), ("TMPDIR", "relative")],
            ..Setup::default()
        };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt cd staging");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
    }
}

#[test]
fn tab_completes_verbs_and_worktrees() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    let load = format!("source /usr/share/bash-completion/bash_completion; source {GIT_COMPLETION}");
    if !Path::new(GIT_COMPLETION).exists() {
        assert!(std::env::var_os("CI").is_none(), "bash-completion is not installed");
        return;
    }
    world.git(&world.path("myproject"), &["config", "alias.w", "wt"]);
    let setup = Setup { before: &load, ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { return };
    for (typed, want) in [
        ("wt cd st\t", "wt cd staging "),
        ("git-wt cd st\t", "git-wt cd staging "),
        ("git wt cd st\t", "git wt cd staging "),
        ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
        ("git w cd st\t", "git w cd staging "),
        ("wt cd\t", "wt cd "),
        ("git wt cd\t", "git wt cd "),
        ("wt cd --cr\t", "wt cd --create "),
        ("wt rem\t", "wt remove "),
        ("git wt tru\t", "git wt trust "),
        ("wt add x --base=sta\t", "wt add x --base=staging "),
        ("git wt add x --base=sta\t", "git wt add x --base=staging "),
        ("wt cd \"st\t", "wt cd \"staging\" "),
        ("wt cd sp\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
        ("wt cd 'sp\t", "wt cd 'sp ace & '\\''q' "),
        ("wt cd sp\\ a\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
    ] {
        terminal.completes(typed, want);
    }
}

#[test]
fn tab_completes_in_fish() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    let setup = Setup { variables: &[("TERM", "xterm")], ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "fish", &setup) else { return };
    for (typed, want) in [
        ("wt cd st\t", "wt cd staging "),
        ("git wt cd st\t", "git wt cd staging "),
        ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
        ("wt cd sp\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd sp\\ a\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
    ] {
        terminal.type_in(typed);
        terminal.until(|shown| shown.contains(want));
        terminal.type_in("\x15\r");
        terminal.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
    }
}

#[test]
fn tab_completes_in_zsh() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    let zle = "setopt zle; PROMPT='@@ '";
    for (before, after) in [
        ("autoload -Uz compinit && compinit -u", zle.to_owned()),
        ("", format!("{zle}; autoload -Uz compinit && compinit -u")),
    ] {
        let setup = Setup { before, after: &after, variables: &[("TERM", "xterm")] };
        let Some(mut terminal) = Terminal::open_with(&world, "zsh", &setup) else { return };
        for (typed, want) in [
            ("wt cd st\t", "wt cd staging "),
            ("git-wt cd st\t", "git-wt cd staging "),
            ("git wt cd st\t", "git wt cd staging "),
            ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
            ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
        ] {
            terminal.type_in(typed);
            // zle draws only what has changed; the whole line comes again when it is asked for
            terminal.type_in("\x12\x07\x0c");
            terminal.until(|shown| shown.contains(want));
            terminal.type_in("\x15\r");
            terminal.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
        }
    }
}

#[test]
fn tab_offers_nothing_outside_of_a_repository() {
    let world = world();
    let mut command = world.command("git-wt", &world.root());
    command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", "2");
    let seen = world.see(command.args(["--", "git-wt", "cd", "st"])).ok().prints("");
    assert_eq!(seen.stderr, "");
    let mut command = world.command("git-wt", &world.path("myproject"));
    command.env("GIT_WT_COMPLETE", "another").args(["cd", "staging"]);
    let seen = world.see(&mut command).ok().prints("");
    assert_eq!(seen.stderr, "");
}

#[test]
fn a_script_that_loads_it_is_left_alone() {
    let world = world();
    for (shell, line) in [
        (
            "bash",
            "set -eu; eval \"$(git-wt shell-init bash)\"; echo $?; trap -p; echo \"${PROMPT_COMMAND-none}\"",
        ),
        (
            "zsh",
            "set -eu; eval \"$(git-wt shell-init zsh)\"; echo $?; echo \"${GIT_WT_PROMPT_CD_FILE-none}\"",
        ),
        ("fish", "git-wt shell-init fish | source; echo $status; set -q GIT_WT_PROMPT_CD_FILE; or echo none"),
    ] {
        let Some(program) = find(shell) else { continue };
        let mut command = world.command(program, &world.path("myproject"));
        let seen = world.see(command.args(["-c", line])).ok().prints("0\nnone\n");
        assert_eq!(seen.stderr, "", "{shell}");
    }
}

#[test]
fn a_function_of_another_name_or_none() {
    let world = world();
    for shell in SHELLS {
        let Some(program) = find(shell) else { continue };
        for (option, want) in [("--cmd=tree", "tree\n"), ("--no-cmd", "")] {
            let load = if shell == "fish" {
                format!(
                    "git-wt shell-init fish {option} | source; functions --query wt; and echo wt; functions --query tree; and echo tree; true"
                )
            } else {
                format!(
                    "eval \"$(git-wt shell-init {shell} {option})\"; for f in wt tree; do typeset -f $f >/dev/null && echo $f; done; true"
                )
            };
            let mut command = world.command(&program, &world.path("myproject"));
            world.see(command.args(["-c", &load])).ok().prints(want);
        }
    }
}

#[test]
fn questions_are_asked_at_a_terminal_and_answered_there() {
    let world = world();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[hooks]\nsetup = [\"echo the hook ran\"]\n");
    world.commit(&world.path("myproject"), "hooks");
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    let mut answer = |line: &str, key: &str| {
        terminal.type_in(&format!("{line}\r"));
        let asked = terminal.until(|shown| shown.ends_with("[y/N] "));
        terminal.type_in(&format!("{key}\r"));
        asked + &terminal.until(|shown| shown.ends_with(PROMPT))
    };
    let shown = answer("wt add one", "n");
    assert!(shown.contains("  echo the hook ran\n") && shown.contains("hooks were not run"), "{shown}");
    let shown = answer("wt add two", "y");
    assert!(shown.contains("$ echo the hook ran\nthe hook ran\n"), "{shown}");
    world.write("myproject-two/media/photo", "x");
    let shown = answer("wt remove two", "n");
    assert!(shown.contains("loses 'media/' (ignored by git)") && shown.contains("'two' stays"), "{shown}");
    assert!(world.path("myproject-two/media/photo").exists());
    answer("wt remove two", "y");
    assert!(!world.path("myproject-two").exists());
}

#[test]
fn ctrl_c_leaves_the_shell_the_terminal_and_the_repository_as_they_were() {
    let world = world();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[venv]\n");
    world.commit(&world.path("myproject"), "venv");
    world.program("uv", "#!/bin/sh\necho making\necho making > /dev/tty\nexec sleep 600\n");
    for shell in SHELLS {
        let before = world.everything();
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.type_in("wt add fresh\r");
        terminal.until(|shown| shown.contains("making\n"));
        terminal.type_in("\x03");
        let shown = terminal.until(|shown| shown.contains("error: interrupted") && shown.ends_with(PROMPT));
        assert!(shown.contains("undone: branch 'fresh'"), "{shell}: {shown}");
        assert_eq!(terminal.shows("pwd"), "[ROOT]/myproject", "{shell}");
        drop(terminal);
        before.is_still(&world.everything(), shell);
    }
}

#[test]
fn nobody_can_guess_or_take_over_the_file_that_moves_the_shell() {
    let world = world();
    for shell in SHELLS {
        let Some(mut one) = Terminal::open(&world, shell) else { continue };
        let Some(mut other) = Terminal::open(&world, shell) else { continue };
        let name = |terminal: &mut Terminal| terminal.shows("echo $GIT_WT_PROMPT_CD_FILE");
        let (first, second) = (name(&mut one), name(&mut other));
        assert!(first.starts_with("[ROOT]/run/git-wt."), "{first}");
        let random = |name: &str| name.rsplit('.').next().map(str::to_owned);
        assert_ne!(random(&first), random(&second));
        one.shows("wt cd staging");
        one.shows("git wt cd @");
        assert_eq!(one.shows("pwd"), "[ROOT]/myproject");
    }
    assert_eq!(std::fs::read_dir(world.path("run")).unwrap().count(), 0, "no file is left");
    // a file that somebody else has put there is not written through
    world.write("victim", "untouched");
    std::os::unix::fs::symlink(world.path("victim"), world.path("run/trap")).unwrap();
    let mut command = world.command("git-wt", &world.path("myproject"));
    let seen = world.see(command.args(["cd", "staging"]).env("GIT_WT_CD_FILE", world.path("run/trap")));
    seen.code(128).says(&["cannot tell the shell where to go"]);
    assert_eq!(world.read("victim"), "untouched");
}
