//! The environment of a worktree, as a real shell takes it on when entering and gives it up when leaving.

use crate::terminal::{SHELLS, Setup, Terminal, adopt, export, find, world};
use crate::world::{World, is_root};

/// Gives `staging` and `other` a venv and variables each, and a program `seen` that prints what a child sees.
fn furnished() -> World {
    let world = world();
    world.fake_uv("");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[venv]\npython = \"python3\"\n");
    adopt(&world, "inner", "staging/inner");
    for name in ["staging", "other"] {
        world.wt(&["setup", "--quiet", name]).ok();
    }
    for name in ["staging", "other", "staging/inner"] {
        let env = world.read(format!("{name}/.env"));
        let label = name.rsplit('/').next().unwrap();
        world.write(format!("{name}/.env"), &format!("{env}BEFORE={label}\nMULTI=\"1 {label}\n  'two'\"\n"));
        std::fs::create_dir_all(world.path(format!("{name}/sub/deep"))).unwrap();
    }
    world.program(
        "seen",
        "#!/bin/sh\nprintf '%s|%s|%s|%s\\n' \"${BEFORE-unset}\" \"${MULTI-unset}\" \"${VIRTUAL_ENV-unset}\" \"${PATH%%:*}\"\n",
    );
    world
}

/// Returns what `seen` prints in a worktree.
fn inside(place: &str) -> String {
    let label = place.rsplit('/').next().unwrap();
    format!("{label}|1 {label}\n  'two'|[ROOT]/{place}/.venv|[ROOT]/{place}/.venv/bin")
}

/// What it prints outside all worktrees.
const OUTSIDE: &str = "mine|unset|unset|[ROOT]/bin";

