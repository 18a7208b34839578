//! The `regard` command.

fn main() -> std::process::ExitCode {
    regard_client::cli::main()
}
