//! nushell, which follows only at the prompt: its current directory, environment, prompt and completion.

use crate::terminal::{Setup, Terminal, adopt, find, mover, world};
use crate::world::World;

/// Makes nu start another program instead of git-wt.
fn instead(program: &str) -> String {
    format!("$env.__git_wt.exe = '{program}'")
}

fn port(world: &World, name: &str) -> String {
    let file = world.read(format!("{name}/.env"));
    file.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().to_owned()
}

#[test]
fn nu_is_moved_at_the_next_prompt() {
    let world = world();
    world.git(&world.path("myproject"), &["config", "alias.w", "wt"]);
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for line in [
        "wt cd staging",
        "wt cd staging | cat",
        "git wt cd staging",
        "git -C ../myproject wt cd staging",
        "git w cd staging",
        "git-wt cd staging",
        "env A=1 git-wt cd staging",
        "git wt cd staging | cat",
    ] {
        terminal.shows("cd ../myproject");
        assert_eq!(terminal.line(line), ("[ROOT]/staging".into(), "(staging)".into()), "{line}");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{line}");
        assert_eq!(terminal.line("cd -"), (String::new(), String::new()), "{line}");
    }
    // at the prompt, not before
    assert_eq!(terminal.shows("wt cd staging; pwd"), "[ROOT]/staging\n[ROOT]/myproject");
    // its output can still be piped into tables
    assert_eq!(
        terminal.shows("wt list --json | from json | get worktrees.name | to nuon"),
        "[myproject, other, staging]"
    );
}

#[test]
fn nu_follows_to_a_new_worktree_and_out_of_one_that_goes() {
    let world = world();
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for made in ["wt", "git wt"] {
        terminal.shows(&format!("{made} add -q fresh"));
        assert_eq!(terminal.stands(), "[ROOT]/myproject-fresh", "{made}");
        terminal.shows(&format!("{made} remove -y --delete-branch ."));
        assert_eq!(terminal.line("pwd"), ("[ROOT]/myproject".into(), String::new()), "{made}");
    }
}

#[test]
fn scripts_and_the_background_move_no_nu() {
    let world = world();
    world.program("script", "#!/bin/sh\ngit wt cd staging\nexit 0\n");
    world.write("script.nu", "git wt cd staging\nignore\n");
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for line in ["sh -c 'git wt cd staging; :'", "script", "^$nu.current-exe ../script.nu"] {
        let shown = terminal.shows(line);
        assert!(shown.contains("hint: cd -- [ROOT]/staging"), "{line}: {shown:?}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{line}");
    }
}