#[test]
fn the_whole_environment_follows_each_way_of_going() {
    let world = furnished();
    for shell in SHELLS {
        let before = export(shell, "BEFORE", "mine");
        let setup = Setup { before: &before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let path = terminal.shows("printenv PATH");
        for (line, want) in [
            ("true", OUTSIDE.to_owned()),
            ("cd ../staging", inside("staging")),
            ("cd sub/deep", inside("staging")),
            ("cd ../../inner/sub", inside("staging/inner")),
            ("cd ../..", inside("staging")),
            ("cd ../other/sub", inside("other")),
            ("cd ../../myproject", OUTSIDE.to_owned()),
            ("cd -", inside("other")),
            ("cd /", OUTSIDE.to_owned()),
            ("pushd $HOME/../staging >/dev/null", inside("staging")),
            ("pushd $HOME/../other >/dev/null", inside("other")),
            ("popd >/dev/null", inside("staging")),
            ("popd >/dev/null", OUTSIDE.to_owned()),
            ("cd $HOME/../staging", inside("staging")),
            ("wt cd other", inside("other")),
            ("git wt cd staging/inner", inside("staging/inner")),
            ("wt cd @", OUTSIDE.to_owned()),
        ] {
            terminal.shows(line);
            assert_eq!(terminal.shows("seen"), want, "{shell}: {line}");
        }
        assert_eq!(terminal.shows("printenv PATH"), path, "{shell}");
        let left =
            "env | grep -c -e '^GIT_WT_[NSLD]' -e '^GIT_WT_HEAD' -e '^MULTI' -e '^PORT' -e '^VIRTUAL_ENV'";
        assert_eq!(terminal.shows(left), "0", "{shell}");
    }
}

#[test]
fn a_new_terminal_in_a_worktree_has_its_environment_at_the_first_prompt() {
    let world = furnished();
    for shell in SHELLS {
        let before = format!("{}; cd ../staging/sub", export(shell, "BEFORE", "mine"));
        let setup = Setup { before: &before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        assert_eq!(terminal.line("seen"), (inside("staging"), "(staging)".into()), "{shell}");
        terminal.shows("cd ../..");
        assert_eq!(terminal.shows("seen"), OUTSIDE, "{shell}");
    }
}

#[test]
fn what_the_user_unsets_or_puts_on_path_stays_so() {
    let world = furnished();
    for shell in SHELLS {
        let (unset, more) = if shell == "fish" {
            ("set -e MULTI", "set -gx PATH /mine $PATH")
        } else {
            ("unset MULTI", "PATH=/mine:$PATH")
        };
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows("cd ../staging");
        terminal.shows(unset);
        terminal.shows(more);
        let kept = "staging|unset|[ROOT]/staging/.venv|/mine";
        assert_eq!(terminal.shows("seen"), kept, "{shell}");
        terminal.shows("wt list >/dev/null");
        assert_eq!(terminal.shows("seen"), kept, "{shell}: looked at again");
        terminal.shows("cd ../myproject");
        assert_eq!(terminal.shows("seen"), "unset|unset|unset|/mine", "{shell}");
        assert_eq!(terminal.shows("printenv PATH | grep -c venv"), "0", "{shell}");
    }
}

#[test]
fn a_variable_that_is_readonly_stays_and_does_not_hold_up_the_rest() {
    let world = furnished();
    for shell in ["bash", "zsh"] {
        let setup = Setup { after: "export BEFORE=mine; readonly BEFORE", ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        assert_eq!(terminal.shows("cd ../staging"), "", "{shell}");
        assert_eq!(terminal.shows("seen"), inside("staging").replacen("staging|", "mine|", 1), "{shell}");
        assert_eq!(terminal.shows("cd ../other"), "", "{shell}");
        assert_eq!(terminal.shows("seen"), inside("other").replacen("other|", "mine|", 1), "{shell}");
        assert_eq!(terminal.shows("cd ../myproject"), "", "{shell}");
        assert_eq!(terminal.shows("seen"), OUTSIDE, "{shell}");
    }
}

#[test]
fn one_setting_turns_it_off_and_leaves_the_label() {
    let world = furnished();
    for shell in SHELLS {
        let before = export(shell, "BEFORE", "mine");
        // not exported, as people write it in a start file
        let after = if shell == "fish" { "set -g GIT_WT_ENV off" } else { "GIT_WT_ENV=off" };
        let setup = Setup { before: &before, after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("cd ../staging");
        assert_eq!(terminal.line("seen"), (OUTSIDE.to_owned(), "(staging)".into()), "{shell}");
    }
}

#[test]
fn direnv_and_mise_have_the_worktrees_that_are_theirs() {
    let world = furnished();
    let hook = |shell| match shell {
        "fish" => "function __direnv_export_eval; end",
        _ => "_direnv_hook() { :; }",
    };
    for shell in SHELLS {
        let goes = |after: &str, variables: &[(&str, &str)], want: [&str; 2]| {
            let before = export(shell, "BEFORE", "mine");
            let setup = Setup { before: &before, after, variables, ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { return };
            for (place, want) in ["../staging/sub", "../../other"].into_iter().zip(want) {
                assert_eq!(terminal.shows(&format!("cd {place}")), "", "{shell}");
                assert_eq!(terminal.shows("seen"), want, "{shell}: {place}: {after} {variables:?}");
            }
        };
        let (staging, other) = (&*inside("staging"), &*inside("other"));
        world.write("staging/.envrc", "dotenv\n");
        goes(hook(shell), &[], [OUTSIDE, other]);
        // a colleague without direnv
        goes("", &[], [staging, other]);
        std::fs::remove_file(world.path("staging/.envrc")).unwrap();
        goes(hook(shell), &[], [staging, other]);
        let loaded = format!("-{}", world.path("staging").display());
        goes("", &[("DIRENV_DIR", &loaded)], [OUTSIDE, other]);
        world.write("staging/mise.toml", "[env]\nA = '1'\n");
        world.write("other/.mise.toml", "[tools]\nnode = '22'\n");
        goes("", &[("MISE_SHELL", shell)], [OUTSIDE, other]);
        goes("", &[], [staging, other]);
        std::fs::remove_file(world.path("staging/mise.toml")).unwrap();
    }
}

/// Names of each kind of variable that controls programs.
#[rustfmt::skip]
const ORDERS: [&str; 58] = [
    "PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PS1", "PS4", "RPS1", "IFS",
    "ZDOTDIR", "SHELLOPTS", "BASHOPTS", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_WT_STATE", "fish_greeting", "HISTFILE",
    "SECONDS", "KEYTIMEOUT", "NODE_OPTIONS", "PYTHONSTARTUP", "PYTHONWARNINGS", "PERL5OPT", "RUBYOPT", "OPENSSL_CONF",
    "GOFLAGS", "STARSHIP_CONFIG", "RUSTC_WRAPPER", "HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "no_proxy",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_INDEX_URL", "pip_index_url",
    "UV_DEFAULT_INDEX", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "npm_config_registry", "NPM_CONFIG_REGISTRY",
    "YARN_REGISTRY", "BUNDLE_GEMFILE", "GEM_HOME", "COMPOSER_HOME", "GOPROXY", "CARGO_HOME", "DOCKER_HOST", "KUBECONFIG",
    "PGSERVICEFILE", "TAR_OPTIONS", "GREP_OPTIONS", "LESSOPEN", "MANPAGER",
];

#[test]
fn no_file_gives_orders_to_the_shell_or_to_programs() {
    let world = world();
    let evil: String = ORDERS.iter().map(|name| format!("{name}=evil\n")).collect();
    // from an env file of the user's, and from one that the recipe has written
    let env = world.read("staging/.env");
    world.write("staging/.env", &format!("{env}{evil}GOOD=1\n"));
    let values: String = ORDERS.iter().map(|name| format!("{name} = \"evil\"\n")).collect();
    world.write("myproject/.wt.toml", &format!("[port]\nPORT = 8000\n[env]\n{values}GOOD = \"1\"\n"));
    world.trust();
    world.program("orders", "#!/bin/sh\n/usr/bin/env | /bin/grep -e evil -e ^GOOD\n");
    world.git(&world.path("myproject"), &["config", "wt.hooks.setup", "orders >hooked"]);
    world.wt(&["add", "--quiet", "third"]).ok();
    assert_eq!(world.read("myproject-third/hooked"), "GOOD=1\n");
    for name in ["staging", "third"] {
        world.wt(&["run", name, "--", "orders"]).ok().prints("GOOD=1\n");
    }
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for place in ["staging", "myproject-third"] {
            assert_eq!(terminal.shows(&format!("cd ../{place}")), "", "{shell}: {place}");
            assert_eq!(terminal.shows("orders"), "GOOD=1", "{shell}: {place}");
        }
    }
}

/// Returns lines of a start file that make variables of every kind other than a plain string.
fn declarations(shell: &str) -> &'static str {
    match shell {
        "bash" => {
            "declare -i NUMBER=1 UNSET; declare -a LIST=(1 2); declare -a EMPTY; declare -A MAP=([x]=1)\n\
             declare -n REFERENCE=NUMBER; declare -n LOOSE; declare -r FIXED=1; declare -u LOUD=A"
        }
        "zsh" => {
            "integer NUMBER=1 UNSET; typeset -a LIST=(1 2) EMPTY; typeset -A MAP=(x 1); float REFERENCE=1\n\
             typeset -T LOOSE loose; typeset -r FIXED=1; typeset -u LOUD=A"
        }
        _ => "set -g LIST 1 2",
    }
}

#[test]
fn no_value_is_evaluated_by_what_it_is_assigned_to() {
    const SPECIAL: [&str; 18] = [
        "RANDOM",
        "SECONDS",
        "SRANDOM",
        "LINENO",
        "HISTCMD",
        "OPTIND",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "BASHPID",
        "KEYTIMEOUT",
        "LISTMAX",
        "MAILCHECK",
        "DIRSTACKSIZE",
        "FUNCNEST",
        "TTYIDLE",
        "HISTSIZE",
        "SAVEHIST",
        "TMOUT",
    ];
    const DECLARED: [&str; 9] =
        ["NUMBER", "UNSET", "LIST", "EMPTY", "MAP", "REFERENCE", "LOOSE", "FIXED", "LOUD"];
    let world = world();
    // `psvar` is an array of zsh's: it would not evaluate a subscript of anything else
    let value = "psvar[$(touch $HOME/pwned)]";
    let names = || SPECIAL.iter().chain(&DECLARED);
    let lines: String = names().map(|name| format!("{name}='{value}'\n")).collect();
    let env = world.read("staging/.env");
    world.write("staging/.env", &format!("{env}{lines}PLAIN='{value}'\n"));
    // the functions check for themselves, whatever git-wt tells them to set, except for these variables: they are plain
    // strings, which zsh reads as numbers only when it uses them
    let seen = names().filter(|name| !["TMOUT", "DIRSTACKSIZE"].contains(name));
    let records: String = seen.map(|name| format!("set\\0{name}\\0{value}\\0")).collect();
    world.program("careless", &format!("#!/bin/sh\nprintf '{records}set\\0PLAIN\\0{value}\\0end\\0'\n"));
    for shell in SHELLS {
        let careless = "__git_wt_exe=careless";
        // bash 3.2 behaves like this
        let old = "__git_wt_knows_attributes=0";
        let ways: &[&str] = match shell {
            "bash" => &["", careless, old],
            "zsh" => &["", careless],
            _ => &[""],
        };
        for way in ways {
            for strict in ["", "set -u"].iter().take(if shell == "fish" { 1 } else { 2 }) {
                let after = format!("{}\n{way}\n{strict}", declarations(shell));
                let setup = Setup { after: &after, ..Setup::default() };
                let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
                assert_eq!(terminal.shows("cd ../staging"), "", "{shell}: {way} {strict}");
                assert_eq!(terminal.shows("printenv PLAIN"), value, "{shell}: {way} {strict}");
                let kept =
                    if shell == "fish" { "echo $LIST" } else { "echo $NUMBER ${LIST[*]} $FIXED $LOUD" };
                let want = if shell == "fish" { "1 2" } else { "1 1 2 1 A" };
                assert_eq!(terminal.shows(kept), want, "{shell}: {way} {strict}");
                assert_eq!(terminal.shows("cd ../myproject"), "", "{shell}: {way} {strict}");
                assert_eq!(terminal.shows(kept), want, "{shell}: {way} {strict}");
                assert!(!world.path("home/pwned").exists(), "{shell}: {way} {strict}");
            }
        }
    }
}

#[test]
fn a_value_that_git_tracks_enters_nothing() {
    let world = world();
    world.program("value", "#!/bin/sh\necho \"${VALUE-unset}\"\n");
    let tree = world.path("staging");
    let put = |name: &str, text: &str| world.write(format!("staging/{name}"), text);
    let env = world.read("staging/.env");
    let link = |to: &str, at: &str| {
        let at = tree.join(at);
        let _ = std::fs::remove_file(&at).or_else(|_| std::fs::remove_dir_all(&at));
        std::os::unix::fs::symlink(to, at).unwrap();
    };
    let look = |want: &str, when: &str| {
        world.wt(&["run", "staging", "--", "value"]).ok().prints(&format!("{want}\n"));
        for shell in SHELLS {
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            terminal.shows("cd ../staging");
            assert_eq!(terminal.shows("value"), want, "{shell}: {when}");
        }
    };
    put(".env", &format!("{env}VALUE=1\n"));
    look("1", "the user's own");
    world.git(&tree, &["add", "--force", ".env"]);
    look("unset", "tracked since");
    let seen = world.wt(&["env", "staging"]).ok();
    assert!(seen.stderr.contains("VALUE is not set: '.env' is tracked by git"), "{seen:#?}");
    world.wt(&["run", "staging", "--", "printenv", "PORT"]).ok();

    world.git(&tree, &["rm", "--quiet", "--cached", ".env"]);
    put("kept.env", "VALUE=2\n");
    world.git(&tree, &["add", "kept.env"]);
    link("kept.env", ".env");
    look("unset", "a link to what is tracked");
    put("own.env", "VALUE=3\n");
    link("own.env", ".env");
    look("3", "a link to the user's own");
    world.git(&tree, &["add", "--force", ".env"]);
    look("unset", "a link that is tracked");
    world.git(&tree, &["rm", "--quiet", "--cached", ".env"]);
    world.write("other/kept.env", "VALUE=4\n");
    world.git(&world.path("other"), &["add", "kept.env"]);
    link("../other/kept.env", ".env");
    look("unset", "a link to what is tracked in another worktree");
}

#[test]
fn no_venv_goes_on_path_but_one_that_was_made_for_the_worktree() {
    let world = world();
    world.fake_uv("");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[venv]\npython = \"python3\"\n");
    world.program(
        "used",
        "#!/bin/sh\ncase $PATH in */.venv/*) echo \"on PATH, $VIRTUAL_ENV\" ;; *) echo \"${VIRTUAL_ENV-none}\" ;; esac\n",
    );
    let none = "none";
    let look = |name: &str, place: &str, in_shell: &str, by_run: &str| {
        world.wt(&["run", name, "--", "used"]).ok().prints(&format!("{by_run}\n"));
        for shell in SHELLS {
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            terminal.shows(&format!("cd ../{place}"));
            assert_eq!(terminal.shows("used"), in_shell, "{shell}: {name}");
        }
    };
    let own = |place: &str| format!("on PATH, [ROOT]/{place}/.venv");
    let venv = |place: &str| {
        world.write(format!("{place}/.venv/pyvenv.cfg"), "home = /usr/bin\n");
        world.write(format!("{place}/.venv/bin/ls"), "#!/bin/sh\n");
    };

    // made by hand, before git-wt knew the worktree
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    venv("other");
    world.wt(&["setup", "--quiet", "other"]).ok();
    look("other", "other", none, &own("other"));

    // brought by a branch
    let main = world.path("myproject");
    world.git(&main, &["switch", "--quiet", "--create", "brings"]);
    venv("myproject");
    world.git(&main, &["add", "--force", ".venv"]);
    world.git(&main, &["commit", "--quiet", "--message", "venv"]);
    world.git(&main, &["switch", "--quiet", "main"]);
    world.wt(&["add", "--quiet", "brings"]).ok();
    look("brings", "myproject-brings", none, none);

    // a link to something else
    venv("elsewhere");
    std::os::unix::fs::symlink("../elsewhere/.venv", world.path("staging/.venv")).unwrap();
    look("staging", "staging", none, none);
    std::fs::remove_file(world.path("staging/.venv")).unwrap();

    // made with the worktree, until a branch puts something into it
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[venv]\npython = \"python3\"\n");
    world.wt(&["add", "--quiet", "third"]).ok();
    look("third", "myproject-third", &own("myproject-third"), &own("myproject-third"));
    world.git(&world.path("myproject-third"), &["checkout", "--quiet", "brings", "--", ".venv/bin/ls"]);
    look("third", "myproject-third", none, none);
}

#[test]
fn a_recipe_sets_and_runs_nothing_by_being_changed() {
    let world = world();
    let hostile =
        "[port]\nPORT = 8000\n[env]\nNEW = \"$(touch pwned)\"\n[hooks]\nsetup = [\"touch pwned\"]\n";
    for (recipe, told) in [(hostile, ""), ("[port\n", "warning: ")] {
        world.write("myproject/.wt.toml", recipe);
        for shell in SHELLS {
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            let (shown, prompt) = terminal.line("cd ../staging");
            assert!(shown.starts_with(told) && shown.is_empty() == told.is_empty(), "{shell}: {shown:?}");
            assert_eq!(prompt, "(staging *)", "{shell}");
            // what was set stays, and nothing is reported again
            for line in ["mkdir -p sub", "cd sub", "cd .."] {
                assert_eq!(terminal.shows(line), "", "{shell}: {line}");
            }
            assert_eq!(terminal.shows("printenv PORT NEW | wc -l | tr -d ' '"), "1", "{shell}");
            assert!(!world.path("staging/pwned").exists(), "{shell}");
        }
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
        // what the user changes meanwhile is kept, even when git-wt checks again
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
        // leaves the worktree and becomes a new shell in a single command, without a prompt in between
        let leave = format!("env --chdir={} {} -i", world.root().display(), program.display());
        terminal.shows(&leave);
        assert_eq!(terminal.shows("echo \"[$PORT$GIT_WT_NAME]\""), "[]", "{shell}");
        // or enters another worktree
        terminal.shows("cd staging");
        terminal.shows(&format!("env --chdir={} {} -i", world.path("other").display(), program.display()));
        assert_eq!(terminal.line("echo \"$GIT_WT_NAME\""), ("other".into(), "(other)".into()), "{shell}");
    }
}

#[test]
fn records_that_are_cut_short_change_nothing() {
    let world = world();
    let records = [
        "set\\0PORT\\0006\\0",
        "set\\0PORT\\0end\\0",
        "set\\0PORT\\0006\\0set\\0X",
        "set\\0PORT\\0006\\0what\\0X\\0end\\0",
        "set\\0PORT\\0006\\0set\\0A B\\0x\\0end\\0",
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
fn functions_of_another_version_say_so_once() {
    let real = env!("CARGO_BIN_EXE_git-wt");
    let cases = [
        ("s/ hook 1 / hook 0 /", "this shell's git-wt functions are of another version"),
        ("1s|/.*git-wt|/gone/git-wt|", "/gone/git-wt"),
    ];
    for shell in SHELLS {
        for (edit, said) in cases {
            let world = world();
            let load = format!("\"{real}\" \"$@\" | sed '{edit}'");
            world.program(
                "git-wt",
                &format!("#!/bin/sh\n[ \"$1\" = shell-init ] || exec \"{real}\" \"$@\"\n{load}\n"),
            );
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            assert!(terminal.raw.contains(said), "{shell}: {:?}", terminal.raw);
            for line in ["cd ../staging", "cd ../other", "cd ..", "cd other", "true"] {
                assert_eq!(terminal.shows(line), "", "{shell}: {line}");
            }
            if edit.contains("hook") {
                assert_eq!(terminal.shows("wt cd staging"), "[ROOT]/staging", "{shell}");
                assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
            }
        }
    }
}

/// Changes the owner of a file or directory, but not of what is in it.
#[track_caller]
fn give_away(world: &World, path: &str, owner: u32) {
    std::os::unix::fs::lchown(world.path(path), Some(owner), None).unwrap();
}

#[test]
fn nothing_enters_from_a_repository_of_another_owner() {
    if !is_root("give files away") {
        return;
    }
    let world = world();
    let env = world.read("staging/.env");
    world.write("staging/.env", &format!("{env}GOOD=1\n"));
    let look = |entered: bool, variables: &[(&str, &str)], when: &str| {
        let mut list = world.command("git-wt", &world.path("staging"));
        let seen = world.see(list.arg("list").envs(variables.iter().copied()));
        if entered {
            seen.ok();
        } else {
            let told = seen.code(128).says(&["error: detected dubious ownership in repository at '[ROOT]/"]);
            assert!(told.stderr.contains("hint: git config --global --add safe.directory [ROOT]/"), "{when}");
        }
        let want = if entered { ("1", "(staging)") } else { ("", "") };
        for shell in SHELLS {
            let setup = Setup { variables, ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            assert_eq!(terminal.shows("cd ../staging"), "", "{shell}: {when}");
            let (shown, prompt) = terminal.line("printenv GOOD");
            assert_eq!((&*shown, &*prompt), want, "{shell}: {when}");
            if !entered {
                assert_eq!(terminal.shows("env | grep -c '^GIT_WT_HERE=.*staging'"), "0", "{shell}: {when}");
            }
        }
    };
    for part in ["staging", "staging/.git", "myproject/.git/worktrees/staging", "myproject/.git"] {
        give_away(&world, part, 4711);
        look(false, &[], part);
        give_away(&world, part, 0);
    }
    give_away(&world, "staging", 4711);
    look(true, &[("SUDO_UID", "4711")], "of who has become root");
    look(false, &[("SUDO_UID", "4712")], "of somebody else than who has become root");
    // the repository itself has no say in this
    world.git(&world.path("myproject"), &["config", "safe.directory", "*"]);
    look(false, &[], "called safe by itself");
    let config = world.read("home/.gitconfig");
    let root = world.root();
    let root = root.to_str().unwrap();
    for (safe, is_safe) in [
        ("*".to_owned(), true),
        (format!("{root}/staging"), true),
        (format!("{root}/*"), true),
        ("~/../staging".to_owned(), true),
        (format!("{root}/other"), false),
        (format!("*\n\tdirectory = \n\tdirectory = {root}/other"), false),
    ] {
        world.write("home/.gitconfig", &format!("{config}[safe]\n\tdirectory = {safe}\n"));
        look(is_safe, &[], &safe);
    }
}

#[test]
fn a_bare_repository_that_is_checked_out_is_a_directory_like_any_other() {
    let world = world();
    let main = world.path("myproject");
    world.git(&main, &["init", "--quiet", "--bare", "part.git"]);
    world.git(&main.join("part.git"), &["config", "--file", "config", "wt.mode", "git"]);
    for dir in ["objects", "refs"] {
        world.write(format!("myproject/part.git/{dir}/kept"), "");
    }
    world.git(&main, &["switch", "--quiet", "--create", "brings"]);
    // not committed yet, so nobody can tell whose it is
    world.wt_in("myproject/part.git", &["list"]).code(128).says(&[
        "error: '[ROOT]/myproject/part.git' lies in the working tree of '[ROOT]/myproject' and is not taken for a repository of its own\n\
         hint: git --git-dir=[ROOT]/myproject/part.git wt list\n",
    ]);
    world.commit(&main, "part");
    let list = world.wt(&["list", "--json"]).ok().stdout;
    for setting in ["all", "explicit"] {
        world.git(&world.path("home"), &["config", "--global", "safe.bareRepository", setting]);
        for place in ["myproject/part.git", "myproject/part.git/refs"] {
            let seen = world.see(world.command("git-wt", &world.path(place)).args(["list", "--json"])).ok();
            assert_eq!(seen.stdout, list, "{place}");
        }
    }
    let named = world.see(
        world.command("git-wt", &main).env("GIT_DIR", main.join("part.git")).args(["list", "--porcelain"]),
    );
    assert_eq!(named.ok().stdout, "worktree [ROOT]/myproject/part.git\nbare\n\n");
    world.git(&world.path("staging"), &["checkout", "--quiet", "brings", "--", "part.git"]);
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        assert_eq!(terminal.line("cd ../staging/part.git"), (String::new(), "(staging)".into()), "{shell}");
    }
}

#[test]
fn a_bare_repository_of_its_own_goes_on() {
    let world = World::with_repo();
    let main = world.path("myproject");
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "real.git"]);
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "shop/.bare"]);
    world.write("shop/.git", "gitdir: ./.bare\n");
    for (bare, from) in [("real.git", "real.git"), ("shop/.bare", "shop"), ("shop/.bare", "shop/.bare")] {
        let seen = world.wt_in(from, &["list", "--porcelain"]).ok();
        assert!(seen.stdout.starts_with(&format!("worktree [ROOT]/{bare}\nbare\n")), "{from}: {seen:#?}");
    }
    for place in ["real.git/inside", "beside", "myproject/in-another"] {
        let path = world.path(place);
        let branch = place.replace('/', "-");
        world.git(
            &world.path("real.git"),
            &["worktree", "add", "--quiet", "-b", &branch, path.to_str().unwrap()],
        );
        world.wt_in(place, &["setup", "--quiet"]).ok();
        let seen = world.wt_in(place, &["list", "--porcelain"]).ok();
        assert!(seen.stdout.starts_with("worktree [ROOT]/real.git\nbare\n"), "{place}: {seen:#?}");
    }
    // nothing is ever checked out inside .git
    let git_dir = world.wt_in("myproject/.git/refs", &["list", "--porcelain"]).ok();
    assert_eq!(
        git_dir.stdout,
        world.see(world.command("git-wt", &main).args(["list", "--porcelain"])).stdout
    );
}
