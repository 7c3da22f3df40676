//! Wire types and stubs of the public services, generated from `proto/` at build time.
//!
//! Their `Debug` is written by `build/debug.rs`: fields marked `debug_redact` are shown as `**`. Never log one all the same.

pub use litebox::client::v1 as client;
pub use litebox::error::v1 as error;
pub use litebox::kkt::v1 as kkt;
pub use litebox::options::v1 as options;

/// The scope that each method of the public services requires, by its path.
#[cfg(feature = "server")]
pub const METHOD_SCOPES: &[(&str, options::Scope)] = include!(concat!(env!("OUT_DIR"), "/scopes.rs"));
/// All public files with their imports and comments, encoded, for reflection.
#[cfg(feature = "server")]
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

// Nested as the packages are: generated code refers to other packages by relative path.
#[expect(clippy::all, reason = "generated code")]
#[cfg_attr(feature = "server", expect(clippy::allow_attributes, reason = "generated code, of servers"))]
mod litebox {
    pub mod client {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/public/litebox.client.v1.rs"));
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

#[cfg(feature = "server")]
#[cfg(test)]
mod tests {
    use super::options::Scope;
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

    /// Names of text fields that tell nothing about a person and open nothing. All others must be `debug_redact`.
    const HARMLESS: &[&str] = &[
        "account_effect_id",
        "account_id",
        "acknowledged_warnings",
        "actor",
        "advice",
        "application_id",
        "client_id",
        "code",
        "contract_number",
        "detail",
        "device_id",
        "effect_id",
        "fiscal_sign",
        "fn_model",
        "fn_serial",
        "handover",
        "id",
        "kkt_id",
        "kkt_ids",
        "kkt_model",
        "kkt_serial",
        "kpp",
        "left_at_fns",
        "local_time",
        "method",
        "model",
        "number",
        "numbers",
        "ofd_inn",
        "reason",
        "request_id",
        "reservation_effect_id",
        "rnm",
        "serial",
        "sign_in_address",
        "status_text",
        "subject",
        "tax_office",
        "time_zone",
        "why_not",
    ];

    fn redacted(field: &prost_reflect::FieldDescriptor) -> bool {
        field.options().get_field_by_name("debug_redact").and_then(|v| v.as_bool()).unwrap_or(false)
    }

    /// Text fields of our own messages that are neither redacted nor known to be harmless.
    fn open_texts(pool: &DescriptorPool, harmless: &[&str]) -> Vec<String> {
        let own = pool.all_messages().filter(|m| m.full_name().starts_with("litebox."));
        let fields = own.flat_map(|m| m.fields().collect::<Vec<_>>());
        let texts = fields.filter(|f| matches!(f.kind(), Kind::String | Kind::Bytes));
        let open = texts.filter(|f| !redacted(f) && !harmless.contains(&f.name()));
        open.map(|f| f.full_name().to_owned()).collect()
    }

    #[test]
    fn every_text_of_a_message_is_redacted_or_known_to_be_harmless() {
        let gateways = DescriptorPool::decode(crate::gateways::pb::DESCRIPTORS).unwrap();
        for pool in [pool(), gateways] {
            assert_eq!(
                open_texts(&pool, HARMLESS),
                Vec::<String>::new(),
                "mark it debug_redact, or say it is harmless"
            );
            let noticed = open_texts(&pool, &HARMLESS[1..]);
            assert!(open_texts(&pool, &[]).len() > 20 && noticed.iter().all(|f| f.ends_with("account_effect_id")));
        }
    }

    #[test]
    fn debug_shows_what_is_harmless_and_hides_the_rest() {
        let request = client::RegisterRequest {
            request_id: "id-1".into(),
            inn: "7707083893".into(),
            address: Some(client::Address { street: "Вавилова".into(), ..Default::default() }),
            password: "aB1!_-".into(),
            ..Default::default()
        };
        let shown = format!("{request:?}");
        assert!(shown.starts_with("RegisterRequest { request_id: \"id-1\""), "{shown}");
        assert!(shown.contains("inn: **") && shown.contains("password: **") && !shown.contains("email"), "{shown}");
        assert!(["7707083893", "Вавилова", "aB1!_-"].iter().all(|secret| !shown.contains(secret)), "{shown}");
        let change = kkt::amend_request::Change::ActivationCode("FD13MM123456".into());
        let amend = kkt::AmendRequest { change: Some(change), ..Default::default() };
        assert!(format!("{amend:?}").contains("change: Some(ActivationCode(**))"), "{amend:?}");
    }

    #[test]
    fn no_message_shows_a_redacted_value_whatever_it_is() {
        use crate::gateways::pb::accounts::{EnsureAccountRequest, SetInitialPasswordRequest};
        let mark = || "CANARY".to_owned();
        let order =
            EnsureAccountRequest { inn: mark(), login: mark(), company: mark(), phone: mark(), ..Default::default() };
        let password = SetInitialPasswordRequest { password: mark(), ..Default::default() };
        let operator = kkt::Operator { name: mark(), inn: mark() };
        let shown = format!("{order:?} {password:?} {operator:?}");
        assert!(!shown.contains("CANARY") && shown.matches("**").count() == 7, "{shown}");
    }
}
