//! The binary `roadstead`: hands over to the command line and reports its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    roadstead::cli::main()
}
