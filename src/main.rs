//! The binary: turns `run`'s result into an exit code, and does nothing else.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(git_wt::run(&std::env::args_os().collect::<Vec<_>>()))
}
