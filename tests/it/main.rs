//! Tests through the front door and against real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod architecture;
mod auth;
mod chaos;
mod chart;
mod cli;
mod clients;
mod configuration;
mod conformance;
mod contract;
mod documents;
mod edge;
mod erasure;
mod examples;
mod fleet;
mod grpc;
mod handbook;
mod identity;
mod killed;
mod kkt;
mod lifecycle;
mod limits;
mod model;
mod operators;
mod page;
mod plans;
mod privacy;
mod profiles;
mod reasons;
mod sandbox;
mod schema;
mod scripts;
mod storage;
mod support;
mod telemetry;
mod tenancy;
