//! The binary: an exit code, and nothing else.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(git_wt::run(&std::env::args_os().collect::<Vec<_>>()))
}
