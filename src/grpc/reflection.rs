//! Reflection, v1 and v1alpha: grpcurl lists, calls and explains the service without its files. It serves
//! `google/rpc/error_details.proto` too, so that error details are printed.

use tonic_reflection::server::{Builder, Error, v1, v1alpha};

use crate::pb::DESCRIPTORS;

/// A name fits many times. What is asked stands twice in the answer.
const LARGEST_QUESTION: usize = 1024;

/// The descriptors as bytes: prost's own type would lose the options (rules, scopes).
fn files() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Reflection as most tools speak it today.
///
/// # Errors
/// When the embedded descriptors cannot be read: a defect of the build.
pub fn v1() -> Result<v1::ServerReflectionServer<impl v1::ServerReflection>, Error> {
    Ok(files().build_v1()?.max_decoding_message_size(LARGEST_QUESTION))
}

/// Reflection as older tools speak it.
///
/// # Errors
/// See [`v1`].
pub fn v1alpha() -> Result<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>, Error> {
    Ok(files().build_v1alpha()?.max_decoding_message_size(LARGEST_QUESTION))
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_versions_can_be_served() {
        assert!(super::v1().is_ok());
        assert!(super::v1alpha().is_ok());
    }
}
