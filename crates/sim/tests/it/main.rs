//! The simulator over real HTTP, as a server and as a person with curl would meet it. One file an endpoint or concern.

mod by_sdks;
mod calls;
mod checksession;
mod client;
mod clock;
mod code_images;
mod encrypt_key;
mod faults;
mod getuserphonenumber;
mod harness;
mod jscode2session;
mod maintenance;
mod msg_sec_check;
mod oauth2;
mod other_ids;
mod others;
mod people_and_apps;
mod phone;
mod policy;
mod push;
mod scenario;
mod serving;
mod stable_token;
mod token;
mod tunnel;
mod wechatpy;
