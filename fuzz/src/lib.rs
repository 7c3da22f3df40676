//! What all fuzzers are made of.

use std::path::Path;
use std::{fs, io};

/// The fuzzer of the reader of this name.
#[macro_export]
macro_rules! reader {
    ($name:ident) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::sow(stringify!($name)).expect("the samples can be written"),
            |bytes: &[u8]| {
                litebox_partner::fuzzing::$name(bytes);
            }
        );
    };
}

/// Puts the reader's samples where its fuzzer begins: from nothing it hardly ever finds a checksum or a whole message.
pub fn sow(name: &str) -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let samples = litebox_partner::fuzzing::targets().into_iter().filter(|target| target.name == name);
    let samples = samples.flat_map(|target| target.samples).enumerate();
    samples.into_iter().try_for_each(|(at, sample)| fs::write(corpus.join(format!("sample-{at}")), sample))
}
