//! Real interactive shells in a pseudo-terminal, for tests to type into and read from.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use crate::ports;
use crate::world::{World, is_here};

/// The shells that most tests run in; nushell and PowerShell have tests of their own.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
/// The end of the prompt in the shells of these tests.
pub const PROMPT: &str = "@@ ";
/// How long a test waits for a shell at most.
const DEADLINE: Duration = Duration::from_secs(20);

/// An interactive shell at a terminal.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    root: String,
    /// Everything received so far, as a terminal shows it.
    display: vt100::Parser,
    /// The latest output, with its escape sequences.
    pub raw: String,
}

/// How a shell is started.
#[derive(Default)]
pub struct Setup<'a> {
    /// Lines of the start file before git-wt is loaded, and after.
    pub before: &'a str,
    pub after: &'a str,
    /// Whether to leave git-wt unloaded, so that only what is installed counts.
    pub bare: bool,
    /// Variables of the terminal's own environment.
    pub variables: &'a [(&'a str, &'a str)],
}

impl Setup<'_> {
    /// Puts the start file into the world; returns the arguments that make the shell read it.
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
            "nu" => {
                // what its start file creates is read after it
                world.write("home/.config/nushell/autoload/later.nu", &format!("{}\n", self.after));
                (
                    "home/.config/nushell/config.nu",
                    "$env.config.show_banner = false\n\
                     $env.config.shell_integration = {osc2: false, osc7: false, osc133: false, osc633: false}\n\
                     $env.PROMPT_COMMAND_RIGHT = ''\n$env.PROMPT_INDICATOR = ''\n\
                     $env.PROMPT_COMMAND = {|| '@@ '}\n\
                     mkdir $nu.user-autoload-dirs.0; git-wt shell-init nu | save --force ($nu.user-autoload-dirs.0 | path join git-wt.nu)",
                    &[],
                )
            }
            _ => (
                "home/.config/fish/config.fish",
                "function fish_prompt; printf '@@ '; end\nset -g fish_greeting\n\
                 set -g fish_autosuggestion_enabled 0\ngit-wt shell-init fish | source",
                &["-i"],
            ),
        };
        let load = if self.bare { load.rsplit_once('\n').map_or("", |(rest, _)| rest) } else { load };
        world.write(file, &format!("{}\n{load}\n{}\n", self.before, self.after));
        world.write(
            "home/.inputrc",
            "set enable-bracketed-paste off\nset bell-style none\nset show-all-if-ambiguous on\n\
             set page-completions off\nset completion-query-items 0\n",
        );
        args
    }
}

/// Finds a shell; if it is not installed, its tests are skipped, except in CI.
pub fn find(shell: &str) -> Option<PathBuf> {
    let places = ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = places.into_iter().chain(std::env::split_paths(&path));
    let found = dirs.map(|dir| dir.join(shell)).find(|path| path.exists());
    is_here(shell, found.is_some());
    found
}

impl Terminal {
    /// Starts a shell in `myproject` with git-wt loaded.
    pub fn open(world: &World, shell: &str) -> Option<Self> {
        Self::open_with(world, shell, &Setup::default())
    }

    pub fn open_with(world: &World, shell: &str, setup: &Setup) -> Option<Self> {
        let program = find(shell)?;
        let mut command = CommandBuilder::new(&program);
        command.args(setup.install(world, shell));
        command.cwd(world.path("myproject"));
        command.env_clear();
        for (name, value) in world.command(&program, &world.path("myproject")).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("TERM", "dumb");
        // ports differ between runs
        command.env("GIT_WT_PROMPT", "short");
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
        let display = vt100::Parser::new(size.rows, size.cols, 0);
        let mut terminal = Self { child, input, output, root, display, raw: String::new() };
        terminal.until(|shown| shown.ends_with(PROMPT));
        Some(terminal)
    }

