//! The simulator over real HTTP, as a server and as a person with curl would meet it. One file an endpoint or concern.

mod calls;
mod checksession;
mod clock;
mod faults;
mod getuserphonenumber;
mod harness;
mod jscode2session;
mod people_and_apps;
mod phone;
mod policy;
mod serving;
mod stable_token;
mod token;
mod wechatpy;
