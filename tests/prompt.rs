//! What the prompt of a real shell shows, and what it costs.

use crate::terminal::{SHELLS, Setup, Terminal, export, find, world};
use crate::world::World;

/// Returns a value quoted so that a shell takes it literally.
fn literal(shell: &str, text: &str) -> String {
    let escaped = if shell == "fish" { text.replace('\\', r"\\") } else { text.to_owned() };
    format!("'{escaped}'")
}

fn port(world: &World, name: &str) -> String {
    let file = world.read(format!("{name}/.env"));
    file.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().to_owned()
}

#[test]
fn the_prompt_shows_the_port_and_what_has_drifted() {
    let world = world();
    let env = world.read("staging/.env");
    let claimed = port(&world, "staging");
    for shell in SHELLS {
        let setup = Setup { variables: &[("GIT_WT_PROMPT", "")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        assert_eq!(terminal.prompts("wt cd staging"), format!("(staging :{claimed})"), "{shell}");
        // a line of the user's own does not count as drift
        world.write("staging/.env", &format!("{env}MINE=1\n"));
        assert_eq!(terminal.prompts("wt list >/dev/null"), format!("(staging :{claimed})"), "{shell}");
        // if a port was edited, it is the one served
        world.write("staging/.env", "PORT=9999\n");
        assert_eq!(terminal.prompts("wt list >/dev/null"), "(staging :9999 *)", "{shell}");
        // and on entering, without a command of ours
        terminal.shows("cd ..");
        assert_eq!(terminal.prompts("cd staging"), "(staging :9999 *)", "{shell}");
        std::fs::remove_file(world.path("staging/.env")).unwrap();
        assert_eq!(terminal.prompts("wt list >/dev/null"), format!("(staging :{claimed} *)"), "{shell}");
        world.write("staging/.env", &env);
        assert_eq!(terminal.prompts("wt list >/dev/null"), format!("(staging :{claimed})"), "{shell}");
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_PROMPT", "short")), "(staging)", "{shell}");
    }
}

#[test]
fn a_recipe_that_wants_more_is_drift_until_setup() {
    let world = world();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "-b", "bare", "../bare"]);
    world.wt(&["add", "--quiet", "--no-env", "plain"]).ok();
    for more in ["ADMIN_PORT = 8100\n", "[env]\nNAME = \"{{ name }}\"\n", "[env]\nNAME = \"is {{ name }}\"\n"]
    {
        let recipe = format!("[port]\nPORT = 8000\n{more}");
        world.write("myproject/.wt.toml", &recipe);
        for shell in SHELLS {
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            assert_eq!(terminal.prompts("wt cd staging"), "(staging *)", "{shell}: {more}");
            assert_eq!(terminal.prompts("cd ../bare"), "", "{shell}: {more}");
            assert_eq!(terminal.prompts("cd ../myproject-plain"), "(plain)", "{shell}: {more}");
        }
        world.trust();
        world.wt(&["setup", "staging"]).ok();
        for shell in SHELLS {
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            assert_eq!(terminal.prompts("wt cd staging"), "(staging)", "{shell}: {more}");
        }
    }
}

#[test]
fn the_function_prints_the_label_in_a_format() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        assert_eq!(terminal.shows("__git_wt_ps1; echo ."), ".", "{shell}: the main worktree is none of ours");
        terminal.shows("cd ../staging");
        assert_eq!(terminal.shows("__git_wt_ps1; echo ."), " (staging).", "{shell}");
        assert_eq!(terminal.shows("__git_wt_ps1 '[%s] '; echo ."), "[staging] .", "{shell}");
        if shell != "fish" {
            assert_eq!(terminal.shows("(exit 7); __git_wt_ps1 ''; echo $?"), "7", "{shell}");
        }
        terminal.shows("cd /");
        assert_eq!(terminal.shows("__git_wt_ps1; echo ."), ".", "{shell}: outside of all");
    }
}

#[test]
fn the_label_is_data_in_every_way_of_use() {
    let world = world();
    let long = "long-".repeat(30);
    let odd = [
        "50%",
        "%F{red}%d",
        "$(touch${IFS}pwned)",
        "`touch${IFS}pwned`",
        "a!b",
        "it\"s",
        r"\u\w",
        "-n",
        "ünï",
        &long,
    ];
    let ways = [
        ("bash", "PS1='<$__git_wt_ps1> @@ '"),
        ("bash", "PS1='<$(__git_wt_ps1 %s)> @@ '"),
        ("bash", "PS1='<$GIT_WT_LABEL> @@ '"),
        ("zsh", "setopt prompt_subst; PROMPT='<$__git_wt_ps1> @@ '"),
        ("zsh", "setopt prompt_subst; PROMPT='<$(__git_wt_ps1 %s)> @@ '"),
        ("zsh", "setopt prompt_subst prompt_bang; PROMPT='<$(__git_wt_ps1 %s)> @@ '"),
        ("zsh", "PROMPT='<%9v> @@ '"),
        ("fish", "function fish_prompt; printf '<%s> @@ ' (__git_wt_ps1 %s); end"),
        ("fish", "function fish_prompt; printf '<%s> @@ ' $GIT_WT_LABEL; end"),
    ];
    for (shell, after) in ways {
        let setup = Setup { after, variables: &[("GIT_WT_PROMPT", "")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        for name in odd {
            let line = export(shell, "GIT_WT_NAME", &literal(shell, name));
            assert_eq!(terminal.prompts(&line), format!("<{name}>"), "{shell}: {after}");
        }
        terminal.shows("cd ../staging");
        let port = port(&world, "staging");
        assert_eq!(terminal.prompts("true"), format!("<staging :{port}>"), "{shell}: {after}");
        assert!(!world.path("myproject/pwned").exists() && !world.path("staging/pwned").exists());
    }
}

#[test]
fn prompts_that_are_programs_get_the_label_too() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let label = "printenv GIT_WT_LABEL";
        assert_eq!(terminal.shows(label), "", "{shell}");
        terminal.shows("cd ../staging");
        assert_eq!(terminal.shows(label), "staging", "{shell}");
        terminal.shows("git switch -q -C x");
        assert_eq!(terminal.shows(label), "staging x", "{shell}");
        terminal.shows("git switch -q staging");
        // a command run elsewhere does not get this worktree's label
        let elsewhere = "git wt run other -- sh -c 'echo \"<$GIT_WT_LABEL>\"'";
        assert_eq!(terminal.shows(elsewhere), "<>", "{shell}");
        terminal.shows("cd ..");
        assert_eq!(terminal.shows(label), "", "{shell}");
    }
}

