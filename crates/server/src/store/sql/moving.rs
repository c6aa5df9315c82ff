//! Users and identities of another system.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::Timestamp;

use super::connection::{Connection, Dialect};
use super::error::overtaken;
use super::statement::statements;
use super::value::{Value, id, values};
use super::{Database, passwords};
use crate::store::across::NOTES;
use crate::store::moving::{Found, Verdict};
use crate::store::rows;
use crate::store::{MovedIn, MovingIn, NewIdentity, Newcomer, Result};

macro_rules! user {
    () => {
        "INSERT INTO users (number, id, external_id, nickname, avatar_url, created_at, updated_at, disabled_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    };
}

macro_rules! identity {
    () => {
        "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at)
        VALUES (?1, (SELECT coalesce(merged_into, number) FROM users WHERE number = ?2), ?3, ?4, ?5, ?6, ?7, ?8)"
    };
}

statements! {
    NOTES_OF_A_MOVE on pg_class = each(
        "SELECT count(*) FROM pg_catalog.pg_class
        WHERE relname = ?1 AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())",
        "SELECT count(*) FROM information_schema.tables WHERE table_name = ?1 AND table_schema = database()",
    );
    HAS_NUMBER on users = both("SELECT coalesce(merged_into, number) FROM users WHERE number = ?1");
    HAS_EXTERNAL_ID on users = both("SELECT number FROM users WHERE external_id = ?1");
    HAS_IDENTITY on identities = both("SELECT user_number FROM identities WHERE openid = ?3 AND appid = ?2 AND platform = ?1");
    USER on users = each(concat!(user!(), " ON CONFLICT DO NOTHING"), user!());
    IDENTITY on identities = each(concat!(identity!(), " ON CONFLICT DO NOTHING"), identity!());
    NEXT on users = both("SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM users_number_seq");
    RAISE on users = both("SELECT setval(pg_get_serial_sequence('users', 'number'), ?1 + 1, false)");
    TABLE on users = both("SHOW CREATE TABLE users");
}

/// Who moves in.
struct Batch {
    newcomers: Vec<Newcomer>,
    now: Timestamp,
    rehearsal: bool,
}

#[async_trait]
impl MovingIn for Database {
    async fn move_in(&self, newcomers: Vec<Newcomer>, now: Timestamp, rehearsal: bool) -> Result<Vec<MovedIn>> {
        let batch = Batch { newcomers, now, rehearsal };
        self.transact(&batch, |on, batch| move_in(on, batch).boxed()).await
    }

    async fn is_half_moved(&self) -> Result<bool> {
        Ok(self.pool.row(&NOTES_OF_A_MOVE, values![NOTES], rows::value::<i64>).await? > Some(0))
    }

    async fn number_from(&self, above: i64) -> Result<i64> {
        if self.pool.dialect() == Dialect::Postgres {
            return self.transact(&above, |on, above| raise(on, *above).boxed()).await;
        }
        self.pool.alone(&above, |on, above| raise_mysql(on, *above).boxed(), super::connection::LONGEST).await
    }
}

/// On PostgreSQL. Where it stands high enough it is not touched: setting it to what was read would give a number twice.
async fn raise(on: &mut Connection<'_>, above: i64) -> Result<i64> {
    let next = next(on).await?;
    if next > above {
        return Ok(next);
    }
    // Whoever adds a user waits for this lock, so that no number is given between looking and raising.
    on.say("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").await?;
    let next = self::next(on).await?;
    if next > above {
        return Ok(next);
    }
    Ok(RAISE.row(on, values![above], rows::value).await?.unwrap_or(above + 1))
}

async fn next(on: &mut Connection<'_>) -> Result<i64> {
    Ok(NEXT.row(on, &[], rows::value).await?.unwrap_or(1))
}

async fn raise_mysql(on: &mut Connection<'_>, above: i64) -> Result<i64> {
    let table: String = TABLE.row(on, &[], |it| it.get::<String>().and_then(|_| it.get())).await?.unwrap_or_default();
    let next = table.split_once(" AUTO_INCREMENT=").map_or("1", |(_, rest)| rest.split(' ').next().unwrap_or("1"));
    let next = next.parse().unwrap_or(1);
    if next > above {
        return Ok(next);
    }
    on.say_made(format!("ALTER TABLE users AUTO_INCREMENT = {}", above + 1)).await?;
    Ok(above + 1)
}

