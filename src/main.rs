//! The one binary: server, sandbox and operators' commands.

use std::process::ExitCode;

use clap::Parser;
use litebox_partner::cli::{self, Cli};

/// A quarter faster than the C library's on small reads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
