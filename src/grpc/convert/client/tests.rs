use super::*;

fn good() -> pb::RegisterRequest {
    pb::RegisterRequest {
        request_id: "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a11".into(),
        client_type: pb::ClientType::Litebox.into(),
        inn: "7707083893".into(),
        address: Some(pb::Address {
            postal_code: "117997".into(),
            region: "г Москва".into(),
            city: "г Москва".into(),
            house: "19".into(),
            ..pb::Address::default()
        }),
        phone: "911-111-1111".into(),
        email: "shop@example.ru".into(),
        password: "aB1!_-".into(),
        ..pb::RegisterRequest::default()
    }
}

fn violations<T>(parsed: Result<T, Failure>) -> Vec<(String, &'static str)> {
    match parsed {
        Err(Failure::Validation(list)) => list.into_iter().map(|v| (v.field, v.reason)).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn a_whole_request_becomes_a_command() {
    let command = register(good(), 6).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(command.inn.as_str(), "7707083893");
    assert_eq!((command.company, command.validate_only), (None, false));
}

#[test]
fn an_empty_request_names_every_required_field_at_once() {
    let required = ["request_id", "client_type", "inn", "address", "phone", "email", "password"];
    let expected = required.map(|field| (field.to_owned(), "REQUIRED"));
    assert_eq!(violations(register(pb::RegisterRequest::default(), 6)), expected);
}

#[test]
fn each_bad_field_is_named_by_its_path() {
    let request = pb::RegisterRequest {
        phone: "+79111111111".into(),
        password: "abc.123".into(),
        client_type: 77,
        address: Some(pb::Address { postal_code: "1179".into(), ..pb::Address::default() }),
        company: "a".repeat(257),
        ..good()
    };
    let found = violations(register(request, 6));
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    let address = ["address.postal_code", "address.region", "address.house", "address.city"];
    assert_eq!(fields, [&["client_type"], address.as_slice(), &["phone", "password", "company"]].concat());
    assert!(found.contains(&("password".into(), "PASSWORD_CHARACTERS")));
}

#[test]
fn the_minimum_of_the_password_can_be_raised() {
    assert_eq!(violations(register(good(), 10)), [("password".to_owned(), "PASSWORD_LENGTH")]);
}

#[test]
fn a_list_without_conditions_is_the_newest_page() {
    let query = list(pb::ListRequest::default()).unwrap();
    assert_eq!((query.order, query.size, query.token), (Order::Newest, crate::page::DEFAULT_SIZE, None));
}

#[test]
fn a_list_refuses_a_negative_size_and_unknown_states() {
    let request = pb::ListRequest { page_size: -1, states: vec![2, 0, 9], ..pb::ListRequest::default() };
    let expected = [("page_size", "NEGATIVE"), ("states[1]", "REQUIRED"), ("states[2]", "UNKNOWN_VALUE")];
    assert_eq!(violations(list(request)), expected.map(|(field, reason)| (field.to_owned(), reason)));
}