async fn move_in(on: &mut Connection<'_>, batch: &Batch) -> Result<Vec<MovedIn>> {
    let mut moved = Vec::with_capacity(batch.newcomers.len());
    for newcomer in &batch.newcomers {
        let verdict = find(on, newcomer).await?.verdict(newcomer);
        if !batch.rehearsal {
            carry_out(on, newcomer, &verdict, batch.now).await?;
        }
        moved.push(verdict.into());
    }
    Ok(moved)
}

async fn carry_out(on: &mut Connection<'_>, newcomer: &Newcomer, verdict: &Verdict, now: Timestamp) -> Result<()> {
    match verdict {
        Verdict::Refuse(_) => {}
        Verdict::Make => {
            insert_user(on, newcomer, now).await?;
            for identity in &newcomer.identities {
                insert_identity(on, newcomer, identity).await?;
            }
            insert_password(on, newcomer, true, now).await?;
        }
        Verdict::Add(places, password) => {
            for at in places {
                insert_identity(on, newcomer, &newcomer.identities[*at]).await?;
            }
            insert_password(on, newcomer, *password, now).await?;
        }
    }
    Ok(())
}

async fn find(on: &mut Connection<'_>, newcomer: &Newcomer) -> Result<Found> {
    let stays = HAS_NUMBER.row(on, values![newcomer.number], rows::value::<i64>).await?;
    let mut found = Found {
        number: stays.is_some(),
        external_id: None,
        identities: Vec::with_capacity(newcomer.identities.len()),
        username: None,
        password: false,
    };
    if let Some(new) = &newcomer.password {
        found.username = passwords::holder(on, &new.lookup).await?;
        found.password = passwords::chosen(on, newcomer.number).await?.is_some();
    }
    if let Some(external_id) = &newcomer.external_id {
        found.external_id = HAS_EXTERNAL_ID.row(on, values![external_id], rows::value).await?;
    }
    for NewIdentity { name, .. } in &newcomer.identities {
        let values = values![name.platform, &name.appid, &name.openid];
        found.identities.push(HAS_IDENTITY.row(on, values, rows::value).await?);
    }
    Ok(found.by_name_of(newcomer.number, stays))
}

async fn insert_password(on: &mut Connection<'_>, newcomer: &Newcomer, wanted: bool, now: Timestamp) -> Result<()> {
    let Some(new) = newcomer.password.as_ref().filter(|_| wanted) else { return Ok(()) };
    // Somebody registered with the name meanwhile.
    if passwords::add(on, newcomer.number, new, now).await? { Ok(()) } else { Err(overtaken()) }
}

async fn insert_user(on: &mut Connection<'_>, newcomer: &Newcomer, now: Timestamp) -> Result<()> {
    let Newcomer { number, external_id, nickname, avatar_url, created_at, disabled, .. } = newcomer;
    let (user, disabled_at) = (id(newcomer.id), disabled.then_some(now));
    let values = values![*number, &user, external_id, nickname, avatar_url, *created_at, now, disabled_at];
    // Somebody signed in as them meanwhile.
    if USER.add(on, values).await? { Ok(()) } else { Err(overtaken()) }
}

async fn insert_identity(on: &mut Connection<'_>, newcomer: &Newcomer, identity: &NewIdentity) -> Result<()> {
    let NewIdentity { name, unionid, .. } = identity;
    let (unionid, account) = unionid.as_ref().map(|(unionid, account)| (unionid.as_str(), account.as_str())).unzip();
    let row = id(identity.id);
    let values: [Value<'_>; 8] = [
        (&row).into(),
        newcomer.number.into(),
        name.platform.into(),
        (&name.appid).into(),
        (&name.openid).into(),
        account.into(),
        unionid.into(),
        newcomer.created_at.into(),
    ];
    if IDENTITY.add(on, &values).await? { Ok(()) } else { Err(overtaken()) }
}
