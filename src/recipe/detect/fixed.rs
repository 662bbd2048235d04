//! What a project has hard-coded in its own files, where no env file can change it, so that each worktree would have
//! the same. This module reports it, and what to do about it.

use super::Root;

/// Where something is hard-coded, and how to make it follow the environment.
struct Fixed {
    files: &'static [&'static str],
    /// Returns what is hard-coded, given the text without its comments.
    find: fn(&str) -> Option<String>,
    way_out: &'static str,
}

const FIXED: [Fixed; 4] = [
    Fixed {
        files: &["vite.config.ts", "vite.config.js", "vite.config.mts", "vite.config.mjs"],
        find: |text| number_after(text, "port:").map(|port| format!("port {port}")),
        way_out: "'port: Number(process.env.PORT)' reads the worktree's",
    },
    Fixed {
        files: &["package.json"],
        find: |text| {
            let dev = text.lines().find(|line| line.trim_start().starts_with("\"dev\""))?;
            let port = ["--port ", "--port=", " -p "].iter().find_map(|option| number_after(dev, option))?;
            Some(format!("port {port} in the script 'dev'"))
        },
        way_out: "'$PORT' instead is the worktree's",
    },
    Fixed {
        files: &["config/database.yml"],
        find: |text| {
            let name = value_after(text, "database:")?;
            (!text.contains("DATABASE_URL") && !is_own(&name)).then(|| format!("the database '{name}'"))
        },
        way_out: "'database: <%= ENV.fetch(\"DB_NAME\") %>' reads it from '.env'",
    },
    Fixed {
        files: &["config/dev.exs"],
        find: |text| {
            value_after(text, "database:")
                .filter(|name| !is_own(name))
                .map(|name| format!("the database '{name}'"))
        },
        way_out: "'database: System.fetch_env!(\"DB_NAME\")' reads it from '.env'",
    },
];

/// Reports what is hard-coded.
pub(super) fn find(root: &Root<'_>) -> Vec<String> {
    let found = FIXED.iter().filter_map(|fixed| {
        let file = fixed.files.iter().find(|file| root.path.join(file).is_file())?;
        let text = root.text(file)?;
        let code = text.lines().filter(|line| !line.trim_start().starts_with(['#', '/', '*']));
        let what = (fixed.find)(&code.collect::<Vec<_>>().join("\n"))?;
        Some(format!("every worktree has {what}, which {file} fixes: {}", fixed.way_out))
    });
    found.collect()
}

/// Whether it is a file, of which each worktree has its own.
fn is_own(database: &str) -> bool {
    [".sqlite3", ".sqlite", ".db"].iter().any(|ending| database.ends_with(ending))
}

/// Returns the number right after `word`.
fn number_after(text: &str, word: &str) -> Option<u16> {
    let (_, rest) = text.split_once(word)?;
    let rest = rest.trim_start_matches(' ');
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

/// Returns the plain word right after `word`, quoted or not.
fn value_after(text: &str, word: &str) -> Option<String> {
    let values = text.split(word).skip(1).map(|rest| rest.lines().next().unwrap_or_default().trim());
    let values = values.map(|value| value.trim_end_matches(',').trim_matches(['"', '\'']));
    let plain = |value: &&str| {
        !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
    };
    values.filter(plain).map(str::to_owned).next()
}

#[cfg(test)]
mod tests {
    use super::super::tests::look;

    #[test]
    fn what_is_fixed_is_named_and_what_follows_is_not() {
        let rails = "default: &default\n  adapter: postgresql\n\ndevelopment:\n  <<: *default\n  database: shop_development\n";
        for (file, text, expected) in [
            ("vite.config.ts", "server: { port: 3000 }", "port 3000, which vite.config.ts"),
            ("vite.config.js", "server: { port: Number(process.env.PORT) }", ""),
            ("vite.config.js", "// port: 3000\nserver: {}", ""),
            (
                "package.json",
                "{\n  \"dev\": \"next dev -p 3001\"\n}",
                "port 3001 in the script 'dev', which package.json",
            ),
            ("package.json", "{\n  \"dev\": \"next dev -p $PORT\"\n}", ""),
            ("package.json", "{\n  \"test\": \"x --port 3001\"\n}", ""),
            ("config/database.yml", rails, "the database 'shop_development', which config/database.yml"),
            ("config/database.yml", "  database: storage/development.sqlite3\n", ""),
            ("config/database.yml", "  database: <%= ENV['DB_NAME'] %>\n", ""),
            ("config/database.yml", "  url: <%= ENV['DATABASE_URL'] %>\n  database: x\n", ""),
            (
                "config/dev.exs",
                "config :a, A.Repo,\n  database: \"shop_dev\",\n",
                "the database 'shop_dev', which config/dev.exs",
            ),
            ("config/dev.exs", "  database: Path.expand(\"../x.db\", __DIR__),\n", ""),
        ] {
            let found = look(&[(file, text)], &[]).troubles();
            let said = found.iter().find(|line| line.starts_with("every worktree has"));
            match expected {
                "" => assert_eq!(said, None, "{file}: {text}"),
                expected => {
                    assert!(said.is_some_and(|said| said.contains(expected)), "{file}: {text}: {found:?}");
                }
            }
        }
    }
}
