//! The program's own users. A real program would have its database here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use menjin_guard::{Loader, Person, Refusal};
use serde::Serialize;

/// Somebody who buys here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// The shop's own number of them.
    pub id: usize,
    /// How menjin names them.
    pub user: String,
}

/// All customers.
#[derive(Debug, Clone, Default)]
pub struct Customers(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    by_user: HashMap<String, usize>,
    banned: Vec<usize>,
}

impl Customers {
    /// From whom a token names to the customer: made when they first come, refused when the shop wants them no more.
    pub fn loader(&self) -> Loader<Customer> {
        let customers = self.clone();
        Loader::new(move |person: Person| {
            let found = customers.find_or_make(&person);
            async move { found }
        })
    }

    /// The shop wants this customer no more, whatever menjin says.
    pub fn ban(&self, customer: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).banned.push(customer);
    }

    fn find_or_make(&self, person: &Person) -> Result<Customer, Refusal> {
        // Who came with an old token may be the same as somebody here: a real program would look for the number.
        let caller = person.caller().ok_or_else(|| Refusal::Forbidden("an account of menjin's".to_owned()))?;
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (user, next) = (caller.user.to_string(), book.by_user.len() + 1);
        let id = *book.by_user.entry(user.clone()).or_insert(next);
        if book.banned.contains(&id) {
            return Err(Refusal::Forbidden("an account that the shop wants".to_owned()));
        }
        Ok(Customer { id, user })
    }
}
