//! A small strict reader of XML documents in windows-1251.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element with its attributes and children. Text between elements is not kept; only blanks are allowed there, save
/// in elements without children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Name.
    pub name: String,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Children in order.
    pub children: Vec<Element>,
    /// Text directly inside, trimmed.
    pub text: String,
}

impl Element {
    /// The value of an attribute; empty when it is absent.
    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }

    /// The only child with this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        let mut named = self.children.iter().filter(|child| child.name == name);
        named.next().filter(|_| named.next().is_none())
    }

    /// The element at a path of only children.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }
}

/// Reads a document. It must say that it is windows-1251 and be so.
///
/// # Errors
/// Says what is wrong with the form.
pub fn read(bytes: &[u8]) -> Result<Element, String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).to_lowercase();
    if !head.starts_with("<?xml") || !head.contains("windows-1251") {
        return Err("no declaration of windows-1251".into());
    }
    let text = encoding_rs::WINDOWS_1251.decode_without_bom_handling_and_without_replacement(bytes);
    let text = text.ok_or("not windows-1251")?;
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(tag) => open.push(element(&tag)?),
            Event::Empty(tag) => {
                let done = element(&tag)?;
                close(&mut open, done)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or("an end without a start")?;
                close(&mut open, done)?;
            }
            Event::Text(text) => add_text(&mut open, &text.xml_content(XmlVersion::Explicit1_0)),
            Event::GeneralRef(_) => add_text(&mut open, "&"),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => break,
            _ => return Err("only elements are expected".into()),
        }
    }
    root(open)
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let name = tag.name().0.to_owned();
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|e| e.to_string())?;
        attributes.insert(attribute.key.0.to_owned(), value.into_owned());
    }
    Ok(Element { name, attributes, ..Element::default() })
}

fn close(open: &mut [Element], done: Element) -> Result<(), String> {
    let parent = open.last_mut().ok_or("an end without a start")?;
    parent.children.push(done);
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text.trim());
    }
}

fn root(mut open: Vec<Element>) -> Result<Element, String> {
    let mut document = open.pop().filter(|_| open.is_empty()).ok_or("an element is not closed")?;
    let root = document.children.pop().ok_or("there is no root")?;
    if document.children.is_empty() && document.text.is_empty() {
        Ok(root)
    } else {
        Err("there are several roots".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> Vec<u8> {
        encoding_rs::WINDOWS_1251.encode(text).0.into_owned()
    }

    #[test]
    fn elements_and_attributes_are_read() {
        let root = read(&encoded(
            "<?xml version=\"1.0\" encoding=\"windows-1251\"?>\n<Файл А=\"&quot;Б&quot;\"><В Г=\"1\"/></Файл>",
        ))
        .unwrap();
        assert_eq!((root.name.as_str(), root.get("А")), ("Файл", "\"Б\""));
        assert_eq!(root.at(&["В"]).map(|v| v.get("Г")), Some("1"));
        assert_eq!(root.at(&["Д"]), None);
    }

    #[test]
    fn what_is_not_one_whole_document_is_refused() {
        let head = "<?xml version=\"1.0\" encoding=\"windows-1251\"?>";
        for bad in ["", "<Файл>", "<А/><Б/>", "<А></Б>", "<А Б=\"1\" Б=\"2\"/>"] {
            assert!(read(&encoded(&format!("{head}{bad}"))).is_err(), "{bad}");
        }
        assert!(read("<?xml version=\"1.0\" encoding=\"utf-8\"?><А/>".as_bytes()).is_err());
        assert!(read(&encoded("<Файл/>")).is_err());
    }
}
