//! `git wt init`: what it finds, asks and writes.

use crate::terminal::Terminal;
use crate::world::World;

/// Makes a Django project that leaves something to choose.
fn shop() -> World {
    let world = World::with_repo();
    world.write(
        "myproject/manage.py",
        "import django\nsetdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    );
    world.write("myproject/requirements/dev.txt", "");
    world.write("myproject/requirements/production.txt", "");
    world.commit(&world.path("myproject"), "a shop");
    world.write("myproject/.env", "PORT=8000\nDATABASE_URL=sqlite:////var/shop.sqlite3\n");
    world.write("myproject/media/a.png", "");
    world
}

const RECIPE: &str = "myproject/.wt.toml";
/// The end of every question.
const WHICH: &str = "which [1] ";

/// Types an answer to each question and returns what was asked, up to the prompt that is left open.
#[track_caller]
fn answers(terminal: &mut Terminal, lines: &[&str], end: &str) -> String {
    let mut asked = String::new();
    for line in lines {
        asked += &terminal.until(|shown| shown.ends_with(WHICH));
        terminal.type_in(&format!("{line}\r"));
    }
    asked + &terminal.until(|shown| shown.ends_with(end))
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let world = shop();
    let seen = world
        .wt(&["init"])
        .ok()
        .prints("")
        .says(&["found django project", "wrote '[ROOT]/myproject/.wt.toml'"]);
    assert!(!seen.stderr.contains("which"), "{}", seen.stderr);
    let silent = world.read(RECIPE);
    assert_eq!(world.wt(&["init", "--dry-run"]).ok().stdout, silent);
    std::fs::remove_file(world.path(RECIPE)).unwrap();
    world.wt(&["init", "--yes"]).ok();
    assert_eq!(world.read(RECIPE), silent);
    world.wt(&["init"]).code(128).says(&["'[ROOT]/myproject/.wt.toml' exists already", "--dry-run"]);
    assert_eq!(world.read(RECIPE), silent);
}

#[test]
fn on_a_terminal_each_choice_is_one_question() {
    let world = shop();
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    terminal.type_in("git wt init\r");
    // requirements, an invalid answer, a copy of the database, migrate, a link to the media, the default for production
    let asked = answers(&mut terminal, &["", "nine", "2", "", "2", ""], "'.wt.toml'? [Y/n] ");
    for said in [
        "found python requirements (requirements/dev.txt)",
        "\n  1  requirements/dev.txt\n  2  requirements/production.txt\n  3  none of them\n",
        "1 to 3, Enter for 1, or q to leave",
        "git ignores 'media/'",
        "what is special about the worktree 'production'?",
        "link = [\"media\"]\n",
    ] {
        assert!(asked.contains(said), "{said}: {asked}");
    }
    assert!(!world.path(RECIPE).exists());
    let (shown, _) = terminal.line("");
    assert!(shown.contains("wrote '[ROOT]/myproject/.wt.toml'"), "{shown}");
    let recipe = world.read(RECIPE);
    for line in [
        "from = \"main\"",
        "link = [\"media\"]",
        "    \"python -m pip install -r requirements/dev.txt\",",
        "[template.production]",
        "    \"python -m pip install -r requirements/production.txt\",",
    ] {
        assert!(recipe.contains(&format!("\n{line}")), "{line}: {recipe}");
    }
}

#[test]
fn whoever_leaves_has_nothing_written() {
    let world = shop();
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    for leave in ["q\r", "\x04", "\x03", "\r\r\r\r\rn\r", "\r\r\r\r\r\x04"] {
        terminal.type_in("git wt init\r");
        terminal.until(|shown| shown.ends_with(WHICH));
        terminal.type_in(leave);
        terminal.until(|shown| shown.ends_with("@@ "));
        assert_ne!(terminal.shows("echo $?"), "0", "{leave:?}");
        assert!(!world.path(RECIPE).exists(), "{leave:?}");
    }
    assert!(terminal.shows("git wt init --yes").contains("wrote"));
}

#[test]
fn where_there_is_no_choice_nothing_is_asked() {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\n");
    world.write("myproject/uv.lock", "");
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    let shown = terminal.shows("git wt init");
    assert!(shown.contains("wrote '[ROOT]/myproject/.wt.toml'") && !shown.contains('?'), "{shown}");
}
