//! Contents of documents for people: JSON and XML as they are, protobuf by its field numbers. Pure.

use encoding_rs::WINDOWS_1251;

/// The content as text. Bytes that are neither text nor protobuf are shown in hexadecimal.
pub fn readable(content: &[u8]) -> String {
    let declared =
        content.starts_with(b"<?xml") && content[..content.len().min(100)].windows(12).any(|w| w == b"windows-1251");
    if declared {
        return WINDOWS_1251.decode(content).0.into_owned();
    }
    match std::str::from_utf8(content) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => text.to_owned(),
        _ => message(content, 0).unwrap_or_else(|| hex(content)),
    }
}

/// A protobuf message as `protoc --decode_raw` shows it: field numbers stand for names. `None` when it is none.
fn message(mut bytes: &[u8], depth: usize) -> Option<String> {
    let (indent, mut text) = ("  ".repeat(depth), String::new());
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let (field, kind) = (key >> 3, key & 7);
        let shown = match kind {
            0 => format!(": {}", varint(&mut bytes)?),
            1 => format!(": 0x{}", hex(take(&mut bytes, 8)?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                nested(take(&mut bytes, length)?, depth, &indent)
            }
            5 => format!(": 0x{}", hex(take(&mut bytes, 4)?)),
            _ => return None,
        };
        if field == 0 {
            return None;
        }
        text.push_str(&format!("{indent}{field}{shown}\n"));
    }
    Some(text)
}

/// Text, else a message inside, else bytes.
fn nested(bytes: &[u8], depth: usize, indent: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!(": {text:?}"),
        _ => match message(bytes, depth + 1).filter(|_| depth < 8) {
            Some(inner) => format!(" {{\n{inner}{indent}}}"),
            None => format!(": 0x{}", hex(bytes)),
        },
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?.first().copied()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_shown_as_people_can_read_them() {
        let xml = WINDOWS_1251.encode("<?xml version=\"1.0\" encoding=\"windows-1251\"?><Файл/>").0.into_owned();
        assert!(readable(&xml).ends_with("<Файл/>"));
        assert_eq!(readable("{\"а\": 1}\n".as_bytes()), "{\"а\": 1}\n");
        // 1: 150, 2: "касса", 3: { 1: 1 }
        let inner = [0x1a, 2, 0x08, 0x01];
        let text = [&[0x08, 0x96, 0x01, 0x12, 10][..], "касса".as_bytes(), &inner].concat();
        assert_eq!(readable(&text), "1: 150\n2: \"касса\"\n3 {\n  1: 1\n}\n");
        assert_eq!(readable(&[0xff, 0x00]), "ff00");
    }
}
