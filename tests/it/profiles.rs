//! How the program is built for release is how its floor is built, and the pure paths: else ratios compare compilers.

use std::path::Path;

use toml::{Table, Value};

fn release(manifest: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let manifest: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    manifest["profile"]["release"].as_table().unwrap().clone()
}

#[test]
fn the_floor_is_built_as_the_product() {
    let (product, mut bench) = (release("Cargo.toml"), release("bench/Cargo.toml"));
    let libraries = bench["package"].as_table_mut().unwrap();
    // There the product is a library like others, which are made small.
    assert_eq!(libraries.remove("litebox-partner").unwrap()["opt-level"], product["opt-level"]);
    assert_eq!(bench, product);
}

#[test]
fn cryptography_is_not_made_small() {
    // Below level 3 it takes an environment that leaves its assembly out for a build that is not for release.
    assert_eq!(release("Cargo.toml")["package"]["aws-lc-sys"]["opt-level"], Value::Integer(3));
}
