//! `git wt up --tmux`: a session a repository, a window a worktree.

use crate::servers::{Servers, until};
use crate::world::is_here;

/// The tmux of one world, which ends with it.
struct Tmux<'a>(&'a Servers);

impl Tmux<'_> {
    fn says(&self, args: &[&str]) -> String {
        let dir = self.0.world.path("myproject");
        let mut command = self.0.world.command("tmux", &dir);
        let output = command.env("TMUX_TMPDIR", self.0.world.path("run")).args(args).output().unwrap();
        self.0.world.told(&output.stdout)
    }

    fn windows(&self) -> Vec<String> {
        self.says(&["list-windows", "-a", "-F", "#{window_name}"]).lines().map(str::to_owned).collect()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.says(&["kill-server"]);
    }
}

#[test]
fn each_worktree_has_a_window_and_again_makes_no_second() {
    if !is_here("tmux", which::which("tmux").is_ok()) {
        return;
    }
    let servers = Servers::with("web = \"python3 -m http.server {{ port }}\"");
    let world = &servers.world;
    let tmux = Tmux(&servers);
    world.write(
        "home/.tmux.conf",
        "set -g base-index 1\nset -g pane-base-index 1\nset -g default-shell /bin/sh\n",
    );
    // one name is a prefix of another, and another has a '.'
    for name in ["john", "johnny", "v1.2"] {
        servers.add(name);
    }
    let up = |args: &[&str]| {
        let mut command = world.command("git-wt", &world.path("myproject"));
        command.arg("up").arg("--tmux").args(args).env("TERM", "xterm");
        command.env("TMUX_TMPDIR", world.path("run"));
        world.see(&mut command)
    };
    up(&["johnny"]).ok().says(&["the tmux session is 'myproject-"]);
    assert_eq!(tmux.windows(), ["johnny"]);
    up(&["john"]).ok();
    assert_eq!(tmux.windows(), ["johnny", "john"]);
    up(&["johnny"]).ok();
    assert_eq!(tmux.windows(), ["johnny", "john"]);
    up(&["v1.2"]).ok();
    assert_eq!(tmux.windows(), ["johnny", "john", "v1-2"]);
    // tmux runs what stands in '#(…)' of a name or a directory
    let hostile = "x#(touch${IFS}pwned)";
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "-b", hostile, &format!("../{hostile}")]);
    world.wt(&["setup", hostile]).ok();
    up(&[hostile]).ok();
    assert_eq!(tmux.windows().last().unwrap(), "x--touch--IFS-pwned-");
    assert_eq!(world.pwned(), Vec::<std::path::PathBuf>::new());
    assert_eq!(tmux.says(&["list-sessions", "-F", "#{session_name}"]).lines().count(), 1);
    let shown = |number: &str| tmux.says(&["capture-pane", "-p", "-t", &format!(":{number}")]);
    until("the server is shown", || shown("2").contains("http.server"));
    // after Ctrl-C there is a shell in the worktree, in its environment
    tmux.says(&["send-keys", "-t", ":2", "C-c"]);
    tmux.says(&["send-keys", "-t", ":2", "echo at ${PWD##*/} on $PORT", "Enter"]);
    let port = world.wt(&["run", "john", "--", "printenv", "PORT"]).ok().stdout;
    let answer = format!("myproject-john on {}", port.trim());
    until("the shell has answered", || shown("2").contains(&answer));
    servers.wt(&["down", "--all"]).ok();
    drop(tmux);
    servers.are_gone();
}
