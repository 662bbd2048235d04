//! What detection cannot know: questions for the developer, and what each answer changes.
//!
//! The first answer to each question applies if nobody is asked.

use super::template::{PROTECTED, Template};
use super::{Media, Project};
use crate::recipe::DatabaseRule;
use crate::recipe::consent::Requested;

/// The topics of questions, in the order asked: an answer affects what is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Which requirements are installed.
    Requirements,
    /// Which port belongs to the server itself.
    Port,
    Database,
    /// Whether to run migrations.
    Migrate,
    /// What a worktree gets of the uploaded files.
    Media,
    /// What is special about staging.
    Staging,
    /// What is special about production.
    Production,
}

impl Topic {
    pub const ALL: [Self; 7] = [
        Self::Requirements,
        Self::Port,
        Self::Database,
        Self::Migrate,
        Self::Media,
        Self::Staging,
        Self::Production,
    ];
}

/// A question that has more than one good answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// What was found, and what there is to choose.
    pub question: String,
    /// The answers, with the default first.
    pub answers: Vec<Answer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In the user's words.
    pub text: String,
    decision: Decision,
}

/// What an answer changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    Requirements(Option<String>),
    Port(String),
    Database { from: &'static str, shared: bool },
    Migrate(bool),
    Media(Media),
    Template(Template),
}

fn answer(text: impl Into<String>, decision: Decision) -> Answer {
    Answer { text: text.into(), decision }
}

impl Project {
    /// Returns the question about `topic`, if there is a choice.
    pub fn choice(&self, topic: Topic) -> Option<Choice> {
        match topic {
            Topic::Requirements => self.requirements_choice(),
            Topic::Port => self.port_choice(),
            Topic::Database => self.database_choice(),
            Topic::Migrate => self.migrate_choice(),
            Topic::Media => self.media_choice(),
            Topic::Staging => self.template_choice("staging"),
            Topic::Production => self.template_choice("production"),
        }
    }

    /// Applies an answer.
    pub fn decide(&mut self, answer: &Answer) {
        match &answer.decision {
            Decision::Requirements(file) => self.choose_requirements(file.as_deref()),
            Decision::Port(variable) => {
                if let Some(env) = &mut self.env {
                    env.listen_on(variable);
                }
            }
            Decision::Database { from, shared } => {
                let of = DatabaseRule {
                    from: Requested::by_user((*from).into()),
                    shared: Requested::by_user(*shared),
                    ..DatabaseRule::default()
                };
                self.database = of;
            }
            Decision::Migrate(migrate) => self.migrate = Some(*migrate),
            Decision::Media(media) => self.media = self.media.map(|(path, _)| (path, *media)),
            Decision::Template(template) => {
                for known in self.templates.iter_mut().filter(|known| known.name == template.name) {
                    known.clone_from(template);
                }
            }
        }
    }

    fn requirements_choice(&self) -> Option<Choice> {
        if self.requirements.len() < 2 {
            return None;
        }
        let chosen = self.chosen_requirements();
        let none = ("none of them", None);
        let files = self.requirements.iter().map(|file| (file.as_str(), Some(file.clone())));
        let mut answers: Vec<_> = files.chain([none]).collect();
        answers.sort_by_key(|(_, file)| file.as_deref() != chosen);
        Some(Choice {
            question: "several requirements files: which does a new worktree install?".into(),
            answers: answers
                .into_iter()
                .map(|(text, file)| answer(text, Decision::Requirements(file)))
                .collect(),
        })
    }

    fn port_choice(&self) -> Option<Choice> {
        self.django.as_ref()?;
        let env = self
            .used_env()
            .filter(|env| env.ports.len() > 1 && (env.is_port_new || env.ports[0].0 != "PORT"))?;
        let text = |(name, port): &(String, u16)| format!("{name} ({port})");
        Some(Choice {
            question: format!("several ports in {}: which is the one that runserver listens on?", env.file),
            answers: env
                .ports
                .iter()
                .map(|port| answer(text(port), Decision::Port(port.0.clone())))
                .collect(),
        })
    }

    fn database_choice(&self) -> Option<Choice> {
        let rule = self.recipe().database?;
        let begin = |from, shared| Decision::Database { from, shared };
        Some(Choice {
            question: format!("{} names a database: what does a new worktree have?", rule.variable),
            answers: vec![
                answer("one of its own, empty", begin("empty", false)),
                answer("one of its own, a copy of the main worktree's", begin("main", false)),
                answer("the main worktree's, shared", begin("empty", true)),
            ],
        })
    }

