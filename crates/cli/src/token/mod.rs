//! `menjin token …`: what stands in a token, and whether it is good. Does not: deciding that (`menjin-token`).

mod decode;
mod jwks;
mod lines;
mod verify;

use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print header and claims of a token that anybody may have written · 查看令牌（不验证）
    Decode(decode::Arguments),
    /// Verify tokens, one a line on standard input · 验证令牌，每行一个
    Verify(verify::Arguments),
}

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Decode(arguments) => decode::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Verify(arguments) => verify::run(arguments).await,
    }
}
