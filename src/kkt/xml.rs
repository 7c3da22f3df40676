//! A small XML tree, written in windows-1251 as the formats of FNS demand.

use std::fmt::Write;

use encoding_rs::WINDOWS_1251;
use quick_xml::escape::escape;

/// An element: attributes in the order given, then children or text.
#[derive(Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: Option<String>,
}

crate::values::discreet::discreet!(Element);

impl Element {
    /// An empty element.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: None }
    }

    /// With an attribute.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With an attribute that may be absent.
    pub fn maybe(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With children after those it has.
    pub fn containing(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// With text instead of children.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The document with this root, in windows-1251. Characters outside it become numeric character references.
    pub fn to_windows_1251(&self) -> Vec<u8> {
        let mut document = String::from("<?xml version=\"1.0\" encoding=\"windows-1251\"?>\n");
        self.write(&mut document, 0);
        // The encoder writes what it lacks as `&#…;`: allowed in text and attribute values, and nothing else here can
        // hold such a character, names being ours.
        WINDOWS_1251.encode(&document).0.into_owned()
    }

    fn write(&self, to: &mut String, depth: usize) {
        let indent = depth * 2;
        let name = self.name;
        let _ = write!(to, "{:indent$}<{name}", "");
        for (attribute, value) in &self.attributes {
            let _ = write!(to, " {attribute}=\"{}\"", escape(value.as_str()));
        }
        if let Some(text) = &self.text {
            let _ = writeln!(to, ">{}</{name}>", escape(text.as_str()));
        } else if self.children.is_empty() {
            to.push_str("/>\n");
        } else {
            to.push_str(">\n");
            self.children.iter().for_each(|child| child.write(to, depth + 1));
            let _ = writeln!(to, "{:indent$}</{name}>", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_it() {
        let nasty = "<a b=\"c\">&amp;' ₽";
        let xml = Element::new("Имя").with("Знач", nasty).containing([Element::new("Т").text(nasty)]);
        let bytes = xml.to_windows_1251();
        let (text, _, _) = WINDOWS_1251.decode(&bytes);
        assert!(text.contains("Знач=\"&lt;a b=&quot;c&quot;&gt;&amp;amp;&apos; &#8381;\""), "{text}");
        assert_eq!(text.matches('<').count(), 5, "{text}");
    }
}
