//! `cargo xtask cluster`: starts two nodes and what belongs to them, says what is where, and lives until Ctrl-C.

#![expect(clippy::print_stdout, reason = "a tool for a terminal")]

use std::env;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, bail};
use menjin_testbed::{Cluster, SharedStore};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let store = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["--store", "postgres"] => SharedStore::Postgres,
        ["--store", "mariadb"] => SharedStore::MariaDb,
        _ => bail!("cluster wants nothing, `--store postgres` or `--store mariadb`"),
    };
    let own = env::current_exe()?;
    let menjin = own.with_file_name(format!("menjin{}", env::consts::EXE_SUFFIX));
    if !menjin.is_file() {
        bail!("{} is not there: `cargo xtask cluster` builds it first", menjin.display());
    }
    println!("starting …");
    let cluster = Cluster::start(&menjin, store)?;
    println!("{}", page(&cluster)?);
    // Ctrl-C ends this process at once, and the keepers of the folders all others.
    loop {
        thread::park();
    }
}

fn page(cluster: &Cluster) -> anyhow::Result<String> {
    let database = cluster.database.name();
    let balancer = cluster.balancer.url();
    let mut lines = vec![
        String::new(),
        format!("Two nodes of menjin on one {database}"),
        format!("  balancer    {balancer}    API: {balancer}/docs"),
    ];
    for (name, node) in ["A", "B"].iter().zip(&cluster.nodes) {
        let pid = node.program.pid().context("a node has ended")?;
        lines.push(format!(
            "  node {name}      {}    operator's side: {}    process {pid}",
            node.url, node.operator_url
        ));
    }
    lines.extend([
        format!("  {database:<11} {}", cluster.store_url),
        // redis-cli wants the user's name beside the password.
        format!("  Redis       {}", cluster.redis.url().replace("//:", "//default:")),
        format!("  WeChat      {}    simulated; control: {0}/_sim/", cluster.simulator_url),
        String::new(),
        "Logs (tail -f), and configuration".to_owned(),
    ]);
    let nodes = cluster.nodes.each_ref().map(|node| node.program.folder());
    lines.extend(nodes.map(|folder| format!("  {0}/log    {0}/menjin.toml", folder.display())));
    lines.push(format!("  {0}/access.log    {0}/nginx.conf", cluster.balancer.folder().display()));
    for folder in [cluster.database.folder(), cluster.redis.folder(), cluster.simulator.folder()] {
        lines.push(format!("  {}/log", folder.display()));
    }
    lines.extend([String::new(), "Sign in, and see who you are".to_owned(), sign_in(cluster)]);
    lines.extend([String::new(), "Kill one (-9), and start it again".to_owned()]);
    let by_hand = |(name, folder): (&str, &Path)| {
        let folder = folder.display();
        format!("  {name:<11} sh {folder}/kill\n  {:<11} sh {folder}/start", "")
    };
    lines.extend(cluster.mortals().map(by_hand));
    lines.extend([String::new(), "Ctrl-C ends all of it and removes the folders.".to_owned()]);
    Ok(lines.join("\n"))
}

fn sign_in(cluster: &Cluster) -> String {
    let (simulator, balancer, app) = (&cluster.simulator_url, cluster.balancer.url(), Cluster::APP);
    let member = |name: &str| format!(r#"sed 's/.*"{name}":"\([^"]*\)".*/\1/'"#);
    let (code, token) = (member("code"), member("access_token"));
    [
        format!(r#"  code=$(curl -s {simulator}/_sim/wx/login -d '{{"person":"alice"}}' | {code})"#),
        format!(r#"  answer=$(curl -s {balancer}/v1/login/{app} -H 'content-type: application/json' -d "{{\"code\":\"$code\"}}"); echo "$answer""#),
        format!(r#"  curl -s {balancer}/v1/me -H "authorization: Bearer $(echo "$answer" | {token})""#),
    ]
    .join("\n")
}