/// Returns the snippet of the manual page that begins with this line.
fn snippet(begins: &str) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/git-wt-shell-init.prose")).unwrap();
    let from = page.find(begins).unwrap_or_else(|| panic!("the manual has no {begins:?}"));
    let text = &page[from..];
    text[..=text.find("\n.fi").unwrap()].replace(r"\-", "-").replace(r"\e", r"\")
}

#[test]
fn the_segment_for_powerlevel10k_is_as_the_manual_has_it() {
    let world = world();
    let Some(zsh) = find("zsh") else { return };
    world.write("segment.zsh", &snippet("function prompt_git_wt"));
    // p10k lets the prompt expand the condition and, with -e, the text, which is shown if the condition is not empty
    let stand_in = r#"
        setopt prompt_subst
        p10k() {
            local condition text OPTARG opt
            shift
            while getopts "ec:t:f:" opt; do case $opt in c) condition=$OPTARG;; t) text=$OPTARG;; esac; done
            [[ -z ${(e)condition} ]] || print -rP -- "$text"
        }
        source ./segment.zsh
        prompt_git_wt
        export GIT_WT_LABEL='50% $(touch pwned) :8001'
        prompt_git_wt
        GIT_WT_PROTECTED=1 instant_prompt_git_wt
    "#;
    let mut command = world.command(zsh, &world.root());
    let seen = world.see(command.args(["-f", "-c", stand_in])).ok();
    let label = "50% $(touch pwned) :8001";
    assert_eq!(seen.stdout, format!("{label}\n\x1b[31m{label}\n"), "{seen:?}");
    assert!(!world.path("pwned").exists());
}

#[test]
fn starship_shows_the_label_as_the_manual_has_it() {
    let world = world();
    world.write(
        "home/.config/starship.toml",
        &format!("format = '$env_var'\n{}", snippet("[env_var.GIT_WT_PROTECTED]")),
    );
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(starship) =
        std::env::split_paths(&path).map(|dir| dir.join("starship")).find(|program| program.exists())
    else {
        // skipped in CI too, since Debian has no package of it
        eprintln!("skipped: starship is not installed");
        return;
    };
    let mut command = world.command(starship, &world.root());
    command
        .arg("prompt")
        .env("STARSHIP_SHELL", "zsh")
        .env("GIT_WT_LABEL", "50% :8001")
        .env("GIT_WT_PROTECTED", "1");
    let seen = world.see(&mut command).ok();
    assert!(seen.stdout.contains("protected") && seen.stdout.contains("50%% :8001"), "{seen:?}");
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
    // the function too, whose escape sequences take no width
    for (shell, after) in [
        ("bash", "PS1='$(__git_wt_ps1)@@ '"),
        ("zsh", "setopt prompt_subst; PROMPT='$(__git_wt_ps1)@@ '"),
        ("fish", "function fish_prompt; __git_wt_ps1; printf '@@ '; end"),
    ] {
        let setup = Setup { after, variables: &[("TERM", "xterm")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt cd staging");
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_PROTECTED", "1")), "(staging)", "{shell}");
        let red = terminal.raw.rfind("31m").unwrap_or_else(|| panic!("{shell}: {:?}", terminal.raw));
        assert!(terminal.raw[red..].contains("(staging)"), "{shell}: {:?}", terminal.raw);
        assert!(!terminal.raw.contains(['\x01', '\x02']), "{shell}: {:?}", terminal.raw);
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
fn no_branch_turns_the_label_round_or_hides_in_it() {
    let world = world();
    world.git(
        &world.path("staging"),
        &["switch", "--quiet", "--create", "a\u{202e}b\u{200b}c\u{ad}d\u{2066}\u{e9}"],
    );
    for shell in SHELLS {
        for locale in ["C.UTF-8", "C"] {
            let setup = Setup { variables: &[("LC_ALL", locale)], ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            terminal.shows("cd ../staging");
            let label = terminal.shows("printenv GIT_WT_LABEL");
            assert!(label.starts_with("staging a?b?c?d?"), "{shell} {locale}: {label:?}");
        }
    }
}
