//! What the blocks of README.md take for granted, each in place of the line at the end.
#![expect(unused, reason = "it is compiled, and never run")]

use std::error::Error;
use std::ops::ControlFlow;

use futures::TryStreamExt;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::kkt::{AmendRequest, Kkt, QuickRegisterRequest, amend_request};
use litebox_partner::sdk::{ErrorReason, Partner, WaitError, WaitOptions, WatchOptions, new_request_id};

fn another_code() -> String {
    String::new()
}
fn ask(_: &str, _: &str) {}
fn forget(_: &str) {}
fn load() -> String {
    String::new()
}
fn log<T>(_: T) {}
fn show<T, U>(_: T, _: U) {}
fn show_people(_: &str) {}
fn store<T>(_: T) {}
fn take<T>(_: T) {}

const _: () = {
    async fn snippet(
        partner: Partner,
        mut order: QuickRegisterRequest,
        id: String,
        page_token: String,
    ) -> Result<Kkt, Box<dyn Error>> {
        // BLOCK
        Ok(Kkt::default())
    }
};
