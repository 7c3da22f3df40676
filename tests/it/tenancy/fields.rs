//! What each value of the contract's requests can say about somebody else's things. A field that is not listed here fails
//! the test: whoever adds one has to say what it is.

use std::sync::LazyLock;

use litebox_partner::pb::DESCRIPTORS;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, MethodDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The id of something: somebody else's must look missing.
    Id(Thing),
    /// A token that an earlier answer brought: somebody else's must look made up.
    Token,
    /// A request id: somebody else's must look new.
    Request,
    /// A condition of a list: what only somebody else has must find nothing.
    Condition,
    /// Says by definition that it is taken, and not by whom: see docs/security.md.
    Defined,
    /// Is stored or sent on and compared with nothing that others have.
    Data,
}

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Client,
    Kkt,
    Device,
}

/// A method and its fields.
type Listed = (&'static str, &'static [(&'static str, Field)]);

/// Every field of every request that can name something, by method.
const FIELDS: &[Listed] = &[
    ("ClientService/LookupTaxpayer", &[("inn", Field::Defined)]),
    (
        "ClientService/Register",
        &[
            ("request_id", Field::Request),
            ("inn", Field::Defined),
            ("email", Field::Defined),
            ("address.*", Field::Data),
            ("phone", Field::Data),
            ("password", Field::Data),
            ("last_name", Field::Data),
            ("first_name", Field::Data),
            ("company", Field::Data),
            ("external_ref", Field::Data),
        ],
    ),
    ("ClientService/Get", &[("client_id", Field::Id(Thing::Client))]),
    (
        "ClientService/List",
        &[
            ("page_size", Field::Data),
            ("page_token", Field::Token),
            ("inn", Field::Condition),
            ("text", Field::Condition),
            ("external_ref", Field::Condition),
        ],
    ),
    (
        "KktService/QuickRegister",
        &[
            ("request_id", Field::Request),
            ("client_id", Field::Id(Thing::Client)),
            ("equipment.sale.model", Field::Data),
            ("equipment.sale.serial", Field::Defined),
            ("equipment.sale.fn_serial", Field::Defined),
            ("equipment.sale.device_id", Field::Id(Thing::Device)),
            ("equipment.rental.model", Field::Data),
            ("equipment.rental.months", Field::Data),
            ("signer.representative.authority_document", Field::Data),
            ("signer.last_name", Field::Data),
            ("signer.first_name", Field::Data),
            ("signer.middle_name", Field::Data),
            ("signer.position", Field::Data),
            ("signer.certificate_id", Field::Data),
            ("place.name", Field::Data),
            ("place.address.*", Field::Data),
            ("place.fias_id", Field::Data),
            ("place.tax_office", Field::Data),
            ("place.kpp", Field::Data),
            ("place.site_urls", Field::Data),
            ("automatic_device.numbers", Field::Data),
            ("ofd.inn", Field::Data),
            ("ofd.activation_code", Field::Data),
            ("operator.name", Field::Data),
            ("operator.inn", Field::Data),
            ("sender_email", Field::Data),
            ("acknowledged_warnings", Field::Data),
            ("external_ref", Field::Data),
        ],
    ),
    (
        "KktService/Fiscalize",
        &[("request_id", Field::Request), ("kkt_id", Field::Id(Thing::Kkt)), ("manual.*", Field::Data)],
    ),
    (
        "KktService/Amend",
        &[
            ("request_id", Field::Request),
            ("kkt_id", Field::Id(Thing::Kkt)),
            ("activation_code", Field::Data),
            ("device_id", Field::Id(Thing::Device)),
            ("report.*", Field::Data),
        ],
    ),
    ("KktService/Cancel", &[("request_id", Field::Request), ("kkt_id", Field::Id(Thing::Kkt))]),
    ("KktService/Get", &[("kkt_id", Field::Id(Thing::Kkt))]),
    (
        "KktService/List",
        &[
            ("page_size", Field::Data),
            ("page_token", Field::Token),
            ("client_id", Field::Id(Thing::Client)),
            ("serial", Field::Condition),
            ("fn_serial", Field::Condition),
            ("rnm", Field::Condition),
            ("inn", Field::Condition),
            ("external_ref", Field::Condition),
        ],
    ),
    ("KktService/Watch", &[("kkt_ids", Field::Id(Thing::Kkt)), ("resume_token", Field::Token)]),
];

/// All methods of the contract.
pub fn methods() -> Vec<MethodDescriptor> {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap());
    let ours = POOL.services().filter(|service| {
        service.full_name().starts_with("litebox.") && !service.full_name().starts_with("litebox.gateway.")
    });
    ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// `KktService/Get`
pub fn name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().name(), method.name())
}

/// The fields of a method's request that can name something, and what each is.
pub fn classified(method: &MethodDescriptor) -> Vec<(String, Field)> {
    classified_by(FIELDS, method)
}

fn classified_by(listed: &[Listed], method: &MethodDescriptor) -> Vec<(String, Field)> {
    let name = name(method);
    let listed = listed.iter().find(|(method, _)| *method == name);
    let listed = listed.unwrap_or_else(|| panic!("{name} is a new method: say in this file what its fields are")).1;
    let all = naming(&method.input(), "");
    for (path, _) in listed {
        assert!(all.iter().any(|one| fits(path, one)), "{name} has no field {path}");
    }
    let found = |path: &String| listed.iter().find(|(listed, _)| fits(listed, path));
    let found = |path: String| match found(&path) {
        Some((_, field)) => (path, *field),
        None => panic!("{name}.{path} is a new field: say in this file what it can tell of others"),
    };
    all.into_iter().map(found).collect()
}

/// Whole messages may be listed with a star.
fn fits(listed: &str, path: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(message) => path.starts_with(message),
        None => listed == path,
    }
}