    fn migrate_choice(&self) -> Option<Choice> {
        self.django.as_ref()?;
        let shared = self.shared_database();
        if shared.is_none() && self.recipe().database.is_none() {
            return None;
        }
        let yes = answer("yes, after its packages are installed", Decision::Migrate(true));
        let no = answer("no", Decision::Migrate(false));
        let (why, answers) = match shared {
            Some(why) => (format!("{why}: "), vec![no, yes]),
            None => (String::new(), vec![yes, no]),
        };
        Some(Choice { question: format!("{why}run 'python manage.py migrate' in a new worktree?"), answers })
    }

    fn media_choice(&self) -> Option<Choice> {
        let (path, _) = self.media?;
        Some(Choice {
            question: format!("git ignores '{path}/': what does a new worktree have of it?"),
            answers: vec![
                answer("nothing, it begins empty", Decision::Media(Media::Apart)),
                answer(
                    "a link to the main worktree's, whose files all then share",
                    Decision::Media(Media::Linked),
                ),
                answer("a copy of the main worktree's", Decision::Media(Media::Copied)),
            ],
        })
    }

    fn template_choice(&self, name: &str) -> Option<Choice> {
        let found = self.templates.iter().find(|template| template.name == name)?;
        let why = found.findings().join(", ");
        if why.is_empty() || (found.special().is_empty() && name != PROTECTED) {
            return None;
        }
        let special = found.special();
        let of = |used, protected| Decision::Template(Template { used, protected, ..found.clone() });
        let nothing = answer("nothing", of(false, false));
        let answers = if special.is_empty() {
            vec![nothing, answer("it is protected: asked before it goes, red in the prompt", of(true, true))]
        } else {
            let these = answer(special.join(", "), of(true, false));
            let protected = answer(format!("{}, and it is protected", special.join(", ")), of(true, true));
            let default = if found.protected { [protected, these] } else { [these, protected] };
            default.into_iter().chain([nothing]).collect()
        };
        Some(Choice { question: format!("{why}: what is special about the worktree '{name}'?"), answers })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{MANAGE, look, setup, written};
    use super::*;
    use crate::recipe::Recipe;

    /// Answers the questions in order, and returns them with their answers.
    fn interview(project: &mut Project, answers: &[usize]) -> Vec<String> {
        let mut answers = answers.iter().copied().chain(std::iter::repeat(1));
        let mut asked = Vec::new();
        for topic in Topic::ALL {
            let Some(choice) = project.choice(topic) else { continue };
            let texts: Vec<&str> = choice.answers.iter().map(|answer| answer.text.as_str()).collect();
            asked.push(format!("{} {}", choice.question, texts.join(" | ")));
            project.decide(&choice.answers[answers.next().unwrap() - 1]);
        }
        asked
    }

    const SHOP: [(&str, &str); 7] = [
        ("manage.py", MANAGE),
        ("config/settings/dev.py", ""),
        ("config/settings/production.py", ""),
        ("requirements/dev.txt", ""),
        ("requirements/production.txt", ""),
        (".env", "WEB_PORT=8000\nAPI_PORT=9000\nDATABASE_URL=postgres:///shop\n"),
        ("media/a.png", ""),
    ];
    const IGNORED: [&str; 3] = [".env", ".venv/", "media/"];

    #[test]
    fn nothing_is_asked_where_there_is_no_choice() {
        for files in [
            &[("README", "")][..],
            &[("uv.lock", ""), (".env", "PORT=8000\n"), ("requirements.txt", "")],
            &[("manage.py", MANAGE), ("requirements.txt", "")],
            &[("package-lock.json", "{}"), (".env", "WEB_PORT=3000\nAPI_PORT=4000\n")],
        ] {
            assert_eq!(interview(&mut look(files, &IGNORED), &[]), [""; 0], "{files:?}");
        }
    }

    #[test]
    fn the_first_answers_are_what_holds_unasked() {
        let mut project = look(&SHOP, &IGNORED);
        let before = project.recipe_text();
        let asked = interview(&mut project, &[]);
        assert_eq!(project.recipe_text(), before);
        assert_eq!(
            asked,
            [
                "several requirements files: which does a new worktree install? \
                 requirements/dev.txt | requirements/production.txt | none of them",
                "several ports in .env: which is the one that runserver listens on? \
                 WEB_PORT (8000) | API_PORT (9000)",
                "DATABASE_URL names a database: what does a new worktree have? one of its own, empty | \
                 one of its own, a copy of the main worktree's | the main worktree's, shared",
                "run 'python manage.py migrate' in a new worktree? yes, after its packages are installed | no",
                "git ignores 'media/': what does a new worktree have of it? nothing, it begins empty | \
                 a link to the main worktree's, whose files all then share | a copy of the main worktree's",
                "config/settings/production.py, requirements/production.txt: \
                 what is special about the worktree 'production'? \
                 its settings, its requirements, and it is protected | its settings, its requirements | nothing",
            ]
        );
    }

    #[test]
    fn answers_are_written_down() {
        let mut project = look(&SHOP, &IGNORED);
        interview(&mut project, &[2, 2, 2, 2, 2, 2]);
        let recipe = written(&project);
        assert_eq!(setup(&recipe), ["uv pip install -r requirements/production.txt"]);
        assert_eq!(recipe.port.variables[0], ("API_PORT".to_owned(), 9000));
        assert_eq!(recipe.database.as_ref().unwrap().from.wanted(), "main");
        assert_eq!(recipe.link.wanted(), &["media"]);
        interview(&mut project, &[3, 1, 3, 2, 3, 3]);
        let recipe = written(&project);
        // if migrating would change main's database, yes is the second answer
        assert_eq!(setup(&recipe), ["python manage.py migrate"]);
        assert!(*recipe.database.as_ref().unwrap().shared.wanted() && recipe.link.wanted().is_empty());
        assert_eq!(recipe.copy.last().unwrap(), "media/**");
        assert!(!project.recipe_text().contains("\n[template.production]"));
    }

    #[test]
    fn a_template_has_what_was_found_for_it() {
        let project = look(&SHOP, &IGNORED);
        let text = project.recipe_text();
        let source = Recipe::read(Some((Path::new(".wt.toml"), &text)), &[]).unwrap();
        let production = source.for_worktree(Recipe::default(), "production", None, None).unwrap();
        let expected = ["uv pip install -r requirements/production.txt", "python manage.py migrate"];
        assert_eq!(setup(&production), expected);
        assert!(production.protected);
        let settings = ("DJANGO_SETTINGS_MODULE".to_owned(), "config.settings.production".to_owned());
        assert!(
            production
                .env
                .values
                .iter()
                .any(|(name, value)| (name.clone(), value.wanted().clone()) == settings),
            "{text}"
        );
        assert!(!source.template_names().any(|name| name == "staging"));
    }

    #[test]
    fn a_branch_alone_is_asked_about_and_changes_nothing_unasked() {
        let mut project = look(&[("README", "")], &[]);
        project.look_for_branches(&|name| name == "production");
        let before = project.recipe_text();
        let asked = interview(&mut project, &[]);
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(project.recipe_text(), before);
        interview(&mut project, &[2]);
        assert!(project.recipe_text().contains("\n[template.production]\nprotected = true\n"));
    }

    #[test]
    fn migrations_stay_away_from_a_database_that_is_shared() {
        let settings =
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'shop'}}\n";
        for (files, why) in [
            (&[("manage.py", MANAGE), (".env", "DB_NAME=shop\n")][..], "DB_NAME is a name and no url"),
            (
                &[("manage.py", MANAGE), ("config/settings/base.py", settings)],
                "it is named in config/settings/",
            ),
        ] {
            let mut project = look(files, &IGNORED);
            assert!(project.troubles().join("\n").contains(why), "{:?}", project.troubles());
            assert!(setup(&written(&project)).is_empty(), "{files:?}");
            let asked = interview(&mut project, &[2]);
            assert!(asked[0].contains(why) && asked[0].contains("? no | yes"), "{asked:?}");
            assert_eq!(setup(&written(&project)), ["python manage.py migrate"]);
        }
        let sqlite =
            [("manage.py", MANAGE), (".env", "DB_ENGINE=django.db.backends.sqlite3\nDB_NAME=shop\n")];
        assert_eq!(setup(&written(&look(&sqlite, &IGNORED))), ["python manage.py migrate"]);
    }
}