#[test]
fn a_failure_keeps_its_status_in_nu() {
    let world = world();
    mover(&world);
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for line in ["wt cd nowhere", "git wt cd nowhere"] {
        assert!(terminal.shows(line).starts_with("error: 'nowhere' is not a worktree"));
        assert_eq!(terminal.shows("$env.LAST_EXIT_CODE"), "128", "{line}");
    }
    assert_eq!(terminal.stands(), "[ROOT]/myproject");
    let setup =
        Setup { after: &instead("mover"), variables: &[("TO", "/nowhere at all")], ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    let shown = terminal.shows("with-env {GIT_WT_CD_FILE: $env.GIT_WT_PROMPT_CD_FILE} { mover }");
    assert_eq!(shown, "git-wt: cannot go to '/nowhere at all'");
    assert_eq!(terminal.stands(), "[ROOT]/myproject");
    let left = std::fs::read_dir(world.path("run")).unwrap().map(|entry| entry.unwrap().file_name());
    // the ports that others are told of
    assert_eq!(left.filter(|name| name != "notices").count(), 0, "no file is left");
}

#[test]
fn odd_directories_are_reached_by_nu_and_nothing_in_them_runs() {
    let world = world();
    mover(&world);
    let odd = [
        "a b",
        "it's",
        "say \"x\"",
        "$(touch pwned)",
        "`touch pwned`",
        "(touch pwned)",
        "$env.HOME",
        "%F{red}",
        "-dash",
        "semi;colon",
        "back\\slash",
        "~",
    ];
    for (at, name) in odd.iter().enumerate() {
        adopt(&world, &format!("b{at}"), &format!("odd/{name}"));
    }
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for (at, name) in odd.iter().enumerate() {
        let mover = if at % 2 == 0 { "wt" } else { "git wt" };
        terminal.shows(&format!("{mover} cd b{at}"));
        assert_eq!(terminal.line("pwd"), (format!("[ROOT]/odd/{name}"), format!("({name} b{at})")));
    }
    let somewhere = odd.iter().map(|name| world.path("odd").join(name));
    assert!(!somewhere.chain([world.path("myproject")]).any(|dir| dir.join("pwned").exists()));
    // nu's own cd strips escape sequences
    for (name, said) in [
        ("new\nline", ""),
        ("trailing\n", ""),
        ("\t", ""),
        ("esc\x1b[31m", "git-wt: cannot go to '[ROOT]/odd/esc?[31m'"),
    ] {
        let place = world.path(format!("odd/{name}"));
        std::fs::create_dir_all(&place).unwrap();
        let setup = Setup { variables: &[("TO", place.to_str().unwrap())], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
        let shown = terminal.shows("with-env {GIT_WT_CD_FILE: $env.GIT_WT_PROMPT_CD_FILE} { mover }");
        assert_eq!(shown, said, "{name:?}");
        assert_eq!(terminal.shows("$env.PWD == $env.TO"), said.is_empty().to_string(), "{name:?}");
    }
}

#[test]
fn the_environment_comes_and_goes_with_the_worktree_in_nu() {
    let world = world();
    std::fs::create_dir_all(world.path("staging/.venv/bin")).unwrap();
    world.write("staging/.venv/pyvenv.cfg", "");
    world.write("staging/.env", &(world.read("staging/.env") + "TEXT=\"two\nlines\"\nLIST=a,b\nDirs=x\nConfig=evil\nPath=evil\nNU_LIB_DIRS=evil\nENV_CONVERSIONS=evil\nPROMPT_COMMAND=evil\nLAST_EXIT_CODE=evil\n"));
    let before = "$env.PORT = '1'\n$env.ENV_CONVERSIONS.LIST = {from_string: {|s| $s | split row ,}, to_string: {|v| $v | str join ,}}";
    let setup = Setup { before, ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    let kept = "[$env.PATH ($env.config | describe | str substring 0..5) ($env.ENV_CONVERSIONS | columns) $env.LIST? $env.TEXT?] | to nuon";
    let start = terminal.shows(kept);
    assert_eq!(terminal.prompts("cd ../staging"), "(staging)");
    assert_eq!(terminal.shows("$env.PORT"), port(&world, "staging"));
    assert_eq!(terminal.shows("$env.TEXT | to json"), "\"two\\nlines\"");
    assert_eq!(terminal.shows("$env.LIST | to nuon"), "[a, b]");
    assert_eq!(terminal.shows("sh -c 'echo $LIST'"), "a,b");
    assert_eq!(terminal.shows("$env.PATH | describe"), "list<string>");
    assert!(!terminal.shows("$env | reject TEXT | to text").contains("evil"));
    terminal.shows("mkdir deep; cd deep");
    assert_eq!(terminal.shows("$env.PORT"), port(&world, "staging"));
    terminal.shows("cd ../../other");
    assert_eq!(terminal.shows("$env.PORT"), port(&world, "other"));
    assert_eq!(terminal.shows("$env.LIST? | to nuon"), "null");
    terminal.shows("cd ../myproject");
    assert_eq!(terminal.shows("$env.PORT"), "1");
    assert_eq!(terminal.shows(kept), start);
    // what the user changes meanwhile is kept, even when git-wt checks again
    terminal.shows("cd ../staging");
    terminal.shows("$env.PORT = '7'");
    terminal.shows("$env.PATH = ($env.PATH | prepend /mine)");
    terminal.shows("wt cd staging");
    assert_eq!(terminal.shows("$env.PORT"), "7");
    terminal.shows("cd ..");
    assert_eq!(terminal.shows("$env.PORT"), "7");
    assert_eq!(terminal.shows("$env.PATH.0"), "/mine");
}

#[test]
fn what_wt_changes_in_a_worktree_arrives_in_nu() {
    let world = world();
    world.program(
        "hand",
        "#!/bin/sh\n[ \"$1\" = hook ] || { echo HAND=made >>.env; exit; }\nexec git-wt \"$@\"\n",
    );
    let setup = Setup { after: &instead("hand"), ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    terminal.shows("cd ../staging");
    terminal.shows("wt");
    assert_eq!(terminal.shows("$env.HAND"), "made");
}

#[test]
fn a_nu_that_inherits_an_environment_gives_it_back() {
    let world = world();
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    terminal.shows("wt cd staging");
    assert_eq!(terminal.prompts("cd ..; ^$nu.current-exe"), "");
    assert_eq!(
        terminal.shows("[$env.PORT? $env.GIT_WT_NAME? $env.GIT_WT_STATE?] | to nuon"),
        "[null, null, null]"
    );
    // it has its own file in which to receive a directory
    assert_eq!(
        terminal
            .shows("($env.GIT_WT_PROMPT_CD_FILE | path parse | get stem) starts-with $'git-wt.($nu.pid)'"),
        "true"
    );
}

#[test]
fn records_that_are_cut_short_change_nothing_in_nu() {
    let world = world();
    let records = [
        "set\\0PORT\\0006\\0",
        "set\\0PORT\\0end\\0",
        "set\\0PORT\\0006\\0set\\0X",
        "set\\0PORT\\0006\\0what\\0X\\0end\\0",
        "set\\0PORT\\0006\\0set\\0A B\\0x\\0end\\0",
        "set\\0PORT\\0006\\0set\\0A\\nB\\0x\\0end\\0",
        "set\\0PORT\\0006\\0end",
        "set\\0PORT\\0\\377\\0end\\0",
        "",
    ];
    for (at, record) in records.iter().enumerate() {
        world.program("cut", &format!("#!/bin/sh\nprintf '{record}'\n"));
        let setup = Setup { after: &instead("cut"), variables: &[("PORT", "1")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
        assert_eq!(terminal.shows("cd ../staging"), "", "{at}");
        assert_eq!(terminal.shows("$env.PORT"), "1", "{at}");
    }
}

#[test]
fn the_prompt_of_nu_says_the_worktree_and_its_branch() {
    let world = world();
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    assert_eq!(terminal.prompts("wt cd staging"), "(staging)");
    assert_eq!(terminal.prompts("git switch -q -c new/x"), "(staging new/x)");
    let head = world.git(&world.path("staging"), &["rev-parse", "--short=7", "HEAD"]);
    assert_eq!(terminal.prompts("git switch -q --detach"), format!("(staging {head})"));
    assert_eq!(terminal.prompts("git switch -q staging"), "(staging)");
    assert!(!terminal.raw.contains("31m"), "{:?}", terminal.raw);
    terminal.shows("$env.GIT_WT_PROTECTED = '1'");
    assert!(terminal.raw.contains("31m(staging)"), "{:?}", terminal.raw);
    world.write("head", "ref: refs/heads/.invalid\n");
    assert_eq!(
        terminal.prompts(&format!("$env.GIT_WT_HEAD = '{}'", world.path("head").display())),
        "(staging)"
    );
    assert_eq!(terminal.prompts("$env.GIT_WT_NAME = \"x\\e[31m\\nb\""), "(x?[31m?b)");
    let port = port(&world, "staging");
    assert_eq!(terminal.prompts("hide-env GIT_WT_PROMPT"), format!("(x?[31m?b :{port})"));
    assert_eq!(terminal.prompts("$env.GIT_WT_DRIFT = '1'"), format!("(x?[31m?b :{port} *)"));
    // the user's own prompt, and one that is a plain string
    let setup = Setup { after: "$env.PROMPT_COMMAND = 'mine @@ '", ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    assert_eq!(terminal.prompts("wt cd staging"), "(staging) mine");
    let setup = Setup {
        after: "$env.PROMPT_COMMAND = {|| $'[($env.GIT_WT_LABEL? | default '')] @@ '}",
        variables: &[("GIT_WT_PROMPT", "off")],
        ..Setup::default()
    };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    assert_eq!(terminal.prompts("wt cd staging"), format!("[staging :{port}]"));
}

#[test]
fn an_unchanged_directory_costs_nu_no_process() {
    let world = world();
    world.program("counted", "#!/bin/sh\necho started >>\"$HOME/count\"\nexec git-wt \"$@\"\n");
    world.write("home/count", "");
    let after = instead("counted");
    let setup = Setup { after: &after, ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "nu", &setup) else { return };
    let started = || world.read("home/count").lines().count();
    terminal.shows("ignore");
    let before = started();
    terminal.shows("cd ../staging");
    terminal.shows("ignore");
    assert_eq!(started(), before + 1, "entering");
    terminal.shows("mkdir sub; cd sub");
    terminal.shows("git switch -q -C staging");
    assert_eq!(started(), before + 1, "staying");
    terminal.shows("cd ../..");
    terminal.shows("ignore");
    assert_eq!(started(), before + 2, "leaving");
}

#[test]
fn tab_completes_in_nu() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q\"");
    let Some(mut terminal) = Terminal::open(&world, "nu") else { return };
    for (typed, want) in [
        ("wt cd st\t", "wt cd staging"),
        ("git-wt cd st\t", "git-wt cd staging"),
        ("git wt cd st\t", "git wt cd staging"),
        ("wt cd --cr\t", "wt cd --create"),
        ("wt add x --base=sta\t", "wt add x --base=staging"),
        ("wt cd sp\t", "wt cd \"sp ace & 'q\\\"\""),
        ("wt cd \"sp\t", "wt cd \"sp ace & 'q\\\"\""),
        ("wt cd 'sp\t", "wt cd \"sp ace & 'q\\\"\""),
    ] {
        terminal.completes(typed, want);
    }
    // several candidates are listed with their descriptions
    terminal.type_in("git wt re\t");
    let shown = terminal.until(|shown| shown.contains("Mend the links"));
    assert!(shown.to_lowercase().contains("remove worktrees with all that was made for them"), "{shown}");
}

#[test]
fn a_nu_script_that_loads_it_is_left_alone() {
    let world = world();
    let Some(program) = find("nu") else { return };
    let load =
        world.see(world.command("git-wt", &world.root()).args(["shell-init", "nu", "--cmd=tree"])).ok();
    world.write("load.nu", &load.stdout.replace("[ROOT]", &world.root().to_string_lossy()));
    let line = "source ../load.nu; source ../load.nu; print ($env.GIT_WT_PROMPT_CD_FILE? | to nuon) ($env.config.hooks.pre_prompt | length); \
                print (which tree wt | get command | to nuon)";
    let mut command = world.command(program, &world.path("myproject"));
    let seen = world.see(command.args(["-c", line])).ok().prints("null\n0\n[tree]\n");
    assert_eq!(seen.stderr, "");
}