/// Paths of all fields that can name something: texts, bytes, numbers, and whatever other libraries' messages hold.
fn naming(message: &MessageDescriptor, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for field in message.fields() {
        let path = format!("{at}{}", field.name());
        match field.kind() {
            Kind::Bool | Kind::Enum(_) => {}
            Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => {}
            Kind::Message(inner) if inner.full_name().starts_with("litebox.") => {
                found.extend(naming(&inner, &format!("{path}.")));
            }
            _ => found.push(path),
        }
    }
    found
}

#[test]
fn every_value_of_every_request_is_known_for_what_it_can_tell() {
    let methods = methods();
    assert_eq!(methods.len(), FIELDS.len(), "methods that are gone are not listed");
    let all: Vec<_> = methods.iter().flat_map(classified).collect();
    for field in [Field::Token, Field::Request, Field::Condition, Field::Defined, Field::Data] {
        assert!(all.iter().any(|(_, known)| *known == field));
    }
}

fn cancel() -> MethodDescriptor {
    methods().into_iter().find(|method| name(method) == "KktService/Cancel").unwrap()
}

#[test]
#[should_panic(expected = "KktService/Cancel is a new method")]
fn a_method_that_is_not_listed_is_noticed() {
    classified_by(&FIELDS[..2], &cancel());
}

#[test]
#[should_panic(expected = "KktService/Cancel.kkt_id is a new field")]
fn a_field_that_is_not_listed_is_noticed() {
    classified_by(&[("KktService/Cancel", &[("request_id", Field::Request)])], &cancel());
}

/// A message of ours with a field of this type.
fn with_a_field(kind: Type, of: Option<&str>) -> MessageDescriptor {
    let field = FieldDescriptorProto {
        name: Some("some".into()),
        number: Some(1),
        r#type: Some(kind.into()),
        type_name: of.map(Into::into),
        label: Some(Label::Optional.into()),
        ..Default::default()
    };
    let message = DescriptorProto { name: Some("M".into()), field: vec![field], ..Default::default() };
    let file = FileDescriptorProto {
        name: Some("litebox/new.proto".into()),
        package: Some("litebox.new".into()),
        dependency: vec!["google/protobuf/wrappers.proto".into(), "google/protobuf/any.proto".into()],
        message_type: vec![message],
        syntax: Some("proto3".into()),
        ..Default::default()
    };
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_message_by_name("litebox.new.M").unwrap()
}

#[test]
fn numbers_and_wrapped_values_can_name_something() {
    for kind in [Type::Int32, Type::Int64, Type::Fixed64, Type::Double, Type::String, Type::Bytes] {
        assert_eq!(naming(&with_a_field(kind, None), ""), ["some"], "{kind:?}");
    }
    for of in [".google.protobuf.StringValue", ".google.protobuf.Int64Value", ".google.protobuf.Any"] {
        assert_eq!(naming(&with_a_field(Type::Message, Some(of)), ""), ["some"], "{of}");
    }
    assert_eq!(naming(&with_a_field(Type::Bool, None), ""), Vec::<String>::new());
}
