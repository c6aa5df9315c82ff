//! PostgreSQL and MariaDB run the suite of all back ends: two nodes are two pools on one database.

use super::connection::Dialect;
use super::fresh::Fresh;
use crate::store::conformance::{Bench, conformance};

async fn bench(dialect: Dialect) -> Bench {
    let fresh = Fresh::of(dialect).await;
    let (store, other) = (fresh.open(8).await, fresh.open(8).await);
    let raw = Box::new(move |sql: &str| fresh.query_now(sql).unwrap());
    Bench { store, other, raw, _keeps: Box::new(()) }
}

mod on_postgres {
    use super::*;

    async fn bench() -> Bench {
        super::bench(Dialect::Postgres).await
    }

    conformance!(crate::store::sql::conforms::on_postgres::bench);
}

mod on_mariadb {
    use super::*;

    async fn bench() -> Bench {
        super::bench(Dialect::MySql).await
    }

    conformance!(crate::store::sql::conforms::on_mariadb::bench);
}
