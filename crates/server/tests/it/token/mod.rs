//! `POST /v1/token/refresh` and what access tokens hold.

mod access;
mod forged;
mod keys;
mod refresh;
mod shape;
