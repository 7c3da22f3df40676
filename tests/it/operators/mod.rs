//! What LiteBox's support does, through the library and through the real binary.

mod commands;
mod documents;
mod exits;
mod switches;

use crate::support::desk::{DOCUMENTS as KEY, Desk, on_both_desks};

impl Desk {
    /// Changes something, with a reason; without one it is refused.
    fn does(&self, line: &[&str]) -> String {
        self.declines(line);
        self.says(&[line, &["--reason", "T-1"]].concat())
    }

    /// The actions in the audit log about a registration, the oldest first.
    fn audited(&self, kkt: &str) -> Vec<String> {
        let lines = self.tells(&["audit", "list", "--kkt", kkt]);
        let lines = lines.as_array().unwrap().iter().rev();
        lines
            .map(|line| {
                assert_eq!((&line["actor"], &line["reason"]), (&"anna".into(), &"T-1".into()));
                line["action"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}
