//! Another real project: a node project with packages from npm, two worktrees, two servers.

use crate::project::{Project, free_port, get};

const PACKAGE: &str = r#"{
  "name": "api",
  "version": "1.0.0",
  "private": true,
  "scripts": {"start": "node server.js"},
  "dependencies": {"express": "4.21.2"}
}
"#;

const SERVER: &str = r#"const express = require("express");
const app = express();
app.get("/", (request, response) => response.send(`${process.env.PORT} ${__dirname}`));
app.get("/express", (request, response) => response.send(require.resolve("express")));
app.listen(process.env.PORT, "127.0.0.1");
"#;

#[test]
fn two_environments_of_a_node_project() {
    let Some(project) = Project::new("npm") else { return };
    let world = &project.world;
    let port = free_port(24_100);
    world.git(&world.root(), &["init", "--quiet", "api"]);
    world.write("api/package.json", PACKAGE);
    world.write("api/server.js", SERVER);
    world.write("api/.gitignore", ".env\nnode_modules/\n");
    world.write("api/.env", &format!("GREETING=hello # to all\nPORT={port}\n"));
    project.run("api", &["npm", "install", "--no-audit", "--no-fund"]);
    world.commit(&world.path("api"), "an api");

    // what the project has is found, written down, and trusted
    project
        .see("api", &["git", "wt", "init"])
        .ok()
        .says(&["node packages by npm (package-lock.json)", &format!("env file (.env): port PORT ({port})")]);
    let recipe = world.read("api/.wt.toml");
    for line in ["npm ci --prefer-offline", "server = \"npm run start\"", &format!("PORT = {port}")] {
        assert!(recipe.contains(line), "{recipe}");
    }
    assert!(!recipe.contains("\n[venv]") && !recipe.contains("\n[database]"), "{recipe}");
    world.commit(&world.path("api"), "what a worktree gets");
    project.see("api", &["git", "wt", "trust", "--yes"]).ok().says(&["npm ci --prefer-offline"]);

    // each one has its own packages and its own port
    for (name, port) in [("staging", port + 1), ("production", port + 2)] {
        project.see("api", &["git", "wt", "add", name]).ok().prints(&format!("[ROOT]/api-{name}\n"));
        let expected = format!("GREETING=hello # to all\nPORT={port}\n");
        assert_eq!(world.read(format!("api-{name}/.env")), expected);
        let packages = world.path(format!("api-{name}/node_modules"));
        assert!(packages.join("express/package.json").is_file() && !packages.is_symlink());
        assert_eq!(world.git(&world.path(format!("api-{name}")), &["status", "--porcelain"]), "");
    }

    // both serve at once, from their own directories
    let serve = |name| project.serve("api", &["git-wt", "run", name, "--", "npm", "start"]);
    let [staging, _production] = ["staging", "production"].map(serve);
    for (name, port) in [("staging", port + 1), ("production", port + 2)] {
        let tree = world.path(format!("api-{name}")).display().to_string();
        assert_eq!(get(port, "/"), format!("{port} {tree}"));
        assert_eq!(get(port, "/express"), format!("{tree}/node_modules/express/index.js"));
    }
    let list = project.see("api", &["git", "wt", "list"]).ok().stdout;
    assert_eq!(list.matches(" ●").count(), 2, "{list}");

    // one is removed without a trace, and the other keeps serving
    drop(staging);
    project.see("api", &["git", "wt", "remove", "-y", "staging"]).ok();
    assert!(!world.path("api-staging").exists());
    assert!(!world.path(format!("state/git-wt/ports/{}", port + 1)).exists());
    assert!(world.path("api/node_modules/express").is_dir(), "the main worktree's stay");
    assert_eq!(get(port + 2, "/").split(' ').next(), Some((port + 2).to_string().as_str()));
}
