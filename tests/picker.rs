//! `git wt cd` without a name: the user picks a worktree on the terminal, which is left as it was.

use rustix::process::{Signal, kill_process};

use crate::terminal::{PROMPT, SHELLS, Setup, Terminal, status_of, world};
use crate::world::World;

const XTERM: Setup = Setup { before: "", after: "", bare: false, variables: &[("TERM", "xterm")] };

/// Returns what is left below the line that ran `command`.
fn left_of<'a>(display: &'a str, command: &str) -> Vec<&'a str> {
    display.lines().map(str::trim_end).skip_while(|line| !line.ends_with(command)).skip(1).collect()
}

fn is_at_prompt(display: &str) -> bool {
    display.trim_end().ends_with(PROMPT.trim_end())
}

/// Types, and waits until the picker shows this count.
#[track_caller]
fn pick(terminal: &mut Terminal, keys: &str, count: &str) {
    terminal.type_in(keys);
    terminal.until_display(|display| display.trim_end().lines().any(|line| line.ends_with(count)));
}

#[test]
fn a_part_of_a_name_and_return_move_the_shell() {
    for shell in SHELLS {
        let world = world();
        let Some(mut terminal) = Terminal::open_with(&world, shell, &XTERM) else { continue };
        for command in ["wt cd", "git wt cd"] {
            terminal.line("cd");
            terminal.line(&format!("cd {}", world.path("myproject").display()));
            terminal.line("clear");
            pick(&mut terminal, &format!("{command}\r"), "3/3");
            // the details of each choice appear gradually
            terminal.until_display(|display| !display.contains('…'));
            let display = terminal.display();
            let lines: Vec<&str> = display.lines().skip_while(|line| !line.ends_with("3/3")).collect();
            assert_eq!(lines.len(), 4, "{shell}: {display}");
            assert!(lines[3].contains("main worktree, here"), "{shell}: {display}");
            let staging = lines.iter().find(|line| line.contains("staging"));
            assert!(staging.is_some_and(|line| line.contains(":8001")), "{shell}: {display}");
            pick(&mut terminal, "stg", "1/3");
            terminal.type_in("\r");
            terminal.until_display(is_at_prompt);
            // nothing is left of it but the answer
            let display = terminal.display();
            assert_eq!(
                left_of(&display, command),
                ["[ROOT]/staging", &format!("(staging) {}", PROMPT.trim_end())],
                "{shell} {command}: {display}"
            );
            assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell} {command}");
        }
    }
}

#[test]
fn a_cancelled_choice_changes_nothing() {
    for shell in SHELLS {
        let world = world();
        let Some(mut terminal) = Terminal::open_with(&world, shell, &XTERM) else { continue };
        for command in ["wt cd", "git wt cd"] {
            for key in ["\x1b", "\x03", "\x07", "\x04", "x\x15\x04"] {
                terminal.line("clear");
                pick(&mut terminal, &format!("{command}\r"), "3/3");
                terminal.type_in(key);
                let ended = |display: &str| is_at_prompt(display) && display.contains(command);
                terminal.until_display(ended);
                let display = terminal.display();
                assert_eq!(left_of(&display, command), [PROMPT.trim_end()], "{shell} {key:?}: {display}");
                assert_eq!(terminal.shows(&format!("echo {}", status_of(shell))), "130", "{shell}");
            }
        }
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn the_answer_may_be_captured() {
    let world = world();
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &XTERM) else { return };
    terminal.line("clear");
    pick(&mut terminal, "to=$(git wt cd)\r", "3/3");
    // nobody could continue it, so Ctrl-Z does nothing
    pick(&mut terminal, "\x1aoth", "1/3");
    terminal.type_in("\r");
    terminal.until_display(is_at_prompt);
    assert_eq!(terminal.shows("echo $to"), "[ROOT]/other");
}

#[test]
fn a_stopped_one_goes_on() {
    let world = world();
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &XTERM) else { return };
    terminal.line("clear");
    pick(&mut terminal, "git wt cd\r", "3/3");
    terminal.type_in("\x1a");
    terminal.until_display(|display| display.contains("Stopped") && is_at_prompt(display));
    assert!(!terminal.display().contains("3/3"));
    pick(&mut terminal, "fg\r", "3/3");
    pick(&mut terminal, "oth", "1/3");
    terminal.type_in("\r");
    terminal.until_display(is_at_prompt);
    assert_eq!(terminal.stands(), "[ROOT]/other");
}

#[test]
fn a_killed_one_leaves_the_terminal_as_it_was() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let world = world();
        world.program(
            "around",
            "#!/bin/sh\nstty -g\nsh -c 'echo $$ >pid; exec git-wt cd'\necho \"ended with $?\"\nstty -g\n",
        );
        let Some(mut terminal) = Terminal::open_with(&world, "bash", &XTERM) else { return };
        terminal.line("clear");
        pick(&mut terminal, "around\r", "3/3");
        let pid = world.pid("myproject/pid");
        kill_process(pid, signal).unwrap();
        terminal.until_display(|display| display.contains("ended with") && is_at_prompt(display));
        let display = terminal.display();
        let lines = left_of(&display, "around");
        let [before, error, ended, after, _prompt] = lines.as_slice() else { panic!("{display}") };
        assert_eq!(before, after, "{signal:?}: {display}");
        assert_eq!(*error, "error: interrupted", "{display}");
        assert_eq!(*ended, format!("ended with {status}"));
    }
}

#[test]
fn without_another_worktree_or_a_terminal_there_is_nothing_to_pick() {
    let world = World::with_repo();
    world.wt(&["cd"]).code(129).prints("").says(&["which worktree?", "hint: git wt list"]);
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &XTERM) else { return };
    assert_eq!(terminal.shows("git wt cd"), "error: there is no other worktree\nhint: git wt add NAME");
    terminal.line("export TERM=dumb");
    assert!(terminal.shows("git wt cd").starts_with("error: which worktree?"));
}

#[test]
fn names_and_colours_never_disturb_the_terminal() {
    let world = world();
    world.git(
        &world.path("myproject"),
        &["worktree", "add", "--quiet", "-b", "evil", &world.path("ev\x1b[2Jil").to_string_lossy()],
    );
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &XTERM) else { return };
    terminal.line("clear");
    pick(&mut terminal, "git wt cd\r", "4/4");
    assert!(terminal.display().contains("ev\\u{1b}[2Jil"), "{}", terminal.display());
    terminal.type_in("\x1b");
    terminal.until_display(is_at_prompt);
    terminal.line("export NO_COLOR=1");
    terminal.type_in("git wt cd\r");
    terminal.until(|shown| shown.contains("4/4") && !shown.ends_with('…'));
    let drawn = terminal.raw.split_once("git wt cd").map_or("", |(_, drawn)| drawn);
    assert!(!drawn.contains('m') || !drawn.contains("\x1b[1m") && !drawn.contains("\x1b[2m"), "{drawn:?}");
}
