//! `Debug` of the wire types, written from their descriptors: a field marked `debug_redact` is shown as `**`, and only
//! when it is set. prost's own `Debug` would show everything.

use std::path::Path;
use std::{error::Error, fs};

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

const OWN: &str = "litebox.";

/// The messages whose `Debug` is written here, as prost names them.
pub fn own(pool: &DescriptorPool) -> Vec<String> {
    messages(pool).map(|message| format!(".{}", message.full_name())).collect()
}

/// Appends `Debug` of all own messages and their oneofs to what prost has generated in `out`.
pub fn append(pool: &DescriptorPool, out: &Path) -> Result<(), Box<dyn Error>> {
    for message in messages(pool) {
        if message.parent_message().is_some() {
            return Err(format!("{}: Debug of nested messages is not written yet", message.full_name()).into());
        }
        let file = out.join(format!("{}.rs", message.package_name()));
        let oneofs = message.oneofs().filter(|oneof| !oneof.fields().any(|f| is_optional(&f)));
        let code = oneofs.map(|oneof| of_oneof(&message, &oneof)).chain([of_message(&message)]).collect::<String>();
        fs::write(&file, fs::read_to_string(&file)? + &code)?;
    }
    Ok(())
}

fn messages(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> + '_ {
    pool.all_messages().filter(|message| message.package_name().starts_with(OWN) && !message.is_map_entry())
}

fn of_message(message: &MessageDescriptor) -> String {
    let fields: String =
        message.fields().filter(|f| f.containing_oneof().is_none() || is_optional(f)).map(line).collect();
    let oneofs = message.oneofs().filter(|oneof| !oneof.fields().any(|f| is_optional(&f)));
    let oneofs: String = oneofs.map(|o| format!("shown.field({0:?}, &self.{0});\n", o.name())).collect();
    let name = message.name();
    implementation(name, &format!("let mut shown = f.debug_struct({name:?});\n{fields}{oneofs}shown.finish()"))
}

fn line(field: FieldDescriptor) -> String {
    let name = field.name();
    if !is_redacted(&field) {
        // The accessor tells the name of an enum's value.
        let by_name = matches!(field.kind(), Kind::Enum(_)) && field.cardinality() != Cardinality::Repeated;
        let call = if by_name { "()" } else { "" };
        return format!("shown.field({name:?}, &self.{name}{call});\n");
    }
    let show = format!("shown.field({name:?}, &::core::format_args!(\"**\"));");
    if matches!(field.kind(), Kind::Message(_)) && !field.is_list() || is_optional(&field) {
        return format!("if self.{name}.is_some() {{ {show} }}\n");
    }
    if field.is_list() || matches!(field.kind(), Kind::String | Kind::Bytes) {
        return format!("if !self.{name}.is_empty() {{ {show} }}\n");
    }
    format!("{show}\n")
}

fn of_oneof(message: &MessageDescriptor, oneof: &OneofDescriptor) -> String {
    let arm = |field: FieldDescriptor| {
        let variant = camel(field.name());
        if is_redacted(&field) {
            return format!("Self::{variant}(_) => f.write_str(\"{variant}(**)\"),\n");
        }
        format!("Self::{variant}(value) => f.debug_tuple({variant:?}).field(value).finish(),\n")
    };
    let arms: String = oneof.fields().map(arm).collect();
    let name = format!("{}::{}", snake(message.name()), camel(oneof.name()));
    implementation(&name, &format!("match self {{\n{arms}}}"))
}

fn implementation(name: &str, body: &str) -> String {
    let signature = "fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result";
    format!("impl ::core::fmt::Debug for {name} {{\n{signature} {{\n{body}\n}}\n}}\n")
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    options.get_field_by_name("debug_redact").and_then(|value| value.as_bool()).unwrap_or(false)
}

/// A proto3 `optional` field stands alone in a oneof that nobody wrote.
fn is_optional(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().proto3_optional()
}

fn camel(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn snake(camel: &str) -> String {
    let mut name = String::new();
    for sign in camel.chars() {
        if sign.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(sign.to_lowercase());
    }
    name
}
