//! What operators do about roles, by command and by their API alike: defined, removed, given, taken, and who has which.

use std::collections::BTreeSet;

use menjin_token::{Timestamp, UserId};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::named;
use crate::problem::{Fault, Problem, RoleFault};
use crate::state::Menjin;
use crate::store::{
    Actor, AuditLine, HoldingRole, PuttingRole, RoleHeld, RoleName, RolePut, RoleRefused, RoleRow, RoleTurn, RolesTold,
};

/// A page of people has so many at most.
const LONGEST_PAGE: u32 = 200;

/// What a role shall be.
#[derive(Debug, Clone, Default)]
pub struct NewRole {
    /// What it is for, in one line.
    pub description: String,
    /// What it allows by itself, such as `orders:read` or `orders:*`.
    pub permissions: Vec<String>,
    /// Names of roles that it has in it: of its own audience, else of every one.
    pub includes: Vec<String>,
}

/// A role as operators see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// The audience that it is for; nothing for every one.
    pub audience: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows by itself.
    pub permissions: Vec<String>,
    /// The roles in it.
    pub includes: Vec<String>,
    /// What it allows with the roles in it.
    pub all_permissions: Vec<String>,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// A role that somebody has.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = HeldRole)]
pub struct HeldRoleView {
    /// Its name.
    pub role: String,
    /// The audience that it is defined for; nothing for every one.
    pub defined_for: Option<String>,
    /// The audience that they have it for; nothing for every one.
    pub audience: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
}

/// Somebody who has a role.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleHolder)]
pub struct HolderView {
    /// Who.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub user: UserId,
    /// Their number.
    pub number: i64,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// The audience that they have it for; nothing for every one.
    pub audience: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
}

/// People who have a role, in the order in which they got it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleHolders)]
pub struct Holders {
    /// At most as many as were asked for.
    pub items: Vec<HolderView>,
    /// What the next page comes after, if there is one.
    pub next: Option<String>,
}

impl RoleView {
    fn of(row: RoleRow, all: &[RoleRow]) -> Self {
        let name = |number: &i64| all.iter().find(|row| row.number == *number).map(|row| row.name.name.clone());
        Self {
            includes: row.includes.iter().filter_map(name).collect(),
            name: row.name.name,
            audience: row.name.audience,
            description: row.description,
            permissions: row.permissions,
            all_permissions: row.whole.permissions,
            changed_at: row.changed_at,
        }
    }
}

impl Menjin {
    /// All roles, by name.
    pub async fn roles(&self) -> Result<Vec<RoleView>, Problem> {
        let all = self.store.roles().await?;
        Ok(all.iter().cloned().map(|row| RoleView::of(row, &all)).collect())
    }

    /// A role.
    pub async fn role(&self, name: &RoleName) -> Result<RoleView, Problem> {
        let all = self.store.roles().await?;
        Ok(RoleView::of(found(&all, name)?.clone(), &all))
    }

    /// Defines a role, or defines it anew; who has it has it so at once, everywhere.
    pub async fn put_role(&self, by: &Actor, name: &RoleName, new: NewRole) -> Result<RoleView, Problem> {
        named::role(&name.name)?;
        self.knows_audience(name.audience.as_deref())?;
        new.permissions.iter().try_for_each(|text| named::permission(text))?;
        new.includes.iter().try_for_each(|text| named::role(text))?;
        let each_once = |texts: Vec<String>| BTreeSet::from_iter(texts).into_iter().collect();
        let put = self.store.put_role(PuttingRole {
            name: name.clone(),
            description: named::description(&new.description)?,
            permissions: each_once(new.permissions),
            includes: each_once(new.includes),
            turn: self.role_turn(by, "role.changed", name),
        });
        let row = match put.await? {
            RolePut::Put(row, told) => {
                self.roles_told(&told).await;
                row
            }
            RolePut::Unchanged(row) => row,
            RolePut::Refused(refused) => {
                return Err(Problem::Role(match refused {
                    RoleRefused::Unknown(_) => RoleFault::Unknown,
                    RoleRefused::Cycle => RoleFault::Cycle,
                    RoleRefused::TooMany => RoleFault::TooMany,
                    RoleRefused::TooLarge => RoleFault::TooLarge,
                }));
            }
        };
        Ok(RoleView::of(row, &self.store.roles().await?))
    }

    /// Removes a role: nobody has it any more, at once, everywhere.
    pub async fn remove_role(&self, by: &Actor, name: &RoleName) -> Result<(), Problem> {
        let turn = self.role_turn(by, "role.removed", name);
        let told = self.store.remove_role(name.clone(), turn).await?;
        self.roles_told(&told.ok_or(Problem::Role(RoleFault::Unknown))?).await;
        Ok(())
    }

