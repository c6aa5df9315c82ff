//! The server of the database is killed amid the work, and started again: menjin lives on, refuses meanwhile, and recovers
//! by itself; what it acknowledged is there, and what was over stays over.

use std::collections::BTreeSet;

use menjin_server::entropy::{Entropy, SystemEntropy};

use super::phone::{Dice, Phone};
use super::server::Server;
use super::{PHONES, assert_consistent, install};
use crate::harness::start_sim;
use crate::store::{DatabaseServer, Folder};

const ROUNDS: usize = 4;

async fn kill_and_look(database: DatabaseServer) {
    let (sim, sim_url, _serving) = start_sim().await;
    let folder = install(Folder::on(&database.new_database().await), &sim_url).await;
    let seed = u64::from_be_bytes((&SystemEntropy::default() as &dyn Entropy).bytes());
    let mut dice = Dice(seed);
    let mut phones: Vec<_> = (0..PHONES).map(|nth| Phone::new(nth, dice.next())).collect();
    let mut kids = BTreeSet::new();
    let mut server = Server::start(folder.path(), &sim).await;
    for _round in 0..ROUNDS {
        let enough = 30 + dice.below(75);
        phones = server.lose_database_amid(phones, enough, &mut kids, database.kill()).await;
        database.start_again().await;
        server.recovers().await;
        server.publishes(&kids).await;
        phones = server.each(phones, async |phone, line| phone.looks(&line).await).await;
    }
    server.kill().await;
    let server = Server::start(folder.path(), &sim).await;
    server.publishes(&kids).await;
    phones = server.each(phones, async |phone, line| phone.looks_at_the_end(&line).await).await;
    server.kill().await;
    let tried = assert_consistent(&phones, seed);
    let enough = tried.logins > 30 && tried.refreshes > 30 && tried.ends > 10 && tried.in_doubt > ROUNDS;
    assert!(enough && kids.len() > 1, "seed {seed}: {tried:?}, {} keys", kids.len());
}

mod on_postgres {
    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_survives_every_kill_of_the_database() {
        kill_and_look(DatabaseServer::postgres().await).await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_survives_every_kill_of_the_database() {
        kill_and_look(DatabaseServer::mariadb().await).await;
    }
}
