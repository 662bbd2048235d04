//! Copies of ignored files: very many at once, and those that only a file among them hides.

use crate::world::World;
use std::fs;

fn with_copy(patterns: &str) -> World {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["config", "wt.copy", patterns]);
    world
}

/// Returns how often git-wt has called git, which is counted by a git of the world's.
fn calls(world: &World) -> usize {
    fs::read_to_string(world.path("calls")).unwrap_or_default().lines().count()
}

#[test]
fn many_files_are_one_line_and_no_more_calls_of_git_than_few() {
    let counted = |count: usize| {
        let world = with_copy("media/**");
        for at in 0..count {
            world.write(format!("myproject/media/{}/{at}", at % 7), "x");
        }
        let git = World::hosts_git().display();
        let calls_file = world.path("calls");
        world.program("git", &format!("#!/bin/sh\necho >>'{}'\nexec '{git}' \"$@\"\n", calls_file.display()));
        let said = world.wt(&["add", "a"]).ok().stderr;
        assert!(world.path(format!("myproject-a/media/{}/{}", (count - 1) % 7, count - 1)).exists());
        assert!(said.contains(&format!("  {count} files copied\n")), "{said}");
        (said.lines().count(), calls(&world), world)
    };
    let (few_lines, few_calls, _) = counted(2);
    let (lines, calls, world) = counted(300);
    assert_eq!((lines, calls), (few_lines, few_calls));
    // one that has gone is made anew, alone, and main's newest arrives
    fs::remove_file(world.path("myproject-a/media/0/7")).unwrap();
    world.write("myproject/media/new", "x");
    assert!(world.wt(&["setup", "-n", "a"]).ok().stdout.contains("make copies of 2 files"));
    world.wt(&["setup", "a"]).ok().says(&["a: 2 files copied\n"]);
    assert!(world.path("myproject-a/media/0/7").exists() && world.path("myproject-a/media/new").exists());
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);
}

#[test]
fn a_directory_that_ignores_itself_is_copied() {
    let world = with_copy(".husky/_/**");
    world.write("myproject/.husky/pre-commit", "exit 1\n");
    world.commit(&world.path("myproject"), "hooks");
    world.write("myproject/.husky/_/.gitignore", "*\n");
    world.write("myproject/.husky/_/pre-commit", "#!/bin/sh\nexit 1\n");
    world.write("myproject/.husky/_/deep/er/file", "x");
    assert!(world.wt(&["add", "-n", "a"]).ok().stdout.contains("copies of 3 files"));
    world.wt(&["add", "a"]).ok().says(&["  3 files copied\n"]);
    for file in [".gitignore", "pre-commit", "deep/er/file"] {
        let file = format!(".husky/_/{file}");
        assert_eq!(world.read(format!("myproject-a/{file}")), world.read(format!("myproject/{file}")));
    }
    assert_eq!(world.git(&world.path("myproject-a"), &["status", "--porcelain"]), "");
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);
}

#[test]
fn a_directory_that_ignores_itself_is_linked() {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["config", "wt.link", "cache"]);
    world.write("myproject/cache/.gitignore", "*\n");
    world.write("myproject/cache/file", "x");
    world.wt(&["add", "a"]).ok();
    assert_eq!(world.read("myproject-a/cache/file"), "x");
    assert_eq!(world.git(&world.path("myproject-a"), &["status", "--porcelain"]), "");
}

#[test]
fn a_branch_that_has_a_rule_of_its_own_gets_no_secret_it_would_show() {
    let world = with_copy("box/**");
    let repo = world.path("myproject");
    // on this branch a deeper rule shows what the directory's own file hides
    world.git(&repo, &["switch", "--quiet", "-c", "open"]);
    world.write("myproject/.gitignore", "!box/\n!box/**\n");
    world.write("myproject/box/deep/.gitignore", "!*\n");
    world.git(&repo, &["add", "--force", "box/deep/.gitignore"]);
    world.commit(&repo, "open");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/box/.gitignore", "/*\n!/deep/\n/deep/secret\n");
    world.write("myproject/box/deep/secret", "s");
    world.write("myproject/box/plain", "p");
    world.git(&repo, &["config", "--unset", "wt.copy"]);
    world.git(&repo, &["config", "wt.copy", "box/**"]);
    let said = world.wt(&["add", "open"]).ok().stderr;
    let seen = world.git(&world.path("myproject-open"), &["status", "--porcelain", "--untracked-files=all"]);
    assert!(!seen.contains("secret"), "{seen}\n{said}");
}