    /// Gives somebody the role of this name for one audience, or everywhere (`None`); false when they had it. It is the
    /// audience's own role, else that of every one.
    pub async fn grant_role(
        &self,
        by: &Actor,
        user: UserId,
        role: &str,
        audience: Option<&str>,
    ) -> Result<bool, Problem> {
        self.knows_audience(audience)?;
        let granting = self.holding(by, "role.granted", user, (role, audience));
        self.held(self.store.grant_role(granting).await?).await
    }

    /// Takes a role from somebody that they have for one audience, or everywhere (`None`); false when they had it not.
    pub async fn revoke_role(
        &self,
        by: &Actor,
        user: UserId,
        role: &str,
        audience: Option<&str>,
    ) -> Result<bool, Problem> {
        let revoking = self.holding(by, "role.revoked", user, (role, audience));
        self.held(self.store.revoke_role(revoking).await?).await
    }

    /// The roles of somebody.
    pub async fn roles_of(&self, user: UserId) -> Result<Vec<HeldRoleView>, Problem> {
        let user = self.store.user(user).await?.ok_or(Problem::UserUnknown)?;
        let held = self.store.roles_of(user.number).await?.into_iter().map(|held| HeldRoleView {
            role: held.role.name,
            defined_for: held.role.audience,
            audience: held.audience,
            granted_at: held.granted_at,
        });
        Ok(held.collect())
    }

    /// Who has a role, for whichever audience: a page of `limit` people, 200 at most, after `next` of the page before.
    pub async fn holders_of(&self, name: &RoleName, after: Option<&str>, limit: u32) -> Result<Holders, Problem> {
        let all = self.store.roles().await?;
        let role = found(&all, name)?.number;
        let after = after.map_or(Some([0; 16]), place).ok_or_else(|| Problem::field("after", Fault::NotACursor))?;
        let limit = limit.clamp(1, LONGEST_PAGE);
        let mut found = self.store.holders(role, after, limit + 1).await?;
        let is_more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| is_more).map(|last| format!("{:032x}", u128::from_be_bytes(last.id)));
        let items = found.into_iter().map(|holder| HolderView {
            user: holder.user,
            number: holder.number,
            nickname: holder.nickname,
            audience: holder.audience,
            granted_at: holder.granted_at,
        });
        Ok(Holders { items: items.collect(), next })
    }

    fn knows_audience(&self, audience: Option<&str>) -> Result<(), Problem> {
        let is_known = audience.is_none_or(|audience| self.apps.has_audience(audience));
        if is_known { Ok(()) } else { Err(Problem::Role(RoleFault::AudienceUnknown)) }
    }

    fn role_turn(&self, by: &Actor, action: &'static str, name: &RoleName) -> RoleTurn {
        let now = self.clock.now();
        let audit = AuditLine { detail: Some(name.to_string()), ..by.line(action) };
        RoleTurn { now, began: Instant::now(), tokens_until: self.tokens_until(now), audit }
    }

    fn holding(
        &self,
        by: &Actor,
        action: &'static str,
        user: UserId,
        (role, audience): (&str, Option<&str>),
    ) -> HoldingRole {
        let name = RoleName { name: role.to_owned(), audience: audience.map(str::to_owned) };
        // What is not called like a role is none, and nothing that was sent goes into the audit then.
        let turn = self.role_turn(by, action, &name);
        // In the order of time, so that pages stay what they were.
        let mut id = [0; 16];
        id[..8].copy_from_slice(&turn.now.millis().to_be_bytes());
        id[8..].copy_from_slice(&self.entropy.bytes::<8>());
        HoldingRole { user, role: name.name, audience: name.audience, id, turn }
    }

    async fn held(&self, held: RoleHeld) -> Result<bool, Problem> {
        match held {
            RoleHeld::Changed(user, version) => {
                super::changed_for(self, user, version);
                self.fast.wake.tell_now().await;
                Ok(true)
            }
            RoleHeld::Unchanged => Ok(false),
            RoleHeld::UserUnknown => Err(Problem::UserUnknown),
            RoleHeld::RoleUnknown => Err(Problem::Role(RoleFault::Unknown)),
            RoleHeld::TooMany => Err(Problem::Role(RoleFault::TooMany)),
        }
    }

    async fn roles_told(&self, told: &RolesTold) {
        let until = self.tokens_until(self.clock.now());
        for name in &told.names {
            self.ended.role_changed(name, told.version, until);
        }
        self.fast.wake.tell_now().await;
    }
}

fn found<'r>(all: &'r [RoleRow], name: &RoleName) -> Result<&'r RoleRow, Problem> {
    all.iter().find(|row| row.name == *name).ok_or(Problem::Role(RoleFault::Unknown))
}

/// What a cursor says.
fn place(cursor: &str) -> Option<[u8; 16]> {
    let is_hex = cursor.len() == 32 && cursor.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(cursor, 16).ok())?.map(u128::to_be_bytes)
}
