//! Wire types and stubs of the public services, generated from `proto/` at build time.
//!
//! Never log a message: prost derives `Debug` for all of them but the one that carries a password.

pub use litebox::client::v1 as client;
pub use litebox::error::v1 as error;
pub use litebox::kkt::v1 as kkt;
pub use litebox::options::v1 as options;

use options::Scope;

/// The scope that each method of the public services requires, by its path.
pub const METHOD_SCOPES: &[(&str, Scope)] = include!(concat!(env!("OUT_DIR"), "/scopes.rs"));
/// All public files with their imports and comments, encoded, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

// Nested as the packages are: generated code refers to other packages by relative path.
#[expect(clippy::all, clippy::allow_attributes, reason = "generated code")]
mod litebox {
    pub mod client {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/public/litebox.client.v1.rs"));

            impl std::fmt::Debug for RegisterRequest {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("RegisterRequest(hidden)")
                }
            }
        }
    }
    pub mod kkt {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/public/litebox.kkt.v1.rs"));
        }
    }
    pub mod error {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/public/litebox.error.v1.rs"));
        }
    }
    pub mod options {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/public/litebox.options.v1.rs"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, MethodDescriptor, Value};

    fn pool() -> DescriptorPool {
        DescriptorPool::decode(DESCRIPTORS).unwrap()
    }

    fn scope(pool: &DescriptorPool, method: &MethodDescriptor) -> i32 {
        let option = pool.get_extension_by_name("litebox.options.v1.required_scope").unwrap();
        let Value::EnumNumber(number) = *method.options().get_extension(&option) else { panic!("not an enum") };
        number
    }

    #[test]
    fn every_method_declares_a_scope_and_stands_in_the_table() {
        let pool = pool();
        let services = pool.services().filter(|s| s.package_name().starts_with("litebox."));
        let methods: Vec<_> = services.flat_map(|s| s.methods().collect::<Vec<_>>()).collect();
        for method in &methods {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let (_, declared) = METHOD_SCOPES.iter().find(|(p, _)| *p == path).expect(&path);
            assert_ne!(*declared, Scope::Unspecified, "{path}");
            assert_eq!(scope(&pool, method), *declared as i32, "{path}");
        }
        assert_eq!(methods.len(), METHOD_SCOPES.len());
        assert_eq!(methods.len(), 4 + 7);
    }

    #[test]
    fn reflection_can_explain_error_details() {
        let pool = pool();
        for name in ["ErrorInfo", "BadRequest", "PreconditionFailure", "RetryInfo", "LocalizedMessage", "RequestInfo"] {
            assert!(pool.get_message_by_name(&format!("google.rpc.{name}")).is_some(), "{name}");
        }
        assert!(pool.get_enum_by_name("litebox.error.v1.ErrorReason").is_some());
    }

    #[test]
    fn validation_rules_survive_in_the_descriptors() {
        let pool = pool();
        let field = pool.get_message_by_name("litebox.client.v1.RegisterRequest").unwrap();
        let phone = field.get_field_by_name("phone").unwrap();
        let rules = pool.get_extension_by_name("buf.validate.field").unwrap();
        assert!(phone.options().get_extension(&rules).to_string().contains("[0-9]{3}-[0-9]{3}-[0-9]{4}"));
    }

    /// The message and everything it can contain, of our own packages.
    fn reach(message: MessageDescriptor, seen: &mut Vec<MessageDescriptor>) {
        if !message.full_name().starts_with("litebox.") || seen.contains(&message) {
            return;
        }
        seen.push(message.clone());
        for inner in message.fields().filter_map(|f| f.kind().as_message().cloned()) {
            reach(inner, seen);
        }
    }

    #[test]
    fn every_field_of_a_request_says_how_it_behaves_and_every_text_has_a_rule() {
        let pool = pool();
        let behavior = pool.get_extension_by_name("google.api.field_behavior").unwrap();
        let rules = pool.get_extension_by_name("buf.validate.field").unwrap();
        let mut messages = Vec::new();
        for method in pool.services().flat_map(|s| s.methods().collect::<Vec<_>>()) {
            reach(method.input(), &mut messages);
        }
        assert!(messages.len() > 20, "{}", messages.len());
        for field in messages.iter().flat_map(MessageDescriptor::fields) {
            assert!(field.options().has_extension(&behavior), "{} says nothing", field.full_name());
            let text = matches!(field.kind(), Kind::String);
            assert!(!text || field.options().has_extension(&rules), "{} has no rule", field.full_name());
        }
    }

    #[test]
    fn debug_of_a_registration_shows_nothing() {
        let request = client::RegisterRequest { password: "aB1!_-".into(), ..Default::default() };
        assert_eq!(format!("{request:?}"), "RegisterRequest(hidden)");
    }
}