    pub fn type_in(&mut self, keys: &str) {
        self.input.write_all(ports::to_host(keys).as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Reads what is shown until it is what the test waits for.
    #[track_caller]
    pub fn until(&mut self, done: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut bytes = Vec::new();
        let mut answered = 0;
        loop {
            self.raw = String::from_utf8_lossy(&bytes).into_owned();
            let shown = ports::to_spoken(&plain(&self.raw).replace(&self.root, "[ROOT]"));
            if done(&shown) {
                return shown;
            }
            match self.output.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(more) => {
                    self.display.process(&more);
                    bytes.extend(more);
                    // nu asks for the cursor's position, and waits
                    let asked = bytes.windows(4).filter(|part| part == b"\x1b[6n").count();
                    for _ in answered..asked {
                        self.type_in("\x1b[1;1R");
                    }
                    answered = asked;
                }
                Err(cause) => panic!("waited in vain ({cause}): {shown:?}"),
            }
        }
    }

    /// Returns what is visible now.
    pub fn display(&self) -> String {
        ports::to_spoken(&self.display.screen().contents().replace(&self.root, "[ROOT]"))
    }

    /// Reads until what is visible is what the test waits for.
    #[track_caller]
    pub fn until_display(&mut self, done: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !done(&self.display()) {
            match self.output.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(more) => self.display.process(&more),
                Err(cause) => panic!("waited in vain ({cause}): {}", self.display()),
            }
        }
    }

    /// Runs a command line; returns what it showed, and the prompt after it, without the end that all prompts have.
    #[track_caller]
    pub fn line(&mut self, line: &str) -> (String, String) {
        self.type_in(&format!("{line}\r"));
        let shown = self.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
        let shown = shown.split_once('\n').map_or("", |(_echo, rest)| rest).to_owned();
        let (text, prompt) = shown.rsplit_once('\n').unwrap_or(("", &shown));
        // fish marks output that does not end with a line break
        let prompt = prompt.rsplit('⏎').next().unwrap_or(prompt);
        (text.to_owned(), prompt.trim_end_matches(PROMPT).trim().to_owned())
    }

    /// Runs a command line and returns what it showed.
    #[track_caller]
    pub fn shows(&mut self, line: &str) -> String {
        self.line(line).0
    }

    /// Runs a command line and returns the prompt that followed.
    #[track_caller]
    pub fn prompts(&mut self, line: &str) -> String {
        self.line(line).1
    }

    /// Returns the shell's current directory.
    #[track_caller]
    pub fn stands(&mut self) -> String {
        self.shows("pwd")
    }

    /// Types, and waits for what the line becomes.
    #[track_caller]
    pub fn completes(&mut self, typed: &str, want: &str) {
        self.type_in(typed);
        self.until(|shown| shown.ends_with(want));
        // clears the line
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

/// Reads a terminal to its end in a thread, so that its shell never has to wait.
pub fn read_aside(mut reader: Box<dyn Read + Send>) -> Receiver<Vec<u8>> {
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

/// Returns what a terminal shows, without escape sequences.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => match rest.next() {
                Some('[') => while rest.next().is_some_and(|c| !c.is_ascii_alphabetic() && c != '~') {},
                Some(']') => while rest.next().is_some_and(|c| c != '\x07') {},
                // selects a character set
                Some('(') => drop(rest.next()),
                _ => {}
            },
            '\r' | '\x07' | '\x0f' => {}
            c => out.push(c),
        }
    }
    out
}

/// Returns how a shell writes the status of the last command.
pub fn status_of(shell: &str) -> &'static str {
    if shell == "fish" { "$status" } else { "$?" }
}

/// Returns how a shell sets a variable for its children.
pub fn export(shell: &str, name: &str, value: &str) -> String {
    if shell == "fish" { format!("set -gx {name} {value}") } else { format!("export {name}={value}") }
}

/// Makes a worktree and has git-wt adopt it.
pub fn adopt(world: &World, name: &str, place: &str) {
    let place = world.path(place);
    world.git(
        &world.path("myproject"),
        &["worktree", "add", "--quiet", "-b", name, "--", place.to_str().unwrap()],
    );
    world.wt(&["setup", name]).ok();
}

/// Makes a repository with two worktrees, `staging` and `other`.
pub fn world() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    adopt(&world, "staging", "staging");
    adopt(&world, "other", "other");
    world
}

/// Puts a stand-in for git-wt into the world that moves the shell to `$TO`, byte for byte.
pub fn mover(world: &World) {
    world.program(
        "mover",
        "#!/bin/sh\n[ \"$1\" = hook ] && exec git-wt \"$@\"\nprintf '%s\\0' \"$TO\" >\"$GIT_WT_CD_FILE\"\n",
    );
}
